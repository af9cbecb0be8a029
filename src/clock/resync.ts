import { BlockProject } from '../errors.ts';
import { asking } from '../operators/asking.ts';
import { fileHints, type Hint } from '../operators/hints.ts';
import { blockProject } from '../operators/set-aside.ts';
import type { Parts } from '../parts.ts';
import type { Project, RepoSource } from '../ports.ts';
import { type ProjectRow, parseRef, projectKey } from '../records.ts';
import { rows } from './rows.ts';

const projectsOf = async (port: RepoSource): Promise<Project[]> => {
  const projects: Project[] = [];
  for await (const project of port.projects()) projects.push(project);
  return projects;
};

/** Compares every tracked head with what was planned: whatever event was lost, its push is found here. */
export const resync = async (parts: Parts, stop: AbortSignal): Promise<void> => {
  const planned = new Map<string, Map<string, string | null | undefined>>();
  for await (const { key, value } of rows(parts.state, 'refs', 'refs')) {
    const project = projectKey(parseRef(key));
    const refs = planned.get(project) ?? new Map();
    planned.set(project, refs.set(parseRef(key).ref, value.planned));
  }
  for (const [instance, { port, dependency }] of parts.sources) {
    for (const project of await dependency.attempt(() => projectsOf(port))) {
      if (stop.aborted) return;
      const key = projectKey({ instance, project: project.id });
      await resyncProject(parts, instance, project, planned.get(key) ?? new Map());
    }
  }
};

const resyncProject = async (
  parts: Parts,
  instance: string,
  project: Project,
  planned: ReadonlyMap<string, string | null | undefined>,
): Promise<void> => {
  const id = { instance, project: project.id };
  const key = projectKey(id);
  try {
    const heads = await asking(parts, id)((port) => port.refs(project.id));
    const hints: Hint[] = [];
    const row = (await parts.state.read('projects', [key])).get(key)?.value;
    // A blocked project that answers is let in again; the looks at its refs follow from there.
    const asIs =
      row && !row.blocked && !row.reopened && sameFacts(row, project) && sameNames(row.refs, [...heads.keys()]);
    if (!asIs) hints.push({ kind: 'project', id: { ...id, ref: '' } });
    for (const [ref, head] of heads) {
      const before = planned.get(ref);
      if (before === head) continue;
      hints.push({ id: { ...id, ref }, after: head, ...(before === undefined ? {} : { before }) });
    }
    for (const [ref, before] of planned) {
      if (!heads.has(ref) && before !== null) hints.push({ id: { ...id, ref }, after: null });
    }
    await fileHints(parts, 'eventsBackfill', 'resync', hints);
  } catch (error) {
    if (!(error instanceof BlockProject)) throw error;
    await blockProject(parts, key, error.message);
  }
};

const sameFacts = (row: ProjectRow, project: Project) =>
  row.path === project.path &&
  row.url === project.url &&
  row.visibility === project.visibility &&
  sameNames(row.groups, project.groups);

const sameNames = (a: readonly string[], b: readonly string[]) =>
  a.length === b.length && [...a].sort().join('\0') === [...b].sort().join('\0');
