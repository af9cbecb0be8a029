import { BadUsage } from '../errors.ts';
import type { Parts } from '../parts.ts';
import { isClosed, type Offsets, parseRef, projectKey, type RefId, type RunRow } from '../records.ts';
import { hasPassed } from '../state/ends.ts';
import { activeGeneration } from '../state/generations.ts';
import { fileHints, type Hint } from '../state/hints.ts';
import { rows } from '../state/pages.ts';
import type { Flow } from '../telemetry.ts';
import { SECOND } from '../units.ts';
import { eventOf, isPending, reportOf, tally } from './report.ts';
import { endsOf, groupOf, readRun, replaceRun, topicsOf } from './run-rows.ts';
import { expandScope } from './scope.ts';

/** A run whose events are not in the log for so long has lost whoever was to file them. */
const TAKE_OVER_MS = 30 * SECOND;

/** Full looks, so that a run finds whatever differs, and what has been lost on its way. */
export const fileRun = async (parts: Parts, run: RunRow, refs: readonly RefId[]): Promise<RunRow> => {
  const hints = refs.map((id): Hint => {
    const runs = [run.id];
    // Of a project that refuses to name its branches, the project is looked at.
    return id.ref === '' ? { kind: 'project', id, runs } : { id, force: true, runs };
  });
  await fileHints(parts, 'eventsBackfill', 'run', hints);
  return { ...run, until: { plan: await endsOf(parts, 'plan') } };
};

/**
 * Takes the run as far as it has come; whoever follows it does so, and the clock. Every step is one guarded write, so
 * any number may, and one that dies leaves nothing undone.
 */
export const advanceRun = async (parts: Parts, id: string): Promise<RunRow> => {
  for (;;) {
    const read = await readRun(parts, id);
    if (!read) throw new BadUsage(`there is no run ${id}`);
    if (read.value.status !== 'open') return read.value;
    const active = await activeGeneration(parts);
    const next = active === undefined ? undefined : await step(parts, read.value, active);
    if (!next) return read.value;
    await replaceRun(parts, read, next);
    // What the ledger has not reached is not asked for again at once.
    if (next.status === 'open' && next.waitsFor) return next;
  }
};

/** The run one step further; `undefined` while it waits. */
const step = async (parts: Parts, run: RunRow, active: string): Promise<RunRow | undefined> => {
  const { until, passedAt } = run;
  const now = parts.time.now();
  if (!until.plan) {
    if (now - run.startedAt < TAKE_OVER_MS) return undefined;
    // What it filed before it was lost is looked at twice, which plans nothing twice.
    return fileRun(parts, run, await expandScope(parts, run.scope));
  }
  if (!until.collect) {
    if (!(await flowPassed(parts, 'plan', until.plan, active)) || (await isSwept(parts, run))) return undefined;
    // An overtaken plan has filed a look of its own, behind the end that was noted.
    const plan = await endsOf(parts, 'plan');
    if (await isNamed(parts, run, until.plan, plan)) return { ...run, until: { plan } };
    const collect = await endsOf(parts, 'collect');
    return { ...run, until: { ...until, collect }, passedAt: { plan: now } };
  }
  if (!until.index) {
    if (!(await flowPassed(parts, 'collect', until.collect, active))) return undefined;
    const index = await endsOf(parts, 'index');
    return { ...run, until: { ...until, index }, passedAt: { ...passedAt, collect: now } };
  }
  if (passedAt.index === undefined) {
    if (!(await flowPassed(parts, 'index', until.index, active))) return undefined;
    return { ...run, passedAt: { ...passedAt, index: now } };
  }
  return finish(parts, run, active);
};

const flowPassed = async (parts: Parts, flow: Flow, offsets: Offsets, active: string): Promise<boolean> => {
  const group = groupOf(parts, flow, active);
  for (const [lane, topic] of topicsOf(parts, flow).entries()) {
    if (!(await hasPassed(parts, topic, group, offsets[lane] ?? []))) return false;
  }
  return true;
};

/** Whether a sweep has still to lay something for the run. That of a blocked project waits, and the run does not. */
const isSwept = async ({ state }: Parts, { id }: RunRow): Promise<boolean> => {
  for await (const { key, value } of rows(state, 'sweeps', 'sweeps')) {
    if (!value.open || !value.runs.includes(id)) continue;
    const project = projectKey(parseRef(key));
    if (!isClosed((await state.read('projects', [project])).get(project)?.value)) return true;
  }
  return false;
};

const isNamed = async (parts: Parts, { id }: RunRow, from: Offsets, until: Offsets): Promise<boolean> => {
  for (const [lane, topic] of topicsOf(parts, 'plan').entries()) {
    for await (const { value } of parts.log.slice(topic, from[lane] ?? [], until[lane] ?? [])) {
      if (value && eventOf(value)?.runs.includes(id)) return true;
    }
  }
  return false;
};

/** Over when the ledger has reached all of its changes: also one whose blob was missing, and that is looked at again. */
const finish = async (parts: Parts, run: RunRow, active: string): Promise<RunRow | undefined> => {
  const { waitsFor, ...rest } = run;
  const generation = parts.store.generation(active);
  // Asked first, and alone: counting reads the whole slice.
  if (waitsFor && (await isPending(parts, generation, waitsFor))) return undefined;
  const counted = await tally(parts, run, generation);
  if (counted.waitsFor) return { ...rest, waitsFor: counted.waitsFor };
  const endedAt = parts.time.now();
  const report = await reportOf(parts, run, counted, endedAt);
  return { ...rest, status: 'done', endedAt, report };
};
