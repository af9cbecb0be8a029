import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import type { TopicOptions } from '../../src/log/embedded.ts';
import { logContract } from '../contracts/log.ts';
import { openLog } from './support.ts';

const HOUR = 3_600_000;

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
