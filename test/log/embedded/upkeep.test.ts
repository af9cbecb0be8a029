import { copyFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EmbeddedLog, EmbeddedLogOptions } from '../../../src/log/embedded/embedded.ts';
import { newestOffsets } from '../../../src/log/embedded/newest.ts';
import type { Delivery, Log } from '../../../src/ports.ts';
import { DAY, HOUR } from '../../../src/units.ts';
import { allOf, contentOf, openLog, settableTime, text, withDirectory } from './support.ts';

const compacted = { policy: 'compact', lagMs: HOUR, tombstonesMs: DAY, partitions: 1 } as const;
const deleted = { policy: 'delete', retentionMs: DAY, partitions: 1 } as const;

type Bracket = {
  log: EmbeddedLog;
  directory: string;
  time: ReturnType<typeof settableTime>;
  reopen: () => Promise<EmbeddedLog>;
};

const withLog = (
  policy: EmbeddedLogOptions['topics'][string],
  work: (bracket: Bracket) => Promise<void>,
  options = {},
) =>
  withDirectory(async (directory) => {
    const time = settableTime(Date.parse('2026-01-01'));
    const open = () => openLog(directory, { t: policy }, { time, rollMs: 0, segmentBytes: 400, ...options });
    let log = await open();
    const reopen = async () => {
      await log.close();
      log = await open();
      return log;
    };
    try {
      await work({ log, directory, time, reopen });
    } finally {
      await log.close();
    }
  });

const contents = async (log: Log) => (await allOf(log, 't')).map((record) => `${record.key}=${contentOf(record)}`);

const take = async (iterator: AsyncIterator<Delivery>, count: number) => {
  const taken: Delivery[] = [];
  while (taken.length < count) taken.push((await iterator.next()).value);
  return taken;
};

const segmentsOf = async (directory: string) => (await readdir(join(directory, 'topics', 't', '0'))).sort();

describe('retention', () => {
  it('removes what is too old, keeps the rest, and moves no offset', async () => {
    await withLog(deleted, async ({ log, time, reopen }) => {
      for (const value of ['1', '2', '3']) {
        await log.append('t', [text('k', value)]);
        time.at += 10 * HOUR;
      }
      const reader = log.read('t', 'g');
      for (const delivery of await take(reader[Symbol.asyncIterator](), 1)) delivery.settle();
      await reader.close();
      await log.upkeep();
      expect(await contents(log)).toEqual(['k=2', 'k=3']);
      expect(await log.bounds('t')).toEqual([{ start: 1, end: 3 }]);
      const again = await reopen();
      expect(await contents(again)).toEqual(['k=2', 'k=3']);
      expect(await again.committed('t', 'g')).toEqual([1]);
    });
  });

  it('lets a group that was too slow go on with the first record that is left', async () => {
    await withLog(deleted, async ({ log, time }) => {
      for (const value of ['1', '2', '3']) await log.append('t', [text('k', value)]);
      const iterator = log.read('t', 'g')[Symbol.asyncIterator]();
      const [first] = await take(iterator, 1);
      time.at += 2 * DAY;
      await log.append('t', [text('k', '4')]);
      await log.upkeep();
      const [next] = await take(iterator, 1);
      expect(next?.offset).toBe(3);
      expect(() => first?.settle()).not.toThrow();
      next?.settle();
      expect(await log.within('t', 'g', 1)).toBe(true);
    });
  });

  it('forgets a quiet topic, too', async () => {
    await withLog(deleted, async ({ log, time, directory }) => {
      for (const value of ['1', '2']) await log.append('t', [text('k', value)]);
      time.at += 2 * DAY;
      await log.upkeep();
      expect(await contents(log)).toEqual([]);
      expect(await log.bounds('t')).toEqual([{ start: 2, end: 2 }]);
      expect(await segmentsOf(directory)).toEqual(['0000000000000002.log']);
    });
  });
});

