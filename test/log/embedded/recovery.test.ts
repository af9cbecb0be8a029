import { appendFile, readdir, readFile, stat, truncate, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Damaged, StopFlow } from '../../../src/errors.ts';
import { prepare, writeFrame } from '../../../src/log/embedded/frames.ts';
import { HOUR } from '../../../src/units.ts';
import { allOf, contentOf, openLog, realTime, text, withDirectory } from './support.ts';

const topics = { t: { policy: 'delete', retentionMs: HOUR, partitions: 1 } } as const;

const partitionOf = (directory: string) => join(directory, 'topics', 't', '0');
const segmentsOf = async (directory: string) =>
  (await readdir(partitionOf(directory))).sort().map((name) => join(partitionOf(directory), name));

const lastSegment = async (directory: string) => (await segmentsOf(directory)).at(-1) ?? '';

/** What a write of these records leaves in the file, if nothing stops it. */
const framesOf = (values: readonly string[], offset: number) => {
  const records = values.map((value) => prepare(text('k', value)));
  const bytes = Buffer.alloc(records.reduce((sum, record) => sum + record.bytes, 0));
  let at = 0;
  records.forEach((record, index) => {
    at = writeFrame(bytes, at, record, offset + index, 1);
  });
  return bytes;
};

const read = async (directory: string) => {
  const log = await openLog(directory, topics);
  const records = await allOf(log, 't');
  await log.close();
  return records;
};

const write = async (directory: string, values: readonly string[], options = {}) => {
  const log = await openLog(directory, topics, options);
  for (const value of values) await log.append('t', [text('k', value)]);
  const [offset] = (await log.bounds('t')).map(({ end }) => end);
  await log.close();
  return offset ?? 0;
};

/** As if the process had died before it noted down how far the segment was durable. */
const forgetCheckpoint = (directory: string) => unlink(join(directory, 'checkpoint.json'));

