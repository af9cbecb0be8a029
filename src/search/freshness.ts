/**
 * How far behind an answer may be. Of each document that is known exactly: its want is ahead of its ledger, or it is not.
 * Of a scope it is counted, from wants and ledger, and only while something is on its way.
 */

import { asking, listProjects } from '../calls/source.ts';
import { BlockProject } from '../errors.ts';
import type { Parts } from '../parts.ts';
import { globMatcher } from '../paths/glob.ts';
import type { Row } from '../ports.ts';
import { type LedgerEntry, parseDocument, parseRef, projectKey, type RefId, refKey } from '../records.ts';
import { endsOf } from '../runs/run-rows.ts';
import { hasPassed } from '../state/ends.ts';
import { activeGeneration } from '../state/generations.ts';
import { fileHints, type Hint } from '../state/hints.ts';
import { behind, type Lag, lagOf, sumOf } from '../state/lag.ts';
import { pages, rows } from '../state/pages.ts';
import { SECOND } from '../units.ts';
import type { Scope } from './scope.ts';

const FIRST_LOOK_MS = 50;
const LAST_LOOK_MS = 2 * SECOND;
/** With every answer no more wants are counted than that, so that none takes long. */
const MAX_COUNTED = 5_000;
/** Counting takes longer than a search does: while much is on its way, few searches wait for it. */
const COUNTED_FOR_MS = SECOND;
const TOO_LARGE_FOR_MS = 30 * SECOND;
/** Heads are asked for project by project. */
const MAX_PROJECTS_ASKED = 50;

export interface Freshness {
  /** Whether the index has all that Tidemark knows of in the scope. */
  readonly fresh: boolean;
  /** Documents that are to change and have not yet. */
  readonly pending: number;
  /** `pipeline` where there was too much to count: then `pending` is all that is on its way, whoever's it is. */
  readonly pendingOf: 'scope' | 'pipeline';
  /** Branches of the scope whose tree is being compared. */
  readonly planning: number;
  /** Pushes, of any project, that nobody has looked at yet. */
  readonly events: number;
}

/** Whether what can be found of a document is not what is wanted by now: that is on its way, or has failed. */
export const isStale = (want: Row<'wants'> | undefined, entry: LedgerEntry | undefined): boolean =>
  entry?.status === 'failed' || (want?.seq ?? -1) > (entry?.seq ?? -1);

/** What is known of scopes that were asked for, and until when. */
interface Known {
  readonly counts: Map<string, { readonly until: number; readonly freshness: Promise<Freshness> }>;
  readonly tooLarge: Map<string, { readonly until: number }>;
}

const knownOf = new WeakMap<Parts, Known>();

/** Whether there is anything to wait for, and at which stages, is of now; how much of it there is may be a second old. */
export const freshnessOf = async (parts: Parts, scope: Scope): Promise<Freshness> => {
  const now = parts.time.now();
  const known = knownOf.get(parts) ?? { counts: new Map(), tooLarge: new Map() };
  knownOf.set(parts, known);
  const { counts, tooLarge } = known;
  for (const entries of [counts, tooLarge])
    for (const [key, { until }] of entries) if (now >= until) entries.delete(key);

  const lag = await lagOf(parts);
  const asked = JSON.stringify([scope.projects && [...scope.projects], scope.ref, scope.path]);
  const key = JSON.stringify([asked, ...Object.values(lag).map((records) => records > 0)]);
  const counted = counts.get(key);
  if (counted) return counted.freshness;
  const freshness = count(parts, scope, { lag, maxCounted: tooLarge.has(asked) ? 0 : MAX_COUNTED });
  counts.set(key, { until: now + COUNTED_FOR_MS, freshness });
  const noted = ({ fresh, pendingOf }: Freshness) => {
    // What is in step may be behind a moment later, and nobody is told otherwise.
    if (fresh) counts.delete(key);
    if (pendingOf === 'pipeline' && !tooLarge.has(asked)) tooLarge.set(asked, { until: now + TOO_LARGE_FOR_MS });
  };
  freshness.then(noted, () => counts.delete(key));
  return freshness;
};

interface CountOptions {
  readonly lag: Lag;
  readonly maxCounted: number;
}

const count = async (parts: Parts, scope: Scope, { lag, maxCounted }: CountOptions): Promise<Freshness> => {
  // A plan settles its events last, and a sweep always has one in the log: without any there is nothing to count.
  if (sumOf(lag) === 0) return { fresh: true, pending: 0, pendingOf: 'scope', planning: 0, events: 0 };
  const refs = await refsIn(parts, scope);
  const sweeps = await parts.state.read(
    'sweeps',
    refs.map(({ key }) => key),
  );
  const planning = refs.filter(({ key, value }) => value.dirty || sweeps.get(key)?.value.open).length;
  const counted = await pendingIn(parts, scope, { refs, maxCounted });
  const waiting = await behind(parts, parts.names.topics.events, parts.names.groups.plan);
  return {
    fresh: counted === 0 && planning === 0 && waiting === 0,
    pending: counted ?? lag.changes + lag.documents,
    pendingOf: counted === undefined ? 'pipeline' : 'scope',
    planning,
    events: waiting,
  };
};

