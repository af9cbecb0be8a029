import { concatMap, type OperatorFunction, of } from 'rxjs';
import { asking } from '../calls/source.ts';
import { StopFlow } from '../errors.ts';
import type { Parts } from '../parts.ts';
import type { Settled } from '../ports.ts';
import { type Difference, GONE, type Row, type TreeEntry } from '../ports.ts';
import { type Event, type Head, isClosed, projectKey, type RefId, type RefRow, refKey } from '../records.ts';
import { fileHints } from '../state/hints.ts';
import { stampOf, update } from '../state/update.ts';
import { SECOND } from '../units.ts';
import { differing, lay, type Target } from './lay.ts';
import { type Parsed, recordOf } from './parse.ts';
import { done, stage, superseded } from './stage.ts';
import { openTallies } from './tally.ts';

/** Before looking again at a head whose commit is gone, as after a force push: it should be a matter of moments. */
const HEAD_GONE_MS = 15 * SECOND;
/** How long a head may lag behind the hint that announced it. */
const REPLICA_LAG = [1 * SECOND, 2 * SECOND, 4 * SECOND, 8 * SECOND, 15 * SECOND];

export type Hints = readonly [Event, ...Event[]];

/** All waiting looks at one ref, all carriers of its sweep, and all news of one project are one. */
export const sameLook = (first: Parsed<Event>, other: Parsed<Event>): boolean => {
  const [a, b] = [recordOf(first), recordOf(other)];
  return (
    a !== undefined && a.kind === b?.kind && a.ref === b.ref && a.project === b.project && a.instance === b.instance
  );
};

export const byKind = (
  kinds: Readonly<Record<Event['kind'], OperatorFunction<Hints | Settled, Settled>>>,
): OperatorFunction<Hints | Settled, Settled> =>
  concatMap((hints) => ('outcome' in hints ? of(hints) : of(hints).pipe(kinds[hints[0].kind])));

/** A ref claimed by this plan. Every hint of it that was in the log by then belongs to the plan. */
export interface Claimed {
  readonly id: RefId;
  readonly hints: readonly Event[];
  readonly row: Row<'refs'>;
  /** As it stood before the claim. */
  readonly before: RefRow | undefined;
}

export interface Looked extends Claimed {
  readonly head: Head;
}

export interface Compared extends Looked {
  readonly targets: readonly Target[];
  /** What follows on laying them: the plan's end alone, the carrier of the sweep that was met, or a sweep. */
  readonly next: 'record' | 'carry' | 'sweep';
}

const overtaken = async (parts: Parts, { id, row, hints }: Claimed): Promise<Settled> => {
  parts.telemetry.overtaken({ ref: row.key, seq: row.seq });
  const paths = pathsOf(hints);
  await fileHints(parts, 'events', 'overtaken', [
    { id, force: true, runs: runsOf(hints), ...(paths.length > 0 ? { paths } : {}) },
  ]);
  return superseded('overtaken');
};

const pathsOf = (hints: readonly Event[]) => [...new Set(hints.flatMap(({ paths = [] }) => paths))];

export const runsOf = (hints: readonly Event[]) => [...new Set(hints.flatMap(({ runs }) => runs))];

/** Whoever started last says which rules hold; a process with others must not plan or convert. */
export const assertRules = async ({ state, rules }: Parts) => {
  const current = (await state.read('rules', ['rules'])).get('rules');
  if (current && current.value.rules !== rules) {
    throw new StopFlow(
      `this process has rules ${rules}, the pipeline ${current.value.rules}: start it again with the pipeline's configuration`,
    );
  }
};

/** Takes the ref: the next seq, and dirty until this plan, or the one that takes it next, has recorded its end. */
export const claim = (parts: Parts) =>
  stage('claim', async (hints: Hints): Promise<Claimed | Settled> => {
    const { state, time, rules } = parts;
    await assertRules(parts);
    const [{ instance, project, ref = '' }] = hints;
    const id = { instance, project, ref };
    const key = refKey(id);
    const known = (await state.read('projects', [projectKey(id)])).get(projectKey(id));
    if (isClosed(known?.value)) return superseded('project is closed');
    const { before, after } = await update(
      parts,
      'refs',
      key,
      (row) => ({ planned: row?.planned, dirty: true, rules: row?.rules ?? rules }),
      (next) => Math.max(next, time.now()),
    );
    return { id, hints, row: after, before: before?.value };
  });

/** Only after the claim, so that whatever is pushed from now on finds its hint behind this plan. */
export const readHead = (parts: Parts) =>
  stage('head', async (claimed: Claimed): Promise<Looked> => {
    const { id, hints, before } = claimed;
    if (await isForgotten(parts, id)) return { ...claimed, head: null };
    const ask = asking(parts, id);
    const head = async () => (await ask((port) => port.head(id.project, id.ref))) ?? null;
    const announced = hints.filter(({ after }) => after !== undefined);
    const newest = announced.at(-1);
    const planned = before?.planned;
    const lags = (seen: Head) => {
      // A replica that does not know a branch yet must not delete it.
      if (!newest) return seen === null && typeof planned === 'string';
      if (seen === newest.after) return false;
      return seen === null || seen === planned || announced.some((hint) => seen === hint.before);
    };
    // A replica that has the announced commit has heard of the push: if its head is another one, the hint is an old one.
    const heard = async () => {
      const after = newest?.after;
      return typeof after === 'string' && (await ask((port) => port.entries(id.project, after, []))) !== undefined;
    };
    let seen = await head();
    for (const wait of parts.sources.get(id.instance)?.replicas ? REPLICA_LAG : []) {
      if (!lags(seen)) break;
      // Objects come before the refs that name them, so it is looked once more.
      const isOld = await heard();
      await parts.time.sleep(wait);
      seen = await head();
      if (isOld) break;
    }
    return { ...claimed, head: seen };
  });

