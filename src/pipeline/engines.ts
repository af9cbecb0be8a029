/** What carries records and holds points, as the configuration says. Adding an engine is one file and one case here. */
import { join } from 'node:path';
import type { Names } from '../config/names.ts';
import type { Config } from '../config/schema.ts';
import { BadConfiguration, Damaged, messageOf } from '../errors.ts';
import { openEmbeddedLog } from '../log/embedded/embedded.ts';
import type { Policy } from '../log/embedded/upkeep.ts';
import type { TopicsOptions } from '../log/kafka/topics.ts';
import type { Log, State, Time, VectorStore } from '../ports.ts';
import { makeDirectory, openOwn } from '../runtime/disk.ts';
import type { Hold } from '../runtime/fence.ts';
import { checkStore } from '../sinks/embedded/check.ts';
import { openEmbedded } from '../sinks/embedded/embedded.ts';
import type { Telemetry } from '../telemetry.ts';
import { DAY, MIB, SECOND } from '../units.ts';

const LEAST_RECORD_BYTES = 8 * MIB;
const MAX_DRAIN_MS = 10 * SECOND;

export interface EngineOptions {
  readonly config: Pick<Config, 'log' | 'store' | 'limits'>;
  readonly names: Names;
  /** Of this pipeline alone. */
  readonly directory: string;
  readonly lock: Hold;
  readonly time: Time;
  readonly telemetry: Telemetry;
}

export interface Engines {
  readonly log: Log;
  readonly state: State;
  readonly store: VectorStore;
  /** What lies in the data directory and is not what was written there; servers look after theirs themselves. */
  check(signal: AbortSignal): Promise<readonly string[]>;
  close(): Promise<void>;
}

export type OpenEngines = (options: EngineOptions) => Promise<Engines>;

export const openEngines: OpenEngines = async (options) => {
  const { state, store, check, close } = await openStore(options);
  try {
    const log = await openLog(options);
    return {
      log,
      state,
      store,
      async check(signal) {
        const ofStore = await check(signal);
        if (options.config.log.kind !== 'embedded' || signal.aborted) return ofStore;
        return [...ofStore, ...(await findingsOfLog(log, options.names))];
      },
      async close() {
        // A log whose lock is lost refuses to be closed in order; the store's threads end all the same.
        await log.close().finally(close);
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
};

export const storeFile = (directory: string): string => join(directory, 'store.db');
export const logDirectory = (directory: string): string => join(directory, 'log');

export const openStore = async (options: EngineOptions): Promise<Omit<Engines, 'log'>> => {
  const { config, names, directory, lock, time, telemetry } = options;
  await makeDirectory(directory);
  if (config.store.kind === 'embedded') {
    const file = storeFile(directory);
    // SQLite would follow a link. It gives the files beside this one the same permissions.
    await (await openOwn(file, 'a')).close();
    const opened = await openEmbedded({ file, now: time.now, fence: lock.fence, onChecked: telemetry.storeChecked });
    const check = async (signal: AbortSignal) =>
      (await checkStore(file, { how: 'whole', signal })).findings.map((finding) => `${file}: ${finding}`);
    return { ...opened, check };
  }
  const { kind: _, timeoutSeconds, ...rest } = config.store;
  // Read when it is needed: the default starts without it.
  const { openQdrant } = await import('../sinks/qdrant/qdrant.ts');
  const { state, store, close } = openQdrant({ ...rest, timeoutMs: timeoutSeconds * SECOND, names, now: time.now });
  return { state, store, check: async () => [], close: async () => close() };
};

/** Reads all that is in it. Of each topic the first place that cannot be read. */
export const findingsOfLog = async (log: Log, { topics }: Names): Promise<readonly string[]> => {
  const findings: string[] = [];
  for (const topic of Object.values(topics)) {
    const bounds = await log.bounds(topic);
    const [from, until] = [bounds.map(({ start }) => start), bounds.map(({ end }) => end)];
    try {
      for await (const _ of log.slice(topic, from, until));
    } catch (error) {
      if (!(error instanceof Damaged)) throw error;
      findings.push(error.finding);
    }
  }
  return findings;
};

export const openLog = async ({ config, names, directory, lock, time, telemetry }: EngineOptions): Promise<Log> => {
  const report = (error: unknown) => telemetry.backgroundFailed({ what: 'log', error: messageOf(error) });
  if (config.log.kind === 'embedded') {
    const topics = policiesOf(names, { events: 7, changes: 14, deadLetters: 30, tombstones: 30 });
    return openEmbeddedLog({ directory: logDirectory(directory), topics, lock, time, report });
  }
  const { brokers, clientId, compression, sessionSeconds } = config.log;
  // Read when it is needed: the default starts without it.
  const [{ openKafkaLog }, { kafkaSecurity }] = await Promise.all([
    import('../log/kafka/kafka.ts'),
    import('../log/kafka/security.ts'),
  ]);
  return openKafkaLog({
    ...(await kafkaSecurity(config.log)),
    ...{ brokers, clientId, compression, time, report },
    topics: kafkaTopicsOf(config, names),
    sessionMs: sessionSeconds * SECOND,
    drainMs: Math.min(MAX_DRAIN_MS, (sessionSeconds * SECOND) / 3),
    said: telemetry.kafkaSaid,
    differs: telemetry.topicDiffers,
  });
};

/** What the configuration says of the topics of a pipeline. */
export const kafkaTopicsOf = ({ log, limits }: Pick<Config, 'log' | 'limits'>, names: Names): TopicsOptions => {
  if (log.kind !== 'kafka') throw new BadConfiguration(`log.kind is ${log.kind}, which has no topics of its own`);
  const { create, partitions, replication, eventsDays, changesDays, deadLettersDays, tombstonesDays } = log.topics;
  const days = { events: eventsDays, changes: changesDays, deadLetters: deadLettersDays, tombstones: tombstonesDays };
  const topics = policiesOf(names, days);
  // A text is longer as JSON, and a dead letter explains itself on top of it.
  const recordBytes = Math.max(LEAST_RECORD_BYTES, 2 * limits.textBytes);
  return { topics, create, partitions, replication, recordBytes };
};

interface Days {
  readonly events: number;
  readonly changes: number;
  readonly deadLetters: number;
  readonly tombstones: number;
}

const policiesOf = ({ topics }: Names, days: Days): Record<string, Policy> => ({
  [topics.events]: { policy: 'delete', retentionMs: days.events * DAY },
  [topics.eventsBackfill]: { policy: 'delete', retentionMs: days.events * DAY },
  [topics.changes]: { policy: 'delete', retentionMs: days.changes * DAY },
  [topics.changesBackfill]: { policy: 'delete', retentionMs: days.changes * DAY },
  [topics.documents]: { policy: 'compact', lagMs: DAY, tombstonesMs: days.tombstones * DAY },
  [topics.deadLetters]: { policy: 'delete', retentionMs: days.deadLetters * DAY },
});
