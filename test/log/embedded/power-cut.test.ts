import { copyFile, type FileHandle, mkdir, readdir, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import type { EmbeddedLog } from '../../../src/log/embedded/embedded.ts';
import { allOf, contentOf, openLog, realTime, text, withDirectory } from './support.ts';

/**
 * A disk that keeps nothing but what it was told to: of a file the bytes at its last fsync and any part of what came
 * after, and of a directory the names at its last fsync.
 */
const disk = vi.hoisted(() => ({
  cut: false,
  /** By inode. */
  bytes: new Map<number, number>(),
  /** By directory, then name, the inode. */
  names: new Map<string, Map<string, number>>(),
}));

vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>();
  const powered = () => {
    if (disk.cut) throw Object.assign(new Error('EIO: no power'), { code: 'EIO' });
  };
  const inode = async (path: string) => (await real.stat(path)).ino;
  const keepNames = async (directory: string) => {
    const names = await real.readdir(directory);
    disk.names.set(
      directory,
      new Map(await Promise.all(names.map(async (name) => [name, await inode(join(directory, name))] as const))),
    );
  };
  const keepBytes = async (handle: FileHandle) => {
    const { ino, size } = await handle.stat();
    // What is written during the fsync may or may not be part of it; the size was taken before, so it is not.
    return () => disk.bytes.set(ino, size);
  };
  return {
    ...real,
    async unlink(path: string) {
      powered();
      return real.unlink(path);
    },
    async rename(from: string, to: string) {
      powered();
      return real.rename(from, to);
    },
    async open(path: string, flags: string) {
      powered();
      const handle = await real.open(path, flags);
      return new Proxy(handle, {
        get(target, name) {
          const value = Reflect.get(target, name);
          if (typeof value !== 'function') return value;
          return async (...args: unknown[]) => {
            if (name !== 'close') powered();
            if (name === 'sync') return keepNames(path);
            if (name !== 'datasync') return Reflect.apply(value, target, args);
            const keep = await keepBytes(target);
            powered();
            keep();
          };
        },
      });
    },
  };
});

const topics = {
  plain: { policy: 'delete', retentionMs: 3_600_000, partitions: 2 },
  compacted: { policy: 'compact', lagMs: 0, tombstonesMs: 3_600_000, partitions: 1 },
} as const;

/** What a machine finds when it starts again. `luck`: how much of what was not told to be kept is there all the same. */
const afterPowerCut = async (directory: string, elsewhere: string, luck: number) => {
  for (const [from, kept] of disk.names) {
    if (!from.startsWith(directory)) continue;
    const to = join(elsewhere, from.slice(directory.length));
    await mkdir(to, { recursive: true });
    for (const entry of await readdir(from, { withFileTypes: true })) {
      const { ino, size } = await stat(join(from, entry.name));
      if (!entry.isFile() || kept.get(entry.name) !== ino) continue;
      await copyFile(join(from, entry.name), join(to, entry.name));
      const durable = disk.bytes.get(ino) ?? 0;
      await truncate(join(to, entry.name), durable + Math.floor((size - durable) * luck));
    }
  }
};

const churn = async (log: EmbeddedLog, acknowledged: Map<string, number[]>, until: () => boolean) => {
  let number = 0;
  const writer = async (topic: string, name: number) => {
    while (!until()) {
      number += 1;
      const mine = number;
      const key = `k${name}`;
      await log.append(topic, [text(key, `${mine}`)]);
      if (until()) return;
      const place = `${topic} ${key}`;
      acknowledged.set(place, [...(acknowledged.get(place) ?? []), mine]);
    }
  };
  await Promise.allSettled(Array.from({ length: 8 }, (_, at) => writer(at % 2 === 0 ? 'plain' : 'compacted', at)));
};

describe('the embedded log after a power cut', () => {
  it('has every acknowledged record, in order, and no half ones', async () => {
    let total = 0;
    const cut = fc.record({
      afterMs: fc.integer({ min: 1, max: 60 }),
      luck: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    await fc.assert(
      fc.asyncProperty(cut, async ({ afterMs, luck }) => {
        await withDirectory(async (directory) => {
          Object.assign(disk, { cut: false, bytes: new Map(), names: new Map() });
          const options = { segmentBytes: 1000, rollMs: 0, commitMs: 1, upkeepMs: 1, report: () => undefined };
          const log = await openLog(join(directory, 'before'), topics, options);
          const acknowledged = new Map<string, number[]>();
          const churning = churn(log, acknowledged, () => disk.cut);
          await realTime.sleep(afterMs);
          disk.cut = true;
          await churning;
          await log.close().catch(() => undefined);
          disk.cut = false;
          await afterPowerCut(join(directory, 'before'), join(directory, 'after'), luck);

          const again = await openLog(join(directory, 'after'), topics, { report: () => undefined });
          const plain = await allOf(again, 'plain');
          const compacted = await allOf(again, 'compacted');
          await again.close();
          total += acknowledged.size;
          for (const [place, numbers] of acknowledged) {
            const [topic, key] = place.split(' ');
            const of = (topic === 'plain' ? plain : compacted).filter((record) => record.key === key);
            const found = of.map((record) => Number(contentOf(record)));
            expect(found).toEqual([...found].sort((a, b) => a - b));
            if (topic === 'plain') expect(found.slice(0, numbers.length)).toEqual(numbers);
            else expect(found.at(-1)).toBeGreaterThanOrEqual(numbers.at(-1) ?? 0);
          }
        });
      }),
      { numRuns: 25 },
    );
    expect(total).toBeGreaterThan(25);
  });
});
