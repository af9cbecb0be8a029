import type { FileHandle } from 'node:fs/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { StopFlow, TryAgain } from '../../../src/errors.ts';
import type { EmbeddedLog } from '../../../src/log/embedded/embedded.ts';
import { allOf, contentOf, openLog, settableTime, text, withDirectory } from './support.ts';

/** What the disk refuses from now on: an operation on files whose path holds `where`. */
const disk = vi.hoisted(() => ({ fails: undefined as { where: string; what: string; code: string } | undefined }));

vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>();
  const refuse = (path: string, what: string) => {
    if (disk.fails?.what === what && path.includes(disk.fails.where))
      throw Object.assign(new Error(`${disk.fails.code}: ${what} failed`), { code: disk.fails.code });
  };
  return {
    ...real,
    async open(path: string, flags: string) {
      refuse(path, 'open');
      const handle = await real.open(path, flags);
      return new Proxy(handle, {
        get(target, name) {
          const value = Reflect.get(target, name);
          if (typeof value !== 'function') return value;
          return async (...args: unknown[]) => {
            if (name === 'write' && disk.fails?.what === 'write' && path.includes(disk.fails.where)) {
              // A full disk takes a part, and fails with the rest.
              const [bytes, at, length, position] = args as [Buffer, number, number, number];
              if (length > 20) return target.write(bytes, at, 20, position);
            }
            refuse(path, String(name));
            return Reflect.apply(value, target, args);
          };
        },
      }) as FileHandle;
    },
  };
});

const topics = { t: { policy: 'delete', retentionMs: 3_600_000, partitions: 1 } } as const;

afterEach(() => {
  disk.fails = undefined;
});

const withLog = (work: (log: EmbeddedLog, directory: string, reported: unknown[]) => Promise<void>, options = {}) =>
  withDirectory(async (directory) => {
    const reported: unknown[] = [];
    const log = await openLog(directory, topics, { report: (error) => reported.push(error), ...options });
    try {
      await work(log, directory, reported);
    } finally {
      disk.fails = undefined;
      await log.close();
    }
  });

const valuesOf = async (log: EmbeddedLog) => (await allOf(log, 't')).map(contentOf);

