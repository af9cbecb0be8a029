/** Who may be told of which projects. What is forbidden and what does not exist are answered alike. */
import { globPattern } from './sinks/glob.ts';

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
  const patterns = globs.map((glob) => globPattern(`/${glob}`));
  return async (projects) =>
    projects.filter(({ instance, path }) =>
      patterns.some((pattern) => pattern.test(path) || pattern.test(`${instance}:${path}`)),
    );
};
