import { sourceCalls } from '../calls/source.ts';
import { BlockProject } from '../errors.ts';
import { blockProject } from '../operators/set-aside.ts';
import type { Parts } from '../parts.ts';
import type { Project, RepoSource } from '../ports.ts';
import { type ProjectRow, parseRef, projectKey } from '../records.ts';
import { fileHints, type Hint } from '../state/hints.ts';
import { rows } from '../state/pages.ts';
import { noteHeads } from '../state/seen-heads.ts';

/** All that can be listed; `refused` when that is not all, and nothing follows from what the list lacks. */
const projectsOf = async (
  port: RepoSource,
): Promise<{ readonly projects: readonly Project[]; readonly refused: string | undefined }> => {
  const projects: Project[] = [];
  try {
    for await (const project of port.projects()) projects.push(project);
    return { projects, refused: undefined };
  } catch (error) {
    if (!(error instanceof BlockProject)) throw error;
    return { projects, refused: error.message };
  }
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
    const { projects, refused } = await dependency.attempt(() => projectsOf(port));
    for (const project of projects) {
      if (stop.aborted) return;
      const key = projectKey({ instance, project: project.id });
      await resyncProject(parts, instance, project, planned.get(key) ?? new Map());
    }
    if (refused !== undefined) parts.telemetry.sourceUnreadable({ project: instance, error: refused });
    else await lookForUnlisted(parts, instance, new Set(projects.map(({ id }) => id)));
  }
};

/** Projects that were moved away, deleted, or left out of the configuration: what each is now, it says itself. */
const lookForUnlisted = async (parts: Parts, instance: string, listed: ReadonlySet<string>): Promise<void> => {
  const unlisted: Hint[] = [];
  for await (const { key, value } of rows(parts.state, 'projects', 'projects')) {
    const { project, ...id } = parseRef(key);
    if (id.instance !== instance || listed.has(project)) continue;
    if (value.forgotten || (value.hidden !== undefined && !value.blocked)) continue;
    unlisted.push({ kind: 'project', id: { instance, project, ref: '' } });
  }
  await fileHints(parts, 'eventsBackfill', 'resync', unlisted);
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
    const heads = await sourceCalls(parts, id)((port) => port.refs(project.id));
    noteHeads(parts, id, heads);
    const hints: Hint[] = [];
    const row = (await parts.state.read('projects', [key])).get(key)?.value;
    // A blocked project that answers is let in again; the looks at its refs follow from there.
    const asIs =
      row &&
      !row.blocked &&
      (!row.reopened || project.hidden !== undefined) &&
      sameFacts(row, project) &&
      sameNames(row.refs, [...heads.keys()]);
    if (!asIs) hints.push({ kind: 'project', id: { ...id, ref: '' } });
    if (project.hidden !== undefined) return await fileHints(parts, 'eventsBackfill', 'resync', hints);
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
  (row.archived ?? false) === (project.archived ?? false) &&
  row.hidden === project.hidden &&
  sameNames(row.groups, project.groups);

const sameNames = (a: readonly string[], b: readonly string[]) =>
  a.length === b.length && [...a].sort().join('\0') === [...b].sort().join('\0');
