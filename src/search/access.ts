/** Who may be told of which projects. What is forbidden and what does not exist are answered alike. */
import { globRule } from '../paths/glob.ts';
import { matcher } from '../paths/matcher.ts';
import type { Row } from '../ports.ts';
import { parseRef, projectKey } from '../records.ts';

export interface ReadableProject {
  readonly instance: string;
  readonly project: string;
  /** What people call it, `group/name`. */
  readonly path: string;
}

/** Those of the projects that whoever asks may read. */
export type MayRead = (projects: readonly ReadableProject[]) => Promise<readonly ReadableProject[]>;

/** By globs over the path, such as `team` or `team/*-docs`, or over `instance:path`. A group stands for all below it. */
export const mayReadNamed = (globs: readonly string[]): MayRead => {
  const named = matcher(globs.map((glob) => globRule(`/${glob}`)));
  return async (projects) => projects.filter(({ instance, path }) => named(path) || named(`${instance}:${path}`));
};

/**
 * By key, which projects may be told of as their rows are now. Asked after the search, so that what was hidden or made
 * private in between is not shown.
 */
export const tellable = async (
  rows: ReadonlyMap<string, Row<'projects'>>,
  mayRead: MayRead | undefined,
): Promise<(key: string) => boolean> => {
  const isHidden = (key: string) => rows.get(key)?.value.hidden !== undefined;
  if (!mayRead) return (key) => !isHidden(key);
  const known = [...rows.values()].map(({ key, value }) => {
    const { instance, project } = parseRef(key);
    return { instance, project, path: value.path || project };
  });
  const readable = new Set((await mayRead(known)).map(projectKey));
  return (key) => readable.has(key) && !isHidden(key);
};
