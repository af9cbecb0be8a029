import type { Parts } from '../parts.ts';
import { advanceRun } from '../runs/advance.ts';
import { runRows } from '../runs/run-rows.ts';
import { pages } from '../state/pages.ts';
import { DAY } from '../units.ts';

const KEEP_MS = 30 * DAY;

/** Runs come to their end also when nobody follows them any more. */
export const runs = async (parts: Parts, stop: AbortSignal): Promise<void> => {
  for await (const { value } of runRows(parts)) {
    if (stop.aborted) return;
    if (value.status === 'open') await advanceRun(parts, value.id);
  }
};

/** The newest stays however old it is, so that its number is not given a second time. */
export const pruneRuns = async (parts: Parts): Promise<void> => {
  const { state, time } = parts;
  let newest = 0;
  for await (const { key } of runRows(parts)) newest = Math.max(newest, Number(key));
  for await (const row of runRows(parts)) {
    const { endedAt = time.now(), id } = row.value;
    if (time.now() - endedAt < KEEP_MS || Number(row.key) === newest) continue;
    for await (const refs of pages(state, 'runRefs', id)) await state.remove('runRefs', refs);
    await state.remove('runs', [row]);
  }
};