describe('the embedded log on a failing disk', () => {
  for (const what of ['write', 'datasync'])
    it(`shows nothing of an append whose ${what} failed, and goes on where it was`, async () => {
      await withLog(async (log, directory) => {
        await log.append('t', [text('k', 'before')]);
        disk.fails = { where: '.log', what, code: 'ENOSPC' };
        await expect(log.append('t', [text('k', 'lost')])).rejects.toThrow(TryAgain);
        await expect(log.append('t', [text('k', 'lost, too')])).rejects.toThrow(/cannot append to t\/0: ENOSPC/);
        expect(await valuesOf(log)).toEqual(['before']);
        disk.fails = undefined;
        await log.append('t', [text('k', 'after')]);
        await log.close();
        const again = await openLog(directory, topics);
        expect((await allOf(again, 't')).map(({ offset }) => offset)).toEqual([0, 1]);
        expect(await valuesOf(again)).toEqual(['before', 'after']);
        await again.close();
      });
    });

  it('fails all appends that shared the write, and none that came after it', async () => {
    await withLog(async (log) => {
      disk.fails = { where: '.log', what: 'datasync', code: 'EDQUOT' };
      const together = await Promise.allSettled([1, 2, 3].map((at) => log.append('t', [text('k', `${at}`)])));
      expect(together.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
      disk.fails = undefined;
      await log.append('t', [text('k', 'after')]);
      expect(await valuesOf(log)).toEqual(['after']);
    });
  });

  it('stops the flow for an error that does not pass by itself', async () => {
    await withLog(async (log) => {
      disk.fails = { where: '.log', what: 'datasync', code: 'EIO' };
      await expect(log.append('t', [text('k', 'v')])).rejects.toThrow(StopFlow);
    });
  });

  it('writes nothing more until what a failed write left can be removed', async () => {
    await withLog(async (log) => {
      disk.fails = { where: '.log', what: 'datasync', code: 'ENOSPC' };
      await expect(log.append('t', [text('k', 'lost')])).rejects.toThrow(TryAgain);
      disk.fails = { where: '.log', what: 'truncate', code: 'ENOSPC' };
      await expect(log.append('t', [text('k', 'lost')])).rejects.toThrow(TryAgain);
      disk.fails = undefined;
      await log.append('t', [text('k', 'kept')]);
      expect(await valuesOf(log)).toEqual(['kept']);
    });
  });

  it('loses nothing when a new segment cannot be opened, also behind one that is there already', async () => {
    await withLog(
      async (log, directory) => {
        await log.append('t', [text('k', '0')]);
        // The directory of the partition cannot be written, so the new segment may be there or not.
        disk.fails = { where: 'topics/t/0', what: 'sync', code: 'ENOSPC' };
        await expect(log.append('t', [text('k', 'lost')])).rejects.toThrow(TryAgain);
        disk.fails = undefined;
        for (const value of ['1', '2', '3']) await log.append('t', [text('k', value)]);
        expect(await valuesOf(log)).toEqual(['0', '1', '2', '3']);
        await log.close();
        const again = await openLog(directory, topics);
        expect(await valuesOf(again)).toEqual(['0', '1', '2', '3']);
        await again.close();
      },
      { segmentBytes: 1 },
    );
  });

  it('puts no record into a segment that upkeep was about to close when the disk failed', async () => {
    await withDirectory(async (directory) => {
      const compacted = { t: { policy: 'compact', lagMs: 0, tombstonesMs: 0, partitions: 1 } } as const;
      const options = { rollMs: 0, time: settableTime(1_000_000) };
      const log = await openLog(directory, compacted, options);
      await log.append('t', [text('a', '0'), text('b', '1')]);
      disk.fails = { where: 'topics/t/0', what: 'sync', code: 'ENOSPC' };
      await expect(log.upkeep()).rejects.toThrow(TryAgain);
      disk.fails = undefined;
      await log.append('t', [text('c', '2')]);
      await log.append('t', [text('d', '3')]);
      expect(await valuesOf(log)).toEqual(['0', '1', '2', '3']);
      await log.close();
      const again = await openLog(directory, compacted, options);
      expect(await valuesOf(again)).toEqual(['0', '1', '2', '3']);
      await again.close();
    });
  });

  it('reports commits that it cannot write, says so to a probe, and writes them later', async () => {
    await withLog(async (log, _, reported) => {
      await log.append('t', [text('k', 'v')]);
      const delivery = await log.read('t', 'g')[Symbol.asyncIterator]().next();
      disk.fails = { where: 'checkpoint', what: 'open', code: 'ENOSPC' };
      delivery.value?.settle();
      await vi.waitFor(() => expect(reported.length).toBeGreaterThan(0));
      await expect(log.probe()).rejects.toThrow(TryAgain);
      expect(await log.committed('t', 'g')).toEqual([undefined]);
      disk.fails = undefined;
      await vi.waitFor(async () => expect(await log.committed('t', 'g')).toEqual([1]), { timeout: 5000 });
      await log.probe();
    });
  });

  it('tells the reader when it cannot read, who may ask again', async () => {
    await withLog(async (log) => {
      await log.append('t', [text('k', 'v')]);
      const iterator = log.read('t', 'g')[Symbol.asyncIterator]();
      disk.fails = { where: '.log', what: 'open', code: 'EMFILE' };
      await expect(iterator.next()).rejects.toThrow(TryAgain);
      disk.fails = undefined;
      expect((await iterator.next()).value?.offset).toBe(0);
    });
  });

  it('leaves the segments as they were when compaction fails, and says so to a probe until it works', async () => {
    await withDirectory(async (directory) => {
      const compacted = { t: { policy: 'compact', lagMs: 0, tombstonesMs: 0, partitions: 1 } } as const;
      const log = await openLog(directory, compacted, { rollMs: 0, segmentBytes: 1 });
      for (const value of ['0', '1', '2']) await log.append('t', [text('k', value)]);
      disk.fails = { where: '.log.tmp', what: 'datasync', code: 'ENOSPC' };
      await expect(log.upkeep()).rejects.toThrow(TryAgain);
      await expect(log.probe()).rejects.toThrow(/cannot tend t\/0/);
      expect(await valuesOf(log)).toEqual(['0', '1', '2']);
      disk.fails = undefined;
      await log.upkeep();
      await log.probe();
      expect(await valuesOf(log)).toEqual(['2']);
      await log.close();
    });
  });
});
