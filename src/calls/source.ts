import { BlockProject } from '../errors.ts';
import type { Item, Parts, Source } from '../parts.ts';
import type { Project, RepoSource } from '../ports.ts';
import { asBlocked } from './dependency.ts';

/**
 * Calls to the source of a project, each repeated while repeating is the reaction. By default they are made for the
 * project as a whole: one that fails for too long blocks it.
 */
export const sourceCalls = (
  { sources }: Parts,
  { instance, project }: { readonly instance: string; readonly project: string },
  { key = project, exhausted = asBlocked }: Partial<Item> = {},
) => {
  const known = sources.get(instance);
  if (!known) throw new BlockProject(`no source is configured for instance ${instance}`);
  const { port, dependency } = known;
  return <T>(call: (source: RepoSource) => Promise<T>) =>
    dependency.attempt(() => call(port), { key, project, exhausted });
};

/** All projects of a source: a list that broke off is asked for again from its beginning. */
export const listProjects = ({ port, dependency }: Source): Promise<readonly Project[]> =>
  dependency.attempt(async () => {
    const projects: Project[] = [];
    for await (const project of port.projects()) projects.push(project);
    return projects;
  });
