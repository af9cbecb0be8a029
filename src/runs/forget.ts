import { BadUsage, StopFlow } from '../errors.ts';
import type { Parts } from '../parts.ts';
import type { Row } from '../ports.ts';
import { refKey } from '../records.ts';
import { generationsKeptInStep, whileKeptInStep } from '../state/generations.ts';
import { ledgerPages, pages, pointPages, rows } from '../state/pages.ts';
import { projectNames } from '../state/projects.ts';
import { update } from '../state/update.ts';
import { followRun, startRun } from './backfill.ts';
import { listDeadLetters } from './dead-letters.ts';
import { discardDeadLetters } from './replay.ts';
import { parseProject } from './scope.ts';

/** Above every seq that a plan can have. */
const ANY_SEQ = Number.MAX_SAFE_INTEGER;

export interface Forgotten {
  readonly project: string;
  /** Documents that were there. */
  readonly documents: number;
  /** What is found of it afterwards, by a look at all there is: nothing, or the proof has failed. */
  readonly left: {
    readonly points: number;
    readonly entries: number;
    readonly wants: number;
    readonly deadLetters: number;
  };
  /** Discarded: their bytes go when the log drops them, and nobody sees or replays them until then. */
  readonly deadLetters: number;
}

/**
 * Removes all that is known of a project that is not indexed any more: points, ledger, wants, texts and dead letters.
 * First it is planned as if it were empty, so that whatever is still on its way loses against that; then its rows go.
 */
export const forget = async (parts: Parts, name: string, stop: AbortSignal): Promise<Forgotten> => {
  const project = await projectCalled(parts, name);
  const { hidden, blocked } = project.value;
  if (hidden === undefined && !blocked)
    throw new BadUsage(
      `${name} is indexed: take it out of the configuration first, or it comes back with the next look`,
    );
  await update(
    parts,
    'projects',
    project.key,
    (row) => row && { ...row, hidden: 'it is being forgotten', forgotten: true },
  );
  const { run } = await startRun(parts, [readable(project)]);
  const followed = await followRun(parts, run.id, () => {}, stop);
  if (followed.is !== 'ended')
    throw new StopFlow(`${name} is being forgotten, and that did not come to its end: run it again`);
  const filter = { project: readable(project) };
  const { discarded: deadLetters } = await discardDeadLetters(parts, filter);
  const documents = await purge(parts, project.key);
  const left = { ...(await leftOf(parts, project.key)), deadLetters: 0 };
  for await (const _ of listDeadLetters(parts, filter)) left.deadLetters += 1;
  return { project: project.value.path || name, documents, left, deadLetters };
};

const readable = ({ key }: Row<'projects'>): string => {
  const { instance, project } = parseProject(key);
  return `${instance}/${project}`;
};

const projectCalled = async ({ state }: Parts, name: string): Promise<Row<'projects'>> => {
  const found: Row<'projects'>[] = [];
  for await (const row of rows(state, 'projects', 'projects'))
    if (projectNames(parseProject(row.key), row.value.path).includes(name)) found.push(row);
  const [only] = found;
  if (!only) throw new BadUsage(`there is no project ${name}`);
  if (found.length > 1) throw new BadUsage(`${name} is ambiguous: say ${found.map(readable).join(' or ')}`);
  return only;
};

/** The log first and the project last: whoever finds the rest after a crash begins again. */
const purge = async (parts: Parts, key: string): Promise<number> => {
  const { state, store, log, names } = parts;
  const refs: Row<'refs'>[] = [];
  for await (const row of rows(state, 'refs', 'refs')) if (row.key.startsWith(`${key}\0`)) refs.push(row);
  let documents = 0;
  for (const ref of refs) {
    for await (const wants of pages(state, 'wants', ref.key)) {
      const keys = wants.map((want) => want.key);
      if (keys.length === 0) continue;
      await log.append(
        names.topics.documents,
        keys.map((document) => ({ key: document, value: null })),
      );
      for (const name of await generationsKeptInStep(parts)) {
        const entries = wants.map(({ key: document, seq }) => ({ document, seq }));
        await whileKeptInStep(parts, name, () => store.generation(name).forget(entries));
      }
      const missing = await state.read('missing', keys);
      await state.remove('missing', [...missing.values()]);
      await state.remove('wants', wants);
      documents += keys.length;
    }
    const sweeps = await state.read('sweeps', [ref.key]);
    await state.remove('sweeps', [...sweeps.values()]);
  }
  await state.remove('refs', refs);
  await strayPoints(parts, key, async (name, document) => {
    await store.generation(name).prune(document, ANY_SEQ, []);
  });
  for await (const replays of pages(state, 'replays', 'replays')) {
    const ours = replays.filter(({ key: subject }) => subject === key || subject.startsWith(`${key}\0`));
    if (ours.length > 0) await state.remove('replays', ours);
  }
  const project = await state.read('projects', [key]);
  await state.remove('projects', [...project.values()]);
  return documents;
};

const strayPoints = async (
  parts: Parts,
  key: string,
  found: (generation: string, document: string) => Promise<void>,
): Promise<void> => {
  for (const name of await generationsKeptInStep(parts)) {
    for await (const page of pointPages(parts.store.generation(name)))
      for (const { document } of page) if (document.startsWith(`${key}\0`)) await found(name, document);
  }
};

const leftOf = async (parts: Parts, key: string): Promise<Omit<Forgotten['left'], 'deadLetters'>> => {
  let [points, entries, wants] = [0, 0, 0];
  await strayPoints(parts, key, async () => {
    points += 1;
  });
  for (const name of await generationsKeptInStep(parts))
    for await (const page of ledgerPages(parts.store.generation(name)))
      entries += page.filter(({ document }) => document.startsWith(`${key}\0`)).length;
  for await (const { key: ref } of rows(parts.state, 'refs', 'refs')) {
    if (!ref.startsWith(`${key}\0`)) continue;
    for await (const page of pages(parts.state, 'wants', refKey(parseProject(ref)))) wants += page.length;
  }
  return { points, entries, wants };
};
