import { sourceCalls } from '../calls/source.ts';
import type { Parts } from '../parts.ts';
import type { Settled } from '../ports.ts';
import { GONE, type Row } from '../ports.ts';
import { type Event, type Head, isClosed, parseDocument, projectKey, type RefId, refKey } from '../records.ts';
import { fileHints } from '../state/hints.ts';
import { pages } from '../state/pages.ts';
import { replace, stampOf } from '../state/update.ts';
import { differing, type FileTarget, lay } from './lay.ts';
import { assertRules, fileCarrier } from './plan.ts';
import { done, stage, superseded } from './stage.ts';
import { recordTallies, tallied } from './tally.ts';

/** Documents that a sweep may delete without being asked, whatever share of the ref they are. */
const APPROVE_ABOVE = 1_000;

interface SweepPage {
  readonly targets: readonly FileTarget[];
  readonly next: string | undefined;
  readonly paged: boolean;
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
    if (isClosed(known?.value)) return superseded('project is closed');

    const { phase, cursor, head, runs } = row.value;
    const page = phase === 'tree' ? await treePage(parts, id, row) : await wantsPage(parts, id, row);
    // The commit is gone, so the ref has another head, or soon will have: its event, or the clock, opens the next sweep.
    if (!page) return superseded('the commit is gone');
    if (phase === 'wants' && (await isUnapproved(parts, id, row))) return superseded('needs approval');
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
        paged: row.value.paged === true || page.paged,
        tallies: tallied(row.value.tallies, leftAlone),
        movedAt: time.now(),
      },
    };
    if (!moved.value.open) await recordTallies(parts, key, moved);
    // Another carrier that has moved it in between goes on instead.
    if (!(await state.swap('sweeps', moved, stampOf(row)))) return superseded('sweep has moved on');
    if (moved.value.open) await fileCarrier(parts, id, runs);
    else telemetry.sweepClosed({ ref: key, seq: row.seq });
    return done;
  });

const treePage = async (
  parts: Parts,
  id: RefId,
  { value: { head, cursor } }: Row<'sweeps'>,
): Promise<SweepPage | undefined> => {
  if (head === null) return { targets: [], next: undefined, paged: false };
  const page = await sourceCalls(parts, id)((port) => port.tree(id.project, head, cursor));
  if (!page) return undefined;
  const { entries, next, paged = false } = page;
  return { targets: entries.map((entry) => ({ ...entry, named: false })), next, paged };
};

/** Finds the wants of one page that the tree lacks. */
const wantsPage = async (
  parts: Parts,
  id: RefId,
  { seq, value: { head, cursor } }: Row<'sweeps'>,
): Promise<SweepPage | undefined> => {
  const { rows, next } = await parts.state.page('wants', refKey(id), cursor);
  // Wants that are gone already are laid again: a crash, or an overtaken plan, may have lost their change.
  const lacking = await lackingOf(
    parts,
    { id, head },
    rows.filter((want) => want.seq <= seq),
  );
  return (
    lacking && { targets: lacking.map((path) => ({ path, type: GONE, blob: null, named: false })), next, paged: false }
  );
};

/** The paths that are wanted and that the tree lacks. */
const lackingOf = async (
  parts: Parts,
  { id, head }: { readonly id: RefId; readonly head: Head },
  wants: readonly Row<'wants'>[],
): Promise<readonly string[] | undefined> => {
  const paths = wants.map(({ key }) => parseDocument(key).path);
  const there =
    head === null ? new Map() : await sourceCalls(parts, id)((port) => port.entries(id.project, head, paths));
  return there && paths.filter((path) => !there.has(path) || !parts.selected(path));
};

/**
 * Whether the sweep would delete more than half of the ref, and more than a thousand documents, by a listing that nobody
 * can tell the end of, and no person has said that this is meant. It stays open until one has, or a newer one replaces it.
 */
const isUnapproved = async (parts: Parts, id: RefId, row: Row<'sweeps'>): Promise<boolean> => {
  const { state, time, telemetry } = parts;
  const { paged, approval, cursor, head } = row.value;
  if (!paged || approval?.given || cursor !== undefined) return false;
  let [lacking, of] = [0, 0];
  for await (const page of pages(state, 'wants', row.key)) {
    const there = page.filter(({ value, seq }) => value.blob !== null && seq <= row.seq);
    lacking += (await lackingOf(parts, { id, head }, there))?.length ?? 0;
    of += there.length;
  }
  if (lacking <= APPROVE_ABOVE || lacking * 2 <= of) return false;
  if (approval?.lacking === lacking && approval.of === of) return true;
  const value = { ...row.value, approval: { lacking, of, given: false }, movedAt: time.now() };
  await replace(parts, 'sweeps', row.key, { read: row, value, seq: row.seq });
  telemetry.approvalNeeded({ ref: row.key, lacking, of });
  return true;
};
