import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { DeadLetter, StopFlow } from '../../../src/errors.ts';
import type { TopicOptions } from '../../../src/log/embedded/embedded.ts';
import { HOUR, MIB } from '../../../src/units.ts';
import { logContract } from '../../contracts/log.ts';
import { allOf, openLog, text, withDirectory } from './support.ts';

const directories: string[] = [];
afterAll(async () => {
  for (const directory of directories) await rm(directory, { recursive: true });
});

logContract('embedded', async (topics) => {
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-contract-'));
  directories.push(directory);
  const policies: Record<string, TopicOptions> = Object.fromEntries(
    topics.map(({ name, policy, partitions }) => [
      name,
      policy === 'delete'
        ? { policy, partitions, retentionMs: HOUR }
        : { policy, partitions, lagMs: 0, tombstonesMs: HOUR },
    ]),
  );
  const open = () => openLog(directory, policies, { rollMs: 0 });
  let log = await open();
  return {
    log,
    async reopen() {
      await log.close();
      log = await open();
      return log;
    },
    compact: () => log.upkeep(),
  };
});

describe('the embedded log', () => {
  const topics = { t: { policy: 'delete', retentionMs: HOUR } } as const;

  it('sets aside a record that is too large for it, and appends none of those beside it', async () => {
    await withDirectory(async (directory) => {
      const log = await openLog(directory, topics);
      const large = { key: 'large', value: new Uint8Array(33 * MIB) };
      await expect(log.append('t', [text('small', 'v'), large])).rejects.toThrow(DeadLetter);
      expect(await allOf(log, 't')).toEqual([]);
      await log.close();
    });
  });

  it('writes an append that is larger than one write, and one that is larger than a segment', async () => {
    await withDirectory(async (directory) => {
      const log = await openLog(directory, topics, { segmentBytes: MIB });
      const value = new Uint8Array(300 * 1024);
      const records = Array.from({ length: 60 }, (_, at) => ({ key: `${at % 3}`, value }));
      await log.append('t', records);
      const found = await allOf(log, 't');
      expect(found.map((record) => record.value?.length)).toEqual(records.map(() => value.length));
      await log.close();
    });
  });

  it('lets all that were under way end when it is closed, and takes nothing more', async () => {
    await withDirectory(async (directory) => {
      const log = await openLog(directory, topics);
      const waiting = log.read('t', 'g')[Symbol.asyncIterator]().next();
      const appends = Array.from({ length: 50 }, (_, at) => log.append('t', [text(`${at}`, 'v')]));
      await log.close();
      await Promise.all(appends);
      expect((await waiting).done).toBeDefined();
      await expect(log.append('t', [text('k', 'v')])).rejects.toThrow(StopFlow);
      await expect(log.probe()).rejects.toThrow(StopFlow);
      expect(() => log.read('t', 'g')).toThrow(StopFlow);
      await log.close();
      const again = await openLog(directory, topics);
      expect(await allOf(again, 't')).toHaveLength(50);
      await again.close();
    });
  });
});
