import type { Parts } from '../parts.ts';
import { GONE, type Row } from '../ports.ts';
import { type Event, parseDocument, projectKey, type RefId, refKey } from '../records.ts';
import { asking } from './asking.ts';
import { fileHints } from './hints.ts';
import { differing, lay, type Target } from './lay.ts';
import { assertRules, fileCarrier } from './plan.ts';
import { done, type Settled, stage, superseded } from './stage.ts';
import { recordTallies, tallied } from './tally.ts';

interface SweepPage {
  readonly targets: readonly Target[];
  readonly next: string | undefined;
}

/**
 * Lays one page of the ref's open sweep at the sweep's own seq and files the carrier again: between pages whatever else
 * waits for the project goes first. Plans beside it have a higher seq and win document by document.
 */
export const layPage = (parts: Parts) =>
  stage('sweep', async ([{ instance, project, ref = '' }]: readonly [Event, ...Event[]]): Promise<Settled> => {
    const { state, time, rules, telemetry, limits } = parts;
    const id = { instance, project, ref };
    const key = refKey(id);
    const row = (await state.read('sweeps', [key])).get(key);
    if (!row?.value.open) return superseded('no open sweep');
    await assertRules(parts);
    if (row.value.rules !== rules) return superseded('a sweep by older rules');
    const known = (await state.read('projects', [projectKey(id)])).get(projectKey(id));
    if (known?.value.blocked) return superseded('project is blocked');

    const { phase, cursor, head, runs } = row.value;
    const page = phase === 'tree' ? await treePage(parts, id, row) : await wantsPage(parts, id, row);
    // Its head is no more, so another one is, or soon will be: its event, or the clock, opens the next sweep.
    if (!page) return superseded('the commit is gone');
    const differs = await differing(parts, { id, seq: row.seq, targets: page.targets, leaveAlone: true });
    const { planned: targets, leftAlone } = differs;
    const whole = phase === 'tree' && cursor === undefined && page.next === undefined;
    const lane = whole && targets.length <= limits.liveChanges ? 'live' : 'backfill';
    const stillOurs = async () => (await state.read('sweeps', [key])).get(key)?.seq === row.seq;
    if (!(await lay(parts, { id, seq: row.seq, commit: head ?? '', runs, targets, lane, stillOurs }))) {
      // These wants may have come after the newer sweep had passed their documents.
      const paths = targets.map(({ path }) => path);
      if (paths.length > 0) await fileHints(parts, 'events', 'overtaken', [{ id, paths, runs }]);
      return superseded('sweep was replaced');
    }

    const ended = page.next === undefined;
    const moved: Row<'sweeps'> = {
      ...row,
      token: time.token(),
      value: {
        ...row.value,
        open: !(ended && phase === 'wants'),
        phase: ended ? 'wants' : phase,
        cursor: page.next,
        tallies: tallied(row.value.tallies, leftAlone),
        movedAt: time.now(),
      },
    };
    if (!moved.value.open) await recordTallies(parts, key, moved);
    // Another carrier that has moved it in between goes on instead.
    if (!(await state.swap('sweeps', moved, { seq: row.seq, token: row.token })))
      return superseded('sweep has moved on');
    if (moved.value.open) await fileCarrier(parts, id, runs);
    else telemetry.sweepClosed({ ref: key, seq: row.seq });
    return done;
  });

const treePage = async (
  parts: Parts,
  id: RefId,
  { value: { head, cursor } }: Row<'sweeps'>,
): Promise<SweepPage | undefined> => {
  if (head === null) return { targets: [], next: undefined };
  const page = await asking(parts, id)((port) => port.tree(id.project, head, cursor));
  return page && { targets: page.entries.map((entry) => ({ ...entry, named: false })), next: page.next };
};

/** Of one page of the ref's wants those that the tree lacks. */
const wantsPage = async (
  parts: Parts,
  id: RefId,
  { seq, value: { head, cursor } }: Row<'sweeps'>,
): Promise<SweepPage | undefined> => {
  const { rows, next } = await parts.state.page('wants', refKey(id), cursor);
  // Also what is gone already: its change may have been lost to a crash, or to a plan that was overtaken.
  const asked = rows.filter((want) => want.seq <= seq);
  const paths = asked.map(({ key }) => parseDocument(key).path);
  const there = head === null ? new Map() : await asking(parts, id)((port) => port.entries(id.project, head, paths));
  if (!there) return undefined;
  const lacking = paths.filter((path) => !there.has(path) || !parts.selected(path));
  return { targets: lacking.map((path) => ({ path, type: GONE, blob: null, named: false })), next };
};