const isForgotten = async ({ state }: Parts, id: RefId): Promise<boolean> =>
  (await state.read('projects', [projectKey(id)])).get(projectKey(id))?.value.forgotten ?? false;

/** What differs from the planned tree, or `undefined` where only the whole tree can tell. */
const difference = async (
  parts: Parts,
  { id, hints, before, head }: Looked,
): Promise<readonly Difference[] | undefined> => {
  const planned = before?.planned;
  if (!before || before.dirty || before.rules !== parts.rules || planned === undefined) return undefined;
  if (hints.some(({ force }) => force)) return undefined;
  if (planned === head) return [];
  if (planned === null || head === null) return undefined;
  return asking(parts, id)((port) => port.compare(id.project, planned, head));
};

/** The paths that hints name, as the head has them; `undefined` when the head is gone again. */
const namedTargets = async (parts: Parts, { id, hints, head }: Looked): Promise<Target[] | undefined> => {
  const paths = pathsOf(hints);
  const entries =
    head === null || paths.length === 0
      ? new Map<string, TreeEntry>()
      : await asking(parts, id)((port) => port.entries(id.project, head, paths));
  return entries && paths.map((path) => ({ ...(entries.get(path) ?? { path, type: GONE, blob: null }), named: true }));
};

/**
 * What is to be laid: the difference, where the row allows a small look, else a sweep is to follow. What hints name is
 * laid by this plan either way, since a sweep would leave alone what the ledger has reached.
 */
export const compare = (parts: Parts) =>
  stage('compare', async (looked: Looked): Promise<Compared | Settled> => {
    const { id, row } = looked;
    const { liveChanges } = parts.limits;
    const named = await namedTargets(parts, looked);
    if (!named) {
      await parts.time.sleep(HEAD_GONE_MS);
      return overtaken(parts, looked);
    }
    const lay = async (targets: readonly Target[], leaveAlone: boolean) =>
      (await differing(parts, { id, seq: row.seq, targets, leaveAlone })).planned;
    const differs = await difference(parts, looked);
    if (differs && differs.length <= liveChanges) {
      const open = (await parts.state.read('sweeps', [row.key])).get(row.key)?.value.open ?? false;
      const paths = new Set(pathsOf(looked.hints));
      const others = differs.filter(({ path }) => !paths.has(path)).map((entry) => ({ ...entry, named: false }));
      return { ...looked, targets: await lay([...others, ...named], !open), next: open ? 'carry' : 'record' };
    }
    return { ...looked, targets: await lay(named, true), next: 'sweep' };
  });

/** Wants, then the ref's row once more, then changes, then the end of the plan. */
export const layAndRecord = (parts: Parts) =>
  stage('lay', async (compared: Compared): Promise<Settled> => {
    const { id, row, head, targets, hints, next } = compared;
    const runs = runsOf(hints);
    const stillOurs = async () => {
      const now = (await parts.state.read('refs', [row.key])).get(row.key);
      return now?.seq === row.seq && now.token === row.token;
    };
    const lane = targets.length <= parts.limits.liveChanges ? 'live' : 'backfill';
    const laid = await lay(parts, { id, seq: row.seq, commit: head ?? '', runs, targets, lane, stillOurs });
    const recorded = laid && (next === 'sweep' ? await openSweep(parts, compared) : await record(parts, compared));
    if (!recorded) return overtaken(parts, compared);
    // Whoever meets an open sweep files its carrier again: the last one may have been lost.
    if (next !== 'record') await fileCarrier(parts, id, runs);
    parts.telemetry.planned({ ref: row.key, changes: targets.length, seq: row.seq });
    return done;
  });

const record = ({ state, rules }: Parts, { row, head }: Looked) =>
  state.swap('refs', { ...row, value: { planned: head, dirty: false, rules } }, stampOf(row));

/**
 * The sweep's row comes first: between the two writes the ref is dirty, so whoever takes it next sweeps as well. In the
 * other order a crash between them leaves a clean ref whose tree nobody lays.
 */
const openSweep = async (parts: Parts, looked: Looked): Promise<boolean> => {
  const { state, time, rules, telemetry } = parts;
  const { row, hints, head } = looked;
  const replaced = (await state.read('sweeps', [row.key])).get(row.key);
  const runs = new Set([...runsOf(hints), ...(replaced?.value.open ? replaced.value.runs : [])]);
  await state.raise('sweeps', [
    {
      key: row.key,
      scope: 'sweeps',
      seq: row.seq,
      token: time.token(),
      value: {
        ...{ head, open: true, phase: 'tree', cursor: undefined, rules, runs: [...runs] },
        ...{ tallies: await openTallies(parts, row, [...runs], replaced?.value), movedAt: time.now() },
      },
    },
  ]);
  if (!(await record(parts, looked))) return false;
  telemetry.sweepOpened({ ref: row.key, seq: row.seq });
  return true;
};

export const fileCarrier = (parts: Parts, id: RefId, runs: readonly string[]) =>
  fileHints(parts, 'eventsBackfill', 'sweep', [{ kind: 'carry', id, runs }]);
