/** What carries records and holds points, as the configuration says. Adding an engine is one file and one case here. */
import { join } from 'node:path';
import type { Config } from './config.ts';
import { BadConfiguration } from './errors.ts';
import { makeDirectory } from './log/disk.ts';
import { openEmbeddedLog, type TopicOptions } from './log/embedded.ts';
import type { Lock } from './log/lock.ts';
import type { Names } from './parts.ts';
import type { Log, State, Time, VectorStore } from './ports.ts';
import { openEmbedded } from './sinks/embedded.ts';

const DAY = 24 * 60 * 60 * 1_000;

export interface EngineOptions {
  readonly config: Pick<Config, 'log' | 'store'>;
  readonly names: Names;
  /** Of this pipeline alone. */
  readonly directory: string;
  readonly lock: Pick<Lock, 'check'>;
  readonly time: Time;
  /** What failed in the background and is tried again. */
  readonly report: (error: unknown) => void;
}

export interface Engines {
  readonly log: Log;
  readonly state: State;
  readonly store: VectorStore;
  close(): Promise<void>;
}

export type OpenEngines = (options: EngineOptions) => Promise<Engines>;

export const openEngines: OpenEngines = async ({ config, names, directory, lock, time, report }) => {
  if (config.log.kind !== 'embedded') throw new BadConfiguration(missing('log', config.log.kind));
  if (config.store.kind !== 'embedded') throw new BadConfiguration(missing('store', config.store.kind));
  await makeDirectory(directory);
  const { state, store, close } = await openEmbedded({ file: join(directory, 'store.db'), now: time.now });
  try {
    const topics = topicsOf(names);
    const log = await openEmbeddedLog({ directory: join(directory, 'log'), topics, lock, time, report });
    return {
      log,
      state,
      store,
      async close() {
        await log.close();
        await close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
};

const missing = (section: 'log' | 'store', kind: string) =>
  `open the ${section}: ${section}.kind is ${kind}, and this version of Tidemark has no such ${section}; use embedded`;

const topicsOf = ({ topics }: Names): Record<string, TopicOptions> => ({
  [topics.events]: { policy: 'delete', retentionMs: 7 * DAY },
  [topics.eventsBackfill]: { policy: 'delete', retentionMs: 7 * DAY },
  [topics.changes]: { policy: 'delete', retentionMs: 14 * DAY },
  [topics.changesBackfill]: { policy: 'delete', retentionMs: 14 * DAY },
  [topics.documents]: { policy: 'compact', lagMs: DAY, tombstonesMs: 30 * DAY },
  [topics.deadLetters]: { policy: 'delete', retentionMs: 30 * DAY },
});