describe('opening the embedded log after a crash', () => {
  it('keeps every acknowledged record and drops the torn tail, whatever the crash left of a write', async () => {
    const values = fc.array(fc.string({ maxLength: 300 }), { minLength: 1, maxLength: 10 });
    const tail = fc.record({
      written: values,
      /** How much of the write came to the disk, and where it was garbled. */
      share: fc.double({ min: 0, max: 1, noNaN: true }),
      garbled: fc.option(fc.double({ min: 0, max: 1, noNaN: true })),
      garbage: fc.uint8Array({ maxLength: 64 }),
      zeros: fc.nat(5000),
    });
    await fc.assert(
      fc.asyncProperty(values, tail, fc.boolean(), values, async (acknowledged, torn, noted, later) => {
        await withDirectory(async (directory) => {
          const end = await write(directory, acknowledged);
          if (!noted) await forgetCheckpoint(directory);
          const bytes = framesOf(torn.written, end);
          const left = Buffer.from(bytes.subarray(0, Math.floor(bytes.length * torn.share)));
          if (torn.garbled !== null && left.length > 0) {
            const at = Math.min(left.length - 1, Math.floor(left.length * torn.garbled));
            left[at] = (left[at] ?? 0) ^ 0x5a;
          }
          const file = await lastSegment(directory);
          await appendFile(file, Buffer.concat([left, torn.garbage, Buffer.alloc(torn.zeros)]));

          const records = await read(directory);
          const found = records.map(contentOf);
          expect(found.slice(0, acknowledged.length)).toEqual(acknowledged);
          // Nobody was told of the others: any first part of them may be there, and nothing else.
          expect(found.slice(acknowledged.length)).toEqual(torn.written.slice(0, found.length - acknowledged.length));
          expect(records.map(({ offset }) => offset)).toEqual(records.map((_, at) => at));

          await write(directory, later);
          const all = await read(directory);
          expect(all.slice(0, records.length)).toEqual(records);
          expect(all.slice(records.length).map(contentOf)).toEqual(later);
          expect(all.map(({ offset }) => offset)).toEqual(all.map((_, at) => at));
        });
      }),
      { numRuns: 60 },
    );
  });

  it('stops when acknowledged records are missing, rather than give their offsets to others', async () => {
    await withDirectory(async (directory) => {
      await write(directory, ['a', 'b', 'c']);
      const file = await lastSegment(directory);
      await truncate(file, (await stat(file)).size - 1);
      await expect(openLog(directory, topics)).rejects.toThrow(StopFlow);
      await expect(openLog(directory, topics)).rejects.toThrow(/damaged/);
    });
  });

  it('stops when the last segment is missing', async () => {
    await withDirectory(async (directory) => {
      await write(directory, ['a', 'b', 'c'], { segmentBytes: 1 });
      await unlink(await lastSegment(directory));
      await expect(openLog(directory, topics)).rejects.toThrow(/damaged: .*0000000000000002\.log is missing/);
    });
  });

  it('stops when a group has settled more than is there', async () => {
    await withDirectory(async (directory) => {
      const log = await openLog(directory, topics);
      await log.append('t', [text('k', 'a'), text('k', 'b')]);
      const reader = log.read('t', 'g');
      const iterator = reader[Symbol.asyncIterator]();
      for (let at = 0; at < 2; at += 1) (await iterator.next()).value?.settle();
      await log.close();
      const file = join(directory, 'checkpoint.json');
      // As it was written before there were sums.
      const { sum: _, ...checkpoint } = JSON.parse(await readFile(file, 'utf8'));
      checkpoint.topics.t.partitions = [];
      await writeFile(file, JSON.stringify(checkpoint));
      await truncate(await lastSegment(directory), 0);
      await expect(openLog(directory, topics)).rejects.toThrow(/has settled t\/0 up to 2, but it ends at 0/);
    });
  });

  it('stops when a segment in the middle is missing', async () => {
    await withDirectory(async (directory) => {
      await write(directory, ['a', 'b', 'c'], { segmentBytes: 1 });
      await unlink((await segmentsOf(directory))[1] ?? '');
      await expect(read(directory)).rejects.toThrow(/damaged: .* holds nothing from offset 1 to 2/);
    });
  });

  it.each(['checkpoint.json', 'identity.json'])('stops when a character of %s has changed', async (name) => {
    await withDirectory(async (directory) => {
      await write(directory, ['a', 'b']);
      const file = join(directory, name);
      const before = await readFile(file, 'utf8');
      for (let at = 0; at < before.length; at += 7) {
        const changed = String.fromCharCode(before.charCodeAt(at) ^ 1);
        await writeFile(file, before.slice(0, at) + changed + before.slice(at + 1));
        const opened = await openLog(directory, topics).catch((error: unknown) => error);
        // A name that is not looked for any more is as if there were no sum.
        if (before.slice(at - 3, at + 4).includes('sum')) continue;
        expect([at, opened]).toEqual([at, expect.any(Damaged)]);
      }
      await writeFile(file, before);
    });
  });

  it('stops at a record that was durable and is not what was written, and says where', async () => {
    await withDirectory(async (directory) => {
      await write(directory, ['a', 'b', 'c'], { segmentBytes: 1 });
      const [first = ''] = await segmentsOf(directory);
      const bytes = await readFile(first);
      bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
      await writeFile(first, bytes);
      await expect(read(directory)).rejects.toThrow(/damaged: .*0000000000000000\.log .* at byte 0/);
    });
  });

  it('gives no offset twice after everything has been forgotten', async () => {
    await withDirectory(async (directory) => {
      await write(directory, ['a', 'b', 'c'], { segmentBytes: 1 });
      const time = { at: Date.now() + 2 * HOUR };
      const log = await openLog(directory, topics, { time: { ...realTime, now: () => time.at } });
      await log.upkeep();
      expect(await log.bounds('t')).toEqual([{ start: 3, end: 3 }]);
      await log.close();
      await forgetCheckpoint(directory);
      await write(directory, ['d']);
      expect((await read(directory)).map(({ offset }) => offset)).toEqual([3]);
    });
  });

  it('refuses another number of partitions, which would break the order of keys', async () => {
    await withDirectory(async (directory) => {
      await write(directory, ['a']);
      const more = { t: { ...topics.t, partitions: 2 } };
      await expect(openLog(directory, more)).rejects.toThrow(/topic t has 1 partitions, not 2/);
    });
  });

  it('keeps the places of groups on topics that are not configured for a while', async () => {
    await withDirectory(async (directory) => {
      const log = await openLog(directory, topics);
      await log.append('t', [text('k', 'a')]);
      (await log.read('t', 'g')[Symbol.asyncIterator]().next()).value?.settle();
      await log.close();
      await (await openLog(directory, { other: topics.t })).close();
      const again = await openLog(directory, topics);
      expect(await again.committed('t', 'g')).toEqual([1]);
      await again.close();
    });
  });

  it('keeps its identity as long as its directory', async () => {
    await withDirectory(async (directory) => {
      const first = await openLog(directory, topics);
      await first.close();
      const second = await openLog(directory, topics);
      expect(await second.identity()).toBe(await first.identity());
      await second.close();
      await withDirectory(async (elsewhere) => {
        const third = await openLog(elsewhere, topics);
        expect(await third.identity()).not.toBe(await first.identity());
        await third.close();
      });
    });
  });
});
