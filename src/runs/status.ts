import type { Dependency, Parts } from '../parts.ts';
import type { Row } from '../ports.ts';
import { type GenerationsRow, type Head, parseRef, projectKey, type RunRow, readableKey } from '../records.ts';
import { readGenerations } from '../state/generations.ts';
import { behind } from '../state/lag.ts';
import { pages, rows } from '../state/pages.ts';
import { seenHeads } from '../state/seen-heads.ts';
import type { Flow } from '../telemetry.ts';
import { SECOND } from '../units.ts';
import { countResolved } from './replay.ts';
import { FLOWS, groupOf, runRows, topicsOf } from './run-rows.ts';

export interface ProjectStatus {
  readonly instance: string;
  readonly project: string;
  readonly path: string;
  readonly ref: string;
  /** Where the branch is, as far as this process knows without asking; `null` when it is gone, or its project blocked. */
  readonly head: string | null;
  /** The head that was planned last; `null` when the branch is gone or was never planned. */
  readonly planned: string | null;
  readonly documents: number;
  /** Wants that the active ledger has not reached. */
  readonly pending: number;
  readonly failed: number;
  readonly blocked: string | null;
}

export interface Waiting {
  readonly on: 'dependency' | 'approval' | 'project' | 'flow' | 'rules' | 'generation';
  readonly name: string;
  /** The project that it names, if it names one. */
  readonly of?: { readonly instance: string; readonly project: string };
  readonly reason: string;
  readonly since?: string;
}

/** Records that a flow has not settled. */
export interface FlowLag {
  readonly records: number;
  /** Who reads for it, in all processes. */
  readonly members: number;
}

export interface Status {
  /** When it was so. */
  readonly at: string;
  /** Whether all that flows and searches need is there. */
  readonly ready: boolean;
  readonly log: { readonly up: boolean; readonly identity: string | null };
  readonly store: { readonly up: boolean; readonly documents: number | null; readonly points: number | null };
  readonly generation: string | null;
  readonly building: string | null;
  readonly previous: string | null;
  readonly projects: readonly ProjectStatus[];
  /** Of each GitLab, when it has last told of something; `null` when it never has, so that the resync finds all pushes. */
  readonly webhooks: readonly { readonly instance: string; readonly heardAt: string | null }[];
  /** What waits, by lane. */
  readonly lanes: Readonly<Record<'live' | 'backfill', { readonly events: number; readonly changes: number }>>;
  readonly lag: Readonly<Record<Flow, FlowLag>>;
  readonly deadLetters: number;
  readonly runs: readonly Pick<RunRow, 'id' | 'scope' | 'startedAt'>[];
  /** What does not go on, and why. */
  readonly waits: readonly Waiting[];
}

/** What log, state and store depend on, as the parts were put together with; one may stand for several of them. */
const OWN = { log: ['log'], state: ['state', 'store'], store: ['store'] } as const;

/**
 * All of it from wants, ledger and offsets, and nothing from a source: however often somebody looks, no source hears of
 * it. What needs a dependency that is down is left out, so that nobody waits for
 * it, and `waits` says so.
 */
export const statusOf = async (parts: Parts, dependencies: readonly Dependency[]): Promise<Status> => {
  const isDown = (what: keyof typeof OWN) =>
    dependencies.some(({ name, downSince }) => OWN[what].some((own) => own === name) && downSince() !== undefined);
  const whileUp = <T>(needed: readonly (keyof typeof OWN)[], work: () => Promise<T>) =>
    unlessDown(parts, () => needed.some(isDown), work);

  const at = new Date(parts.time.now()).toISOString();
  const identity = await whileUp(['log'], () => parts.log.identity());
  const generations = await whileUp(['state'], async () => (await readGenerations(parts))?.value);
  const active = generations?.active;
  const counts =
    active === undefined ? undefined : await whileUp(['store'], () => parts.store.generation(active).counts());
  const offsets = (await whileUp(['log'], () => offsetsOf(parts, active))) ?? NOTHING_KNOWN;
  const resolved = (await whileUp(['state'], () => countResolved(parts))) ?? 0;
  const projects = (await whileUp(['state', 'store'], () => projectsOf(parts, active))) ?? [];
  const webhooks = (await whileUp(['state'], () => heardOf(parts))) ?? [];
  const runs = (await whileUp(['state'], () => openRuns(parts))) ?? [];
  const waits = [
    ...dependenciesDown(dependencies),
    ...flowsWithoutMembers(offsets.lag),
    ...((await whileUp(['state'], () => blockedProjects(parts))) ?? []),
    ...((await whileUp(['state'], () => unapproved(parts))) ?? []),
    ...((await whileUp(['state'], () => otherRules(parts))) ?? []),
    ...(generations || isDown('state') ? [] : [NO_GENERATION]),
  ];
  const own: readonly string[] = Object.values(OWN).flat();
  return {
    at,
    ready: !waits.some(
      ({ on, name }) => on === 'rules' || on === 'generation' || (on === 'dependency' && own.includes(name)),
    ),
    log: { up: !isDown('log'), identity: identity ?? null },
    store: { up: !isDown('store'), documents: counts?.documents ?? null, points: counts?.points ?? null },
    ...generationNames(generations),
    projects,
    webhooks,
    ...offsets,
    deadLetters: Math.max(0, offsets.deadLetters - resolved),
    runs,
    waits,
  };
};

