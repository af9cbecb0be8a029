import type { Parts } from '../parts.ts';
import { isClosed, parseRef, refKey } from '../records.ts';
import { fileHints } from '../state/hints.ts';
import { rows } from '../state/pages.ts';
import { DAY } from '../units.ts';

/**
 * The second tier of resync: once a day the whole tree of every tracked ref, against wants and ledger. Heads alone do
 * not tell what was planned wrongly at a head that has not moved since.
 */
export const trees = async (parts: Parts, stop: AbortSignal): Promise<void> => {
  const { state, time } = parts;
  for await (const { key, value } of rows(state, 'projects', 'projects')) {
    if (stop.aborted) return;
    if (isClosed(value) || value.forgotten) continue;
    const { instance, project } = parseRef(key);
    const ids = value.refs.map((ref) => ({ instance, project, ref }));
    const sweeps = await state.read('sweeps', ids.map(refKey));
    const due = ids.filter((id) => {
      const sweep = sweeps.get(refKey(id))?.value;
      // Nobody has swept it yet: that is `looks`' to see to.
      return sweep !== undefined && !sweep.open && time.now() - sweep.movedAt >= DAY;
    });
    await fileHints(
      parts,
      'eventsBackfill',
      'daily',
      due.map((id) => ({ id, force: true })),
    );
  }
};
