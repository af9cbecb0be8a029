/** Who may be told of which projects. What is forbidden and what does not exist are answered alike. */
import { globRule } from '../paths/glob.ts';
import { matcher } from '../paths/matcher.ts';

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
