import { listProjects, sourceCalls } from '../calls/source.ts';
import { BadUsage, BlockProject } from '../errors.ts';
import { blockProject } from '../operators/set-aside.ts';
import type { Parts } from '../parts.ts';
import { parseRef, projectKey, type RefId, refKey } from '../records.ts';
import { rows } from '../state/pages.ts';
import { projectNames } from '../state/projects.ts';

/** Of what there is, so many are named to somebody who asked for what there is not. */
const NAMED = 10;

export const parseProject = (key: string): RefId => parseRef(key);

/** A project by its id or its path, if need be behind its instance, with or without one of its branches. */
const argument = (text: string) => {
  const colon = text.indexOf(':');
  return colon < 0 ? { project: text } : { project: text.slice(0, colon), ref: text.slice(colon + 1) };
};

export const sameScope = (a: readonly string[], b: readonly string[]): boolean =>
  [...new Set(a)].sort().join('\0') === [...new Set(b)].sort().join('\0');

/**
 * The branches that the arguments stand for; all branches of all projects without any. Also those that were planned once
 * and are no more: they may not be gone from the index. Throws for an argument that stands for nothing.
 */
export const expandScope = async (parts: Parts, scope: readonly string[]): Promise<readonly RefId[]> => {
  const planned = await plannedRefs(parts);
  const asked = scope.map((text) => ({ text, ...argument(text), found: false, known: [] as string[] }));
  const expanded = new Map<string, RefId>();
  const projects: string[] = [];
  for (const [instance, source] of parts.sources) {
    for (const project of await listProjects(source)) {
      projects.push(project.path);
      const names = projectNames({ instance, project: project.id }, project.path);
      const mine = asked.filter((one) => names.includes(one.project));
      if (asked.length > 0 && mine.length === 0) continue;
      const id = { instance, project: project.id };
      const known = [...new Set([...(await refsOf(parts, id)), ...(planned.get(projectKey(id)) ?? [])])];
      for (const one of mine) {
        one.known.push(...known);
        one.found ||= one.ref === undefined || known.includes(one.ref);
      }
      for (const ref of known) {
        if (asked.length === 0 || mine.some((one) => one.ref === undefined || one.ref === ref))
          expanded.set(refKey({ ...id, ref }), { ...id, ref });
      }
    }
  }
  // What the sources do not list any more is known by its row, and means what was planned of it.
  if (asked.some(({ found }) => !found)) {
    for await (const { key, value } of rows(parts.state, 'projects', 'projects')) {
      const { instance, project } = parseProject(key);
      const names = projectNames({ instance, project }, value.path);
      const known = planned.get(key) ?? [];
      for (const one of asked) {
        if (one.found || !names.includes(one.project)) continue;
        one.found = one.ref === undefined || known.includes(one.ref);
        for (const ref of known)
          if (one.ref === undefined || one.ref === ref)
            expanded.set(refKey({ instance, project, ref }), { instance, project, ref });
      }
    }
  }
  const missing = asked.find(({ found }) => !found);
  if (!missing) return [...expanded.values()];
  const isProject = missing.known.length > 0 && missing.ref !== undefined;
  const there = isProject ? missing.known : projects;
  throw new BadUsage(
    `${missing.text} is neither a project nor a branch of one (project:branch): there ${isProject ? 'are the branches' : 'are the projects'} ` +
      `${there.slice(0, NAMED).join(', ') || 'none'}${there.length > NAMED ? ', …' : ''}`,
  );
};

/** Of a project that refuses us a branch without a name, so that the run says that it was not looked at. */
const refsOf = async (parts: Parts, id: { instance: string; project: string }): Promise<readonly string[]> => {
  try {
    return [...(await sourceCalls(parts, id)((port) => port.refs(id.project))).keys()];
  } catch (error) {
    if (!(error instanceof BlockProject)) throw error;
    await blockProject(parts, projectKey(id), error.message);
    return [''];
  }
};

/** By project, the branches that have been planned and are not known to be gone. */
const plannedRefs = async ({ state }: Parts): Promise<ReadonlyMap<string, readonly string[]>> => {
  const planned = new Map<string, string[]>();
  for await (const { key, value } of rows(state, 'refs', 'refs')) {
    if (value.planned === null) continue;
    const id = parseRef(key);
    const known = planned.get(projectKey(id));
    if (known) known.push(id.ref);
    else planned.set(projectKey(id), [id.ref]);
  }
  return planned;
};
