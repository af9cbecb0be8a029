import type { Parts } from '../parts.ts';
import { activeGeneration } from '../state/generations.ts';
import { SECOND } from '../units.ts';

const BEHIND_MS = 1 * SECOND;
const LOOK_EVERY_MS = 250;

/**
 * Lets backfill changes in only while index is less than about a second behind, so that a live document does not wait
 * behind a long queue of them; and while it is behind a tenth of what it gets done, so that the backfill ends. What it
 * gets done and not what a window holds: with a slow embedder a fixed number would be more than it can keep up with.
 */
export const giveWay = (parts: Parts) => {
  const { log, names, time } = parts;
  let openUntil = 0;
  let trickle = 0;
  return async (): Promise<void> => {
    if (time.now() < openUntil) return;
    if (trickle > 0) {
      trickle -= 1;
      return;
    }
    const active = await activeGeneration(parts);
    const of = active === undefined ? undefined : ([names.topics.documents, names.groups.index(active)] as const);
    if (of === undefined || (await log.within(...of, BEHIND_MS))) {
      openUntil = time.now() + LOOK_EVERY_MS;
      return;
    }
    const before = sum(await log.committed(...of));
    await time.sleep(SECOND);
    trickle = Math.max(0, Math.floor((sum(await log.committed(...of)) - before) / 10) - 1);
  };
};

const sum = (offsets: readonly (number | undefined)[]) =>
  offsets.reduce<number>((all, offset) => all + (offset ?? 0), 0);
