import type { Parts } from '../parts.ts';
import { SECOND } from '../units.ts';

const LOOK_EVERY_MS = 1 * SECOND;

/** The end of each topic, as vectors by partition. */
export const ends = async ({ log }: Parts, topics: readonly string[]): Promise<(readonly number[])[]> =>
  Promise.all(topics.map(async (topic) => (await log.bounds(topic)).map(({ end }) => end)));

/**
 * Whether the group has settled all below the end. A partition whose records are all gone is passed, and so is one that
 * ends before it: the log was recreated, and what was noted of the old one will never come.
 */
export const hasPassed = async (
  { log }: Parts,
  topic: string,
  group: string,
  noted: readonly number[],
): Promise<boolean> => {
  const [bounds, committed] = await Promise.all([log.bounds(topic), log.committed(topic, group)]);
  return noted.every((offset, partition) => {
    const { start = 0, end = 0 } = bounds[partition] ?? {};
    return Math.max(committed[partition] ?? 0, start) >= offset || end < offset;
  });
};

export const untilPassed = async (
  parts: Parts,
  topic: string,
  group: string,
  end: readonly number[],
  stop: AbortSignal,
): Promise<void> => {
  while (!stop.aborted && !(await hasPassed(parts, topic, group, end))) await parts.time.sleep(LOOK_EVERY_MS, stop);
};