const NO_GENERATION: Waiting = { on: 'generation', name: 'active', reason: 'nothing was indexed yet' };

const generationNames = (row: GenerationsRow | undefined) => ({
  generation: row?.active ?? null,
  building: row?.building ?? null,
  previous: row?.previous?.name ?? null,
});

/** `undefined` when what it needs is down, or goes down meanwhile. */
const unlessDown = async <T>(
  { time }: Parts,
  isDown: () => boolean,
  work: () => Promise<T>,
): Promise<T | undefined> => {
  if (isDown()) return undefined;
  const over = new AbortController();
  const watched = async () => {
    while (!over.signal.aborted && !isDown()) await time.sleep(SECOND, over.signal);
    return undefined;
  };
  try {
    return await Promise.race([work(), watched()]);
  } finally {
    over.abort();
  }
};

type OffsetsStatus = Pick<Status, 'lanes' | 'lag' | 'deadLetters'>;

const NOTHING_KNOWN: OffsetsStatus = {
  lanes: { live: { events: 0, changes: 0 }, backfill: { events: 0, changes: 0 } },
  lag: { plan: { records: 0, members: 0 }, collect: { records: 0, members: 0 }, index: { records: 0, members: 0 } },
  deadLetters: 0,
};

const offsetsOf = async (parts: Parts, active: string | undefined): Promise<OffsetsStatus> => {
  const { log, names } = parts;
  const lagOf = async (topic: string, group: string): Promise<FlowLag> => {
    const [records, members] = await Promise.all([behind(parts, topic, group), log.members(topic, group)]);
    return { records, members };
  };
  const lags = async (flow: Flow): Promise<readonly FlowLag[]> =>
    flow === 'index' && active === undefined
      ? []
      : Promise.all(topicsOf(parts, flow).map((topic) => lagOf(topic, groupOf(parts, flow, active ?? ''))));
  const [plan, collect, index] = await Promise.all([lags('plan'), lags('collect'), lags('index')]);
  const recordsIn = (lane: number) => ({ events: plan[lane]?.records ?? 0, changes: collect[lane]?.records ?? 0 });
  const together = (of: readonly FlowLag[]) => ({
    records: of.reduce((sum, { records }) => sum + records, 0),
    members: Math.max(0, ...of.map(({ members }) => members)),
  });
  const dead = await log.bounds(names.topics.deadLetters);
  return {
    lanes: { live: recordsIn(0), backfill: recordsIn(1) },
    lag: { plan: together(plan), collect: together(collect), index: together(index) },
    deadLetters: dead.reduce((sum, { start, end }) => sum + end - start, 0),
  };
};

const projectsOf = async (parts: Parts, active: string | undefined): Promise<readonly ProjectStatus[]> => {
  const { state } = parts;
  const known = new Map<string, { readonly path: string; readonly blocked: string | null }>();
  for await (const { key, value } of rows(state, 'projects', 'projects'))
    known.set(key, { path: value.path, blocked: value.blocked?.reason ?? null });
  const projects: ProjectStatus[] = [];
  for await (const row of rows(state, 'refs', 'refs')) {
    const { instance, project, ref } = parseRef(row.key);
    const { path = project, blocked = null } = known.get(projectKey({ instance, project })) ?? {};
    const head = blocked === null ? headOf(parts, row) : null;
    const counts = await countsOf(parts, row.key, active);
    projects.push({ instance, project, path, ref, head, planned: row.value.planned ?? null, ...counts, blocked });
  }
  return projects;
};

