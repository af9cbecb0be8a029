/** What a question is about, and whom it may be told. */

import type { FileKind } from '../converters/format.ts';
import { languagesOf } from '../converters/kinds.ts';
import type { Parts } from '../parts.ts';
import type { Query, State } from '../ports.ts';
import { parseRef, projectKey } from '../records.ts';
import { kept } from '../runtime/kept.ts';
import { rows } from '../state/pages.ts';
import { projectNames } from '../state/projects.ts';
import { SECOND } from '../units.ts';
import type { MayRead, ReadableProject } from './access.ts';

type OneOrMore<T> = T | readonly T[];

export interface Filters {
  /** By path or id. */
  readonly project?: OneOrMore<string>;
  /** All projects in it and in its subgroups. */
  readonly group?: OneOrMore<string>;
  readonly ref?: string;
  readonly path?: string;
  readonly language?: OneOrMore<string>;
  readonly kind?: OneOrMore<FileKind>;
  /** Everything without. */
  readonly mayRead?: MayRead | undefined;
}

/** Everything where it does not say. */
export interface Scope {
  /** Their keys. */
  readonly projects?: ReadonlySet<string>;
  readonly ref?: string;
  /** A glob over the path. */
  readonly path?: string;
  readonly languages?: readonly string[];
}

export const scopeOf = async (parts: Parts, asked: Filters): Promise<Scope> => {
  const { ref, path } = asked;
  const projects = await projectsFor(parts, asked);
  const languages = languagesFor(asked);
  return {
    ...(projects === undefined ? {} : { projects: new Set(projects.map(projectKey)) }),
    ...(ref === undefined ? {} : { ref }),
    ...(path === undefined ? {} : { path }),
    ...(languages === undefined ? {} : { languages }),
  };
};

/** The same, as a store asks for it. */
export const filterOf = ({ projects, ...rest }: Scope): Pick<Query, 'projects' | 'ref' | 'path' | 'languages'> => ({
  ...rest,
  ...(projects === undefined ? {} : { projects: [...projects] }),
});

interface KnownProject extends ReadableProject {
  readonly groups: readonly string[];
}

interface KnownProjects {
  /** Those that are not hidden. */
  readonly shown: readonly KnownProject[];
  readonly hidesSome: boolean;
}

const LIST_KEPT_MS = 1 * SECOND;

const listedBy = new WeakMap<State, () => Promise<KnownProjects>>();

/**
 * The rows of all projects, read once a second at most however many search: thousands of them cost more than the search.
 * That the list may be a second old lets nobody find what was hidden or closed to them since: it only says where is
 * searched, and of all that is shown afterwards the project's row is read again, with whether it may be told (`hits.ts`,
 * `read.ts`). A project that has come since is found a second later.
 */
const knownProjects = (state: State): Promise<KnownProjects> => {
  const list = listedBy.get(state) ?? kept(() => listProjects(state), LIST_KEPT_MS);
  listedBy.set(state, list);
  return list();
};

const listProjects = async (state: State): Promise<KnownProjects> => {
  const shown: KnownProject[] = [];
  let hidesSome = false;
  for await (const { key, value } of rows(state, 'projects', 'projects')) {
    const { instance, project } = parseRef(key);
    if (value.hidden === undefined)
      shown.push({ instance, project, path: value.path || project, groups: value.groups });
    else hidesSome = true;
  }
  return { shown, hidesSome };
};

/**
 * Those that are called so and in such groups and may be read, without those that are hidden, as the limit on hits is to be
 * the others'; `undefined` when that leaves out none. A name that nobody has heard of matches nothing.
 */
export const projectsFor = async (
  { state }: Pick<Parts, 'state'>,
  { project, group, mayRead }: Filters,
): Promise<readonly ReadableProject[] | undefined> => {
  const [names, groups] = [listOf(project), listOf(group)];
  const { shown, hidesSome } = await knownProjects(state);
  if (!names && !groups && !mayRead) return hidesSome ? shown : undefined;
  const isCalled = (one: KnownProject) => !names || projectNames(one, one.path).some((name) => names.includes(name));
  const isIn = (one: KnownProject) =>
    !groups || groups.some((group) => one.groups.some((of) => of === group || of.startsWith(`${group}/`)));
  const found = shown.filter((one) => isCalled(one) && isIn(one));
  return mayRead ? mayRead(found) : found;
};

const listOf = <T>(given: OneOrMore<T> | undefined): readonly T[] | undefined =>
  given === undefined || Array.isArray(given) ? (given as readonly T[] | undefined) : [given as T];

const languagesFor = ({ language, kind }: Filters): readonly string[] | undefined => {
  const [languages, kinds] = [listOf(language), listOf(kind)];
  const ofKinds = kinds && languagesOf(kinds);
  return languages && ofKinds ? languages.filter((one) => ofKinds.includes(one)) : (languages ?? ofKinds);
};
