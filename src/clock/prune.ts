import type { Parts } from '../parts.ts';
import { pruneResolutions } from '../runs/replay.ts';
import { alignAlias, changeGenerations, readGenerations } from '../state/generations.ts';
import { pruneRuns } from './runs.ts';

/**
 * Generations that nobody feeds any more go, with the place that index kept in the log; runs that are long over, and what became of old
 * dead letters.
 */
export const prune = async (parts: Parts): Promise<void> => {
  await pruneRuns(parts);
  await pruneResolutions(parts);
  const { store, log, names, time } = parts;
  // The store before the row: a generation is named before it is created.
  const there = await store.generations();
  const row = (await readGenerations(parts))?.value;
  if (!row) return;
  await alignAlias(parts);
  const named = new Set([row.active, row.building, row.previous?.name]);
  for (const name of there) {
    if (named.has(name)) continue;
    await store.drop(name);
    await log.forget(names.topics.documents, names.groups.index(name));
  }
  // Dropped an hour later, when every process has seen that it is not kept in step any more.
  await changeGenerations(parts, (now) =>
    now.previous && now.previous.until <= time.now() ? { ...now, previous: undefined } : undefined,
  );
};