export interface Patience {
  readonly stop: AbortSignal;
  readonly waitMs: number;
}

/**
 * Waits until the index has what stands in the repositories now, as far as the scope goes, and no longer than it is
 * told to. The flows have to be running.
 */
export const untilFresh = async (parts: Parts, scope: Scope, { stop, waitMs }: Patience): Promise<Freshness> => {
  const { names, time } = parts;
  await fileMovedHeads(parts, scope);
  const [noted = []] = await endsOf(parts, 'plan');
  const until = time.now() + waitMs;
  let delayMs = FIRST_LOOK_MS;
  for (;;) {
    const now = await count(parts, scope, { lag: await lagOf(parts), maxCounted: Number.POSITIVE_INFINITY });
    const looked = await hasPassed(parts, names.topics.events, names.groups.plan, noted);
    // Pushes that came later are not waited for: on a busy server there would be no end to them.
    if (looked && now.pending === 0 && now.planning === 0) return { ...now, fresh: true };
    if (stop.aborted || time.now() >= until) return now;
    await time.sleep(delayMs, stop);
    delayMs = Math.min(delayMs * 2, LAST_LOOK_MS);
  }
};

const refsIn = async ({ state }: Parts, { projects, ref }: Scope): Promise<readonly Row<'refs'>[]> => {
  const found: Row<'refs'>[] = [];
  for await (const row of rows(state, 'refs', 'refs')) {
    const id = parseRef(row.key);
    if (projects?.has(projectKey(id)) === false || (ref !== undefined && id.ref !== ref)) continue;
    found.push(row);
  }
  return found;
};

interface Counting {
  readonly refs: readonly Row<'refs'>[];
  readonly maxCounted: number;
}

/** `undefined` where there are too many wants to be counted. */
const pendingIn = async (
  parts: Parts,
  { path }: Scope,
  { refs, maxCounted }: Counting,
): Promise<number | undefined> => {
  if (maxCounted === 0) return undefined;
  const active = await activeGeneration(parts);
  const matches = path === undefined ? undefined : globMatcher(path);
  let [counted, pending] = [0, 0];
  for (const { key: ref } of refs) {
    for await (const page of pages(parts.state, 'wants', ref)) {
      counted += page.length;
      if (counted > maxCounted) return undefined;
      const wants = matches ? page.filter(({ key }) => matches(parseDocument(key).path)) : page;
      const keys = wants.map(({ key }) => key);
      const ledger = active === undefined ? undefined : await parts.store.generation(active).ledger(keys);
      pending += wants.filter(({ key, seq }) => (ledger?.get(key)?.seq ?? -1) < seq).length;
    }
  }
  return pending;
};

/** What was pushed a moment ago may have no event yet. */
const fileMovedHeads = async (parts: Parts, scope: Scope): Promise<void> => {
  const planned = new Map((await refsIn(parts, scope)).map(({ key, value }) => [key, value.planned]));
  const hints: Hint[] = [];
  for (const id of await projectsIn(parts, scope)) {
    for (const [ref, head] of await headsOf(parts, id)) {
      if (scope.ref !== undefined && scope.ref !== ref) continue;
      const before = planned.get(refKey({ ...id, ref }));
      if (before !== head) hints.push({ id: { ...id, ref }, after: head, ...(before === undefined ? {} : { before }) });
    }
  }
  await fileHints(parts, 'events', 'fresh', hints);
};

type ProjectId = Pick<RefId, 'instance' | 'project'>;

const projectsIn = async ({ sources, state }: Parts, { projects }: Scope): Promise<readonly ProjectId[]> => {
  const known: ProjectId[] = [];
  for await (const { key, value } of rows(state, 'projects', 'projects'))
    if (!value.blocked && projects?.has(key) !== false) known.push(parseRef(key));
  // Before the first plan only the sources know what there is.
  if (known.length === 0 && projects === undefined)
    for (const [instance, source] of sources)
      for (const { id } of await listProjects(source)) known.push({ instance, project: id });
  return known.slice(0, MAX_PROJECTS_ASKED);
};

/** None of a project that refuses us: the next resync blocks it, and says so. */
const headsOf = async (parts: Parts, id: ProjectId): Promise<ReadonlyMap<string, string>> => {
  try {
    return await asking(parts, id)((port) => port.refs(id.project));
  } catch (error) {
    if (!(error instanceof BlockProject)) throw error;
    return new Map();
  }
};
