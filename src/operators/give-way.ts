import type { Parts } from '../parts.ts';
import { activeGeneration } from '../runs/generations.ts';

const SECOND = 1_000;
const BEHIND_MS = 1 * SECOND;
const LOOK_EVERY_MS = 250;

/**
 * Lets backfill changes in only while index is less than about a second behind, so that a live document does not wait
 * behind a long queue of them; and a tenth of a window each second in any case, so that the backfill ends.
 */
export const giveWay = (parts: Parts) => {
  const { log, names, limits, time } = parts;
  let openUntil = 0;
  let trickle = 0;
  return async (): Promise<void> => {
    if (time.now() < openUntil) return;
    if (trickle > 0) {
      trickle -= 1;
      return;
    }
    const active = await activeGeneration(parts);
    if (active === undefined || (await log.within(names.topics.documents, names.groups.index(active), BEHIND_MS))) {
      openUntil = time.now() + LOOK_EVERY_MS;
      return;
    }
    await time.sleep(SECOND);
    trickle = Math.max(0, Math.floor(limits.window.records / 10) - 1);
  };
};