describe('compaction', () => {
  it('keeps the newest record of each key at its offset, and everything that is younger than the lag', async () => {
    await withLog(compacted, async ({ log, time, reopen }) => {
      for (let round = 0; round < 30; round += 1)
        await log.append('t', [text('a', `${round}`), text(`b${round % 3}`, `${round}`)]);
      time.at += 2 * HOUR;
      for (const value of ['x', 'y']) await log.append('t', [text('a', value)]);
      await log.upkeep();
      const left = ['b0=27', 'b1=28', 'a=29', 'b2=29', 'a=x', 'a=y'];
      expect(await contents(log)).toEqual(left);
      const again = await reopen();
      expect(await contents(again)).toEqual(left);
      expect((await allOf(again, 't')).map(({ offset }) => offset)).toEqual([55, 57, 58, 59, 60, 61]);
      expect((await again.bounds('t'))[0]?.end).toBe(62);
    });
  });

  it('keeps a tombstone until every reader had its time, and never brings back what it covered', async () => {
    await withLog(compacted, async ({ log, time, reopen }) => {
      await log.append('t', [text('a', '1'), text('b', '1')]);
      await log.append('t', [{ key: 'a', value: null }]);
      time.at += 2 * HOUR;
      await log.upkeep();
      expect(await contents(log)).toEqual(['b=1', 'a=null']);
      time.at += 2 * DAY;
      await log.append('t', [text('c', '1')]);
      time.at += 2 * HOUR;
      await log.upkeep();
      expect(await contents(log)).toEqual(['b=1', 'c=1']);
      expect(await contents(await reopen())).toEqual(['b=1', 'c=1']);
    });
  });

  it('leaves a reader that stands in the middle of it every newest record', async () => {
    await withLog(compacted, async ({ log, time }) => {
      for (let round = 0; round < 100; round += 1) await log.append('t', [text(`k${round % 10}`, `${round}`)]);
      time.at += 2 * HOUR;
      const iterator = log.read('t', 'g')[Symbol.asyncIterator]();
      const before = await take(iterator, 37);
      await log.upkeep();
      const after = await take(iterator, 10);
      expect(after.map(contentOf)).toEqual(Array.from({ length: 10 }, (_, at) => `${90 + at}`));
      for (const delivery of [...before, ...after]) delivery.settle();
      expect(await log.within('t', 'g', 1)).toBe(true);
    });
  });

  it('comes to the same with one pass and with many, with restarts and appends between them', async () => {
    const step = fc.oneof(
      { weight: 8, arbitrary: fc.record({ key: fc.nat(5), value: fc.option(fc.nat()) }) },
      { weight: 2, arbitrary: fc.constant('upkeep' as const) },
      { weight: 1, arbitrary: fc.constant('reopen' as const) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        await withLog(compacted, async (bracket) => {
          let { log } = bracket;
          const newest = new Map<string, string | null>();
          const append = async (key: string, value: string | null) => {
            await log.append('t', [value === null ? { key, value } : text(key, value)]);
            newest.set(key, value);
          };
          for (const what of steps) {
            if (what === 'reopen') log = await bracket.reopen();
            else if (what === 'upkeep') {
              bracket.time.at += 2 * HOUR;
              await log.upkeep();
            } else await append(`k${what.key}`, what.value === null ? null : `${what.value}`);
            // Of each key the last record must be what was appended last, unless that was a tombstone that may go.
            const found = new Map((await allOf(log, 't')).map((record) => [record.key, contentOf(record)]));
            for (const [key, value] of newest) expect(found.get(key) ?? null).toBe(value);
          }
          bracket.time.at += 2 * DAY;
          for (let at = 0; at < 20; at += 1) await append('last', `${at}`);
          bracket.time.at += 2 * HOUR;
          await log.upkeep();
          const left = [...newest].filter(([, value]) => value !== null).map(([key, value]) => `${key}=${value}`);
          expect((await contents(log)).sort()).toEqual(left.sort());
        });
      }),
      { numRuns: 25 },
    );
  });

  it('picks up after a crash between its rename and its removals', async () => {
    await withLog(compacted, async ({ log, directory, time, reopen }) => {
      for (let round = 0; round < 12; round += 1) await log.append('t', [text(`k${round % 2}`, `${round}`)]);
      time.at += 2 * HOUR;
      const place = join(directory, 'topics', 't', '0');
      const before = await segmentsOf(directory);
      for (const name of before) await copyFile(join(place, name), join(directory, name));
      await log.upkeep();
      const after = await segmentsOf(directory);
      const left = await contents(log);
      for (const name of before) if (!after.includes(name)) await copyFile(join(directory, name), join(place, name));
      await writeFile(join(place, `${before[0]}.tmp`), 'half a draft');
      expect(await contents(await reopen())).toEqual(left);
      expect(await segmentsOf(directory)).toEqual(after);
    });
  });

  it('waits until there is enough to gain', async () => {
    await withLog(compacted, async ({ log, directory, time }) => {
      for (let at = 0; at < 60; at += 1) await log.append('t', [text(`k${at}`, '0')]);
      time.at += 2 * HOUR;
      await log.upkeep();
      const before = await segmentsOf(directory);
      await log.append('t', [text('k0', '1')]);
      time.at += 2 * HOUR;
      await log.upkeep();
      expect((await segmentsOf(directory)).slice(0, before.length - 1)).toEqual(before.slice(0, -1));
      expect((await contents(log)).filter((content) => content.startsWith('k0='))).toEqual(['k0=0', 'k0=1']);
    });
  });

  it('runs by itself, beside appends', async () => {
    const policy = { ...compacted, lagMs: 0 };
    await withLog(
      policy,
      async ({ log, time }) => {
        for (let round = 0; round < 60; round += 1) {
          time.at += 1;
          await log.append('t', [text('k', `${round}`)]);
        }
        while ((await contents(log)).length > 5) await time.sleep(5);
        expect((await contents(log)).at(-1)).toBe('k=59');
      },
      { upkeepMs: 5 },
    );
  });

  it('tells keys apart by all their bytes and their encoding, however many there are', () => {
    const newest = newestOffsets();
    const key = (at: number) => Buffer.from(`key ${at}`);
    for (let at = 0; at < 20_000; at += 1) newest.note(key(at % 10_000), false, at);
    expect(newest.keys()).toBe(10_000);
    for (let at = 0; at < 10_000; at += 1) expect(newest.of(key(at), false)).toBe(10_000 + at);
    expect(newest.of(key(1), true)).toBeUndefined();
    expect(newest.of(key(10_000), false)).toBeUndefined();
  });
});
