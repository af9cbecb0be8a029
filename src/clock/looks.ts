import type { Parts } from '../parts.ts';
import { isClosed, parseRef, projectKey, refKey } from '../records.ts';
import { fileHints } from '../state/hints.ts';
import { rows } from '../state/pages.ts';
import { replace } from '../state/update.ts';
import { MINUTE } from '../units.ts';

const STALLED_MS = 10 * MINUTE;

/**
 * Files a full look at each ref that nothing else will bring to its end: dirty, or with a sweep that does not move;
 * planned by other rules; tracked and never planned; and at every ref when the log is not the one that we remember.
 */
export const looks = async (parts: Parts): Promise<void> => {
  const { state, log, time } = parts;
  const rules = (await state.read('rules', ['rules'])).get('rules')?.value.rules;
  const identity = await log.identity();
  const remembered = (await state.read('log', ['log'])).get('log');
  const recreated = remembered !== undefined && remembered.value.identity !== identity;
  const stalled = (since: number) => time.now() - since >= STALLED_MS;
  const look = (by: string, key: string) =>
    fileHints(parts, 'eventsBackfill', by, [{ id: parseRef(key), force: true }]);

  const closed = new Set<string>();
  const tracked = new Set<string>();
  for await (const { key, value } of rows(state, 'projects', 'projects')) {
    if (isClosed(value)) closed.add(key);
    const [instance = '', project = ''] = key.split('\0');
    for (const ref of value.refs) tracked.add(refKey({ instance, project, ref }));
  }
  for await (const { key, seq, value } of rows(state, 'refs', 'refs')) {
    tracked.delete(key);
    if (closed.has(projectKey(parseRef(key)))) continue;
    if (recreated) await look('new log', key);
    else if (value.rules !== rules) await look('other rules', key);
    else if (value.dirty && stalled(seq)) await look('unfinished', key);
    else {
      const sweep = (await state.read('sweeps', [key])).get(key);
      const waits = sweep?.value.approval?.given === false;
      if (sweep?.value.open && !waits && stalled(sweep.value.movedAt)) await look('stalled sweep', key);
    }
  }
  for (const key of tracked) if (!closed.has(projectKey(parseRef(key)))) await look('never planned', key);

  // Only now: a crash before files them again.
  if (!remembered || recreated) await replace(parts, 'log', 'log', { read: remembered, value: { identity } });
};
