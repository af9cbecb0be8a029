import type { Parts } from '../parts.ts';
import { alignAlias } from '../state/generations.ts';
import { replace } from '../state/update.ts';
import { DAY, HOUR, MINUTE } from '../units.ts';
import { leftovers } from './leftovers.ts';
import { looks } from './looks.ts';
import { orphans } from './orphans.ts';
import { prune } from './prune.ts';
import { resync } from './resync.ts';
import { runs } from './runs.ts';
import { tombstones } from './tombstones.ts';
import { trees } from './trees.ts';

/** What no event will bring. */
export const TIMERS = {
  looks: { everyMs: 1 * MINUTE, fire: looks },
  runs: { everyMs: 1 * MINUTE, fire: runs },
  alias: { everyMs: 1 * MINUTE, fire: alignAlias },
  trees: { everyMs: 1 * HOUR, fire: trees },
  resync: { everyMs: 5 * MINUTE, fire: resync },
  orphans: { everyMs: 1 * HOUR, fire: orphans },
  tombstones: { everyMs: 1 * HOUR, fire: tombstones },
  prune: { everyMs: 1 * HOUR, fire: prune },
  leftovers: { everyMs: 1 * DAY, fire: leftovers },
} satisfies Record<string, { everyMs: number; fire: (parts: Parts, stop: AbortSignal) => Promise<void> }>;

export interface Clock {
  /** Whether this process is the clock now. */
  readonly holds: () => boolean;
  readonly stop: AbortSignal;
}

/** Each firing is a row that was claimed, so that two processes that both believe to be the clock fire once. */
const due = async (parts: Parts, name: string, everyMs: number): Promise<boolean> => {
  const now = parts.time.now();
  const read = (await parts.state.read('timers', [name])).get(name);
  if (read && read.value.dueAt > now) return false;
  return (await replace(parts, 'timers', name, { read, value: { dueAt: now + everyMs } })) !== undefined;
};

/** A timer may wait for the flows for long; the others fire meanwhile, and it does not fire twice at a time. */
export const runClock = async (parts: Parts, { holds, stop }: Clock): Promise<void> => {
  const firing = new Map<string, Promise<void>>();
  let fault: unknown;
  while (!stop.aborted && fault === undefined) {
    for (const [name, { everyMs, fire }] of Object.entries(TIMERS)) {
      if (stop.aborted || !holds()) break;
      if (firing.has(name) || !(await due(parts, name, everyMs))) continue;
      const fired = fire(parts, stop)
        .catch((error: unknown) => {
          fault ??= error;
        })
        .finally(() => firing.delete(name));
      firing.set(name, fired);
    }
    await parts.time.sleep(1 * MINUTE, stop);
  }
  await Promise.all(firing.values());
  if (fault !== undefined) throw fault;
};