/** What the last resync has seen, unless a plan has looked since. Sources are asked by those who do something about it. */
const headOf = (parts: Parts, { key, seq, value }: Row<'refs'>): Head => {
  const { ref, ...id } = parseRef(key);
  const seen = seenHeads(parts, projectKey(id));
  return seen && seen.at > seq ? (seen.heads.get(ref) ?? null) : (value.planned ?? null);
};

const countsOf = async ({ state, store }: Parts, ref: string, active: string | undefined) => {
  let [documents, pending, failed] = [0, 0, 0];
  for await (const wants of pages(state, 'wants', ref)) {
    const keys = wants.map(({ key }) => key);
    const ledger = active === undefined ? undefined : await store.generation(active).ledger(keys);
    for (const { key, seq } of wants) {
      const entry = ledger?.get(key);
      if (entry && entry.status !== 'gone') documents += 1;
      if ((entry?.seq ?? -1) < seq) pending += 1;
      else if (entry?.status === 'failed') failed += 1;
    }
  }
  return { documents, pending, failed };
};

/** Servers that have replicas tell of pushes; plain repositories are looked at. */
const heardOf = async ({ state, sources }: Parts): Promise<Status['webhooks']> => {
  const instances = [...sources].flatMap(([instance, { replicas }]) => (replicas ? [instance] : []));
  const heard = await state.read('heard', instances);
  return instances.map((instance) => {
    const at = heard.get(instance)?.value.at;
    return { instance, heardAt: at === undefined ? null : new Date(at).toISOString() };
  });
};

const openRuns = async (parts: Parts): Promise<Status['runs']> => {
  const open: Pick<RunRow, 'id' | 'scope' | 'startedAt'>[] = [];
  for await (const { value } of runRows(parts)) {
    const { id, scope, startedAt, status } = value;
    if (status === 'open') open.push({ id, scope, startedAt });
  }
  return open;
};

const dependenciesDown = (dependencies: readonly Dependency[]): readonly Waiting[] =>
  dependencies.flatMap(({ name, downSince }): readonly Waiting[] => {
    const since = downSince();
    if (since === undefined) return [];
    return [{ on: 'dependency', name, reason: 'it does not answer', since: new Date(since).toISOString() }];
  });

const flowsWithoutMembers = (lag: Status['lag']): readonly Waiting[] =>
  FLOWS.filter((flow) => lag[flow].members === 0 && lag[flow].records > 0).map((flow) => ({
    on: 'flow',
    name: flow,
    reason: `${lag[flow].records} records wait, and nobody runs it`,
  }));

const projectOf = (key: string): NonNullable<Waiting['of']> => {
  const { instance, project } = parseRef(key);
  return { instance, project };
};

/** Also those that were never planned. */
const blockedProjects = async ({ state }: Parts): Promise<readonly Waiting[]> => {
  const waits: Waiting[] = [];
  for await (const { key, value } of rows(state, 'projects', 'projects')) {
    const project = { on: 'project', name: value.path || readableKey(key), of: projectOf(key) } as const;
    if (value.hidden !== undefined) waits.push({ ...project, reason: `hidden: ${value.hidden}` });
    if (!value.blocked) continue;
    const { reason, at } = value.blocked;
    waits.push({ ...project, reason, since: new Date(at).toISOString() });
  }
  return waits;
};

const unapproved = async ({ state }: Parts): Promise<readonly Waiting[]> => {
  const waits: Waiting[] = [];
  for await (const { key, value } of rows(state, 'sweeps', 'sweeps')) {
    if (!value.open || value.approval?.given !== false) continue;
    const { lacking, of } = value.approval;
    const reason = `needs approval: it would delete ${lacking} of ${of} documents; \`tidemark approve\` says that this is meant`;
    waits.push({ on: 'approval', name: readableKey(key), of: projectOf(key), reason });
  }
  return waits;
};

const otherRules = async ({ state, rules }: Parts): Promise<readonly Waiting[]> => {
  const current = (await state.read('rules', ['rules'])).get('rules')?.value.rules;
  if (current === undefined || current === rules) return [];
  return [{ on: 'rules', name: rules, reason: `the pipeline has rules ${current}: start this process again` }];
};
