/** Embedded logs in directories of their own, which vanish with the test. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type EmbeddedLog, type EmbeddedLogOptions, openEmbeddedLog } from '../../../src/log/embedded/embedded.ts';
import type { Log, LogRecord, Outgoing, Time } from '../../../src/ports.ts';

export const realTime: Time = {
  now: () => Date.now(),
  sleep: (ms, signal) => sleep(ms, undefined, { ref: false, ...(signal && { signal }) }).catch(() => undefined),
  random: () => Math.random(),
  token: () => crypto.randomUUID(),
};

/** A clock that is set by hand; whoever sleeps on it sleeps for real. */
export const settableTime = (now: number) => {
  const time = { ...realTime, at: now, now: () => time.at };
  return time;
};

export const withDirectory = async <T>(work: (directory: string) => Promise<T>): Promise<T> => {
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-log-'));
  try {
    return await work(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
};

export const unlocked = { check: async () => undefined };

export const openLog = (
  directory: string,
  topics: EmbeddedLogOptions['topics'],
  options: Partial<EmbeddedLogOptions> = {},
): Promise<EmbeddedLog> =>
  openEmbeddedLog({
    directory,
    topics,
    lock: unlocked,
    time: realTime,
    commitMs: 20,
    report: (error) => {
      throw error;
    },
    ...options,
  });

export const text = (key: string, value: string): Outgoing => ({ key, value: new TextEncoder().encode(value) });

export const contentOf = ({ value }: LogRecord): string | null => value && new TextDecoder().decode(value);

export const allOf = async (log: Log, topic: string): Promise<LogRecord[]> => {
  const bounds = await log.bounds(topic);
  const [starts, ends] = [bounds.map(({ start }) => start), bounds.map(({ end }) => end)];
  const records: LogRecord[] = [];
  for await (const record of log.slice(topic, starts, ends)) records.push(record);
  return records;
};
