/** What a question is about, and whom it may be told. */

import type { FileKind } from '../converters/format.ts';
import { languagesOf } from '../converters/kinds.ts';
import type { Parts } from '../parts.ts';
import type { Query } from '../ports.ts';
import { parseRef, projectKey } from '../records.ts';
import { rows } from '../state/pages.ts';
import { projectNames } from '../state/projects.ts';
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

/**
 * Those that are called so and in such groups and may be read, without those that are hidden, as the limit on hits is to be
 * the others'; `undefined` when that leaves out none. A name that nobody has heard of matches nothing.
 */
export const projectsFor = async (
  { state }: Parts,
  { project, group, mayRead }: Filters,
): Promise<readonly ReadableProject[] | undefined> => {
  const [names, groups] = [listOf(project), listOf(group)];
  const found: ReadableProject[] = [];
  let all = true;
  for await (const { key, value } of rows(state, 'projects', 'projects')) {
    const id = parseRef(key);
    const called = projectNames(id, value.path);
    const wanted =
      value.hidden === undefined &&
      (!names || names.some((name) => called.includes(name))) &&
      (!groups || groups.some((one) => value.groups.some((of) => of === one || of.startsWith(`${one}/`))));
    if (wanted) found.push({ instance: id.instance, project: id.project, path: value.path || id.project });
    else all = false;
  }
  if (mayRead) return mayRead(found);
  return all && !names && !groups ? undefined : found;
};

const listOf = <T>(given: OneOrMore<T> | undefined): readonly T[] | undefined =>
  given === undefined || Array.isArray(given) ? (given as readonly T[] | undefined) : [given as T];

const languagesFor = ({ language, kind }: Filters): readonly string[] | undefined => {
  const [languages, kinds] = [listOf(language), listOf(kind)];
  const ofKinds = kinds && languagesOf(kinds);
  return languages && ofKinds ? languages.filter((one) => ofKinds.includes(one)) : (languages ?? ofKinds);
};
