import { BadUsage } from '../errors.ts';
import type { Parts } from '../parts.ts';
import type { Report, RunRow } from '../records.ts';
import { activeGeneration } from '../state/generations.ts';
import type { Flow } from '../telemetry.ts';
import { SECOND } from '../units.ts';
import { advanceRun, fileRun } from './advance.ts';
import { reportOf, tally } from './report.ts';
import { claimRun, endsOf, FLOWS, groupOf, readRun, replaceRun, topicsOf } from './run-rows.ts';
import { expandScope } from './scope.ts';

const LOOK_EVERY_MS = 250;
/** A flow that nobody runs for so long will not come by itself. */
const IDLE_MS = 30 * SECOND;

export interface Started {
  readonly run: RunRow;
  /** It was open already, and is to be followed. */
  readonly joined: boolean;
}

/** A bounded job: every branch of the scope is compared with its tree, and what differs is brought to its end. */
export const startRun = async (parts: Parts, scope: readonly string[]): Promise<Started> => {
  // Before anything is written: a scope that stands for nothing is refused.
  const refs = await expandScope(parts, scope);
  const [plan, collect, index] = await Promise.all([
    endsOf(parts, 'plan'),
    endsOf(parts, 'collect'),
    endsOf(parts, 'index'),
  ]);
  const started = await claimRun(parts, scope, { plan, collect, index });
  if (started.joined) return started;
  const filed = await fileRun(parts, started.run, refs);
  const read = await readRun(parts, started.run.id);
  // Somebody may have believed us dead, and have done the same.
  if (read && !read.value.until.plan && read.value.status === 'open') await replaceRun(parts, read, filed);
  return { run: (await readRun(parts, filed.id))?.value ?? filed, joined: false };
};

/** How far a flow has come of what it has to do, in records. */
export interface Passed {
  readonly done: number;
  readonly of: number;
}

export interface Progress {
  readonly run: RunRow;
  /** What the run waits for now: a flow, or the ledger once all flows have passed. */
  readonly waitsFor: Flow | 'events' | 'ledger';
  /** Of everybody's records since the run began, so an estimate; its report is exact. */
  readonly flows: Readonly<Record<Flow, Passed>>;
  readonly elapsedMs: number;
}

export type Followed =
  | { readonly is: 'ended'; readonly report: Report }
  /** Nobody runs this flow. */
  | { readonly is: 'idle'; readonly flow: Flow }
  /** `stop` has aborted; the run goes on without us. */
  | { readonly is: 'left' };

/** Takes the run to its end, together with whoever else does. */
export const followRun = async (
  parts: Parts,
  id: string,
  onProgress: (progress: Progress) => void,
  stop: AbortSignal,
): Promise<Followed> => {
  const isIdle = idleness(parts);
  while (!stop.aborted) {
    const run = await advanceRun(parts, id);
    if (run.report) return { is: 'ended', report: run.report };
    const progress = await progressOf(parts, run);
    onProgress(progress);
    const flow = await isIdle(progress);
    if (flow) return { is: 'idle', flow };
    await parts.time.sleep(LOOK_EVERY_MS, stop);
  }
  return { is: 'left' };
};

const waitingFor = ({ until, passedAt }: RunRow): Progress['waitsFor'] => {
  if (!until.plan) return 'events';
  return FLOWS.find((flow) => passedAt[flow] === undefined) ?? 'ledger';
};

export const progressOf = async (parts: Parts, run: RunRow): Promise<Progress> => {
  const active = await activeGeneration(parts);
  const passed = async (flow: Flow): Promise<Passed> => {
    const until = run.until[flow] ?? (await endsOf(parts, flow));
    let [done, of] = [0, 0];
    for (const [lane, topic] of topicsOf(parts, flow).entries()) {
      const committed = active === undefined ? [] : await parts.log.committed(topic, groupOf(parts, flow, active));
      for (const [partition, end] of (until[lane] ?? []).entries()) {
        const start = run.from[flow][lane]?.[partition] ?? 0;
        of += Math.max(0, end - start);
        done += Math.max(0, Math.min(committed[partition] ?? 0, end) - start);
      }
    }
    return { done, of };
  };
  const [plan, collect, index] = await Promise.all([passed('plan'), passed('collect'), passed('index')]);
  return {
    run,
    waitsFor: waitingFor(run),
    flows: { plan, collect, index },
    elapsedMs: parts.time.now() - run.startedAt,
  };
};

/** Tells the flow that is waited for when nothing of it moves and nobody reads for it, for long enough to say so. */
const idleness = (parts: Parts) => {
  const since = new Map<Flow, { readonly done: number; readonly at: number }>();
  return async ({ waitsFor, flows, run }: Progress): Promise<Flow | undefined> => {
    if (waitsFor === 'events') return undefined;
    const active = await activeGeneration(parts);
    for (const flow of waitsFor === 'ledger' ? FLOWS : [waitsFor]) {
      const { done } = flows[flow];
      const before = since.get(flow);
      const now = parts.time.now();
      if (before?.done !== done || (active !== undefined && (await hasMember(parts, flow, active)))) {
        since.set(flow, { done, at: now });
      } else if (now - Math.max(before.at, run.startedAt) >= IDLE_MS) return flow;
    }
    return undefined;
  };
};

const hasMember = async (parts: Parts, flow: Flow, active: string): Promise<boolean> => {
  const group = groupOf(parts, flow, active);
  for (const topic of topicsOf(parts, flow)) if ((await parts.log.members(topic, group)) > 0) return true;
  return false;
};

/**
 * Ends the run where it is. What it has planned is brought to its end all the same: the index follows the tree, whoever
 * has asked.
 */
export const cancelRun = async (parts: Parts, id: string): Promise<RunRow> => {
  for (;;) {
    const read = await readRun(parts, id);
    if (!read) throw new BadUsage(`there is no run ${id}`);
    const active = await activeGeneration(parts);
    if (read.value.status !== 'open' || active === undefined) return read.value;
    const { waitsFor: _, ...run } = read.value;
    const counted = await tally(parts, run, parts.store.generation(active), 'superseded');
    const endedAt = parts.time.now();
    const report = await reportOf(parts, run, counted, endedAt, true);
    const ended: RunRow = { ...run, status: 'cancelled', endedAt, report };
    if (await replaceRun(parts, read, ended)) return ended;
  }
};
