/** A run over a part of what is configured, to try something out: whole projects, as many as the bounds let in. */
import { BadUsage } from '../errors.ts';
import type { Parts } from '../parts.ts';
import { projectKey, type RefId } from '../records.ts';
import { fileHints } from '../state/hints.ts';
import { type Started, startRun } from './backfill.ts';
import { expandScope } from './scope.ts';
import { treePages } from './trees.ts';

export interface Bounds {
  readonly projects: number;
  /** Of all branches together. */
  readonly files: number;
}

export interface Trial extends Started {
  readonly projects: number;
  readonly files: number;
  /** Projects that the bounds keep out. */
  readonly leftOut: number;
}

export const startTrial = async (parts: Parts, scope: readonly string[], bounds: Bounds): Promise<Trial> => {
  if (scope.some((word) => word.includes(':')))
    throw new BadUsage('a trial takes whole projects, and no single branch');
  const projects = new Map<string, RefId[]>();
  for (const id of await expandScope(parts, scope))
    projects.set(projectKey(id), [...(projects.get(projectKey(id)) ?? []), id]);
  const taken: RefId[] = [];
  let files = 0;
  for (const refs of projects.values()) {
    const [first] = refs;
    if (!first || taken.length === bounds.projects) break;
    const count = await filesOf(parts, refs, bounds.files - files);
    if (count === undefined) continue;
    files += count;
    taken.push({ ...first, ref: '' });
  }
  if (taken.length === 0) throw new BadUsage(`none of ${projects.size} projects is within the bounds`);
  // Without the clock nobody else looks at what the projects are called and who may see them.
  const facts = taken.map((id) => ({ kind: 'project', id }) as const);
  await fileHints(parts, 'events', 'trial', facts);
  const started = await startRun(
    parts,
    taken.map(({ instance, project }) => `${instance}/${project}`),
  );
  return { ...started, projects: taken.length, files, leftOut: projects.size - taken.length };
};

/** `undefined` for more than there is room for, and for a project that refuses us. */
const filesOf = async (parts: Parts, refs: readonly RefId[], room: number): Promise<number | undefined> => {
  if (refs.some(({ ref }) => ref === '')) return undefined;
  let count = 0;
  for (const ref of refs) {
    for await (const page of treePages(parts, ref)) {
      count += page.length;
      if (count > room) return undefined;
    }
  }
  return count;
};
