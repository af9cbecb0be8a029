import { rows } from '../clock/rows.ts';
import type { MayRead, ReadableProject } from '../may-read.ts';
import type { Parts } from '../parts.ts';
import { parseRef, projectKey } from '../records.ts';

interface ProjectId {
  readonly instance: string;
  readonly project: string;
}

/** What a person may call a project: its id or its path, if need be behind its instance. */
export const projectNames = ({ instance, project }: ProjectId, path: string): readonly string[] => [
  project,
  path,
  `${instance}/${project}`,
  `${instance}/${path}`,
];

/** Whether a project is the one of that name; every one is without a name. */
export const projectFilter = async (
  { state }: Parts,
  name: string | undefined,
): Promise<(id: ProjectId) => boolean> => {
  if (name === undefined) return () => true;
  const paths = new Map<string, string>();
  for await (const { key, value } of rows(state, 'projects', 'projects')) paths.set(key, value.path);
  return (id) => projectNames(id, paths.get(projectKey(id)) ?? id.project).includes(name);
};

/**
 * Those of that name that may be read, and are not hidden; `undefined` for all there are. A name that stands for nothing
 * gives none.
 */
export const projectsCalled = async (
  { state }: Parts,
  name: string | undefined,
  mayRead: MayRead | undefined,
): Promise<readonly ReadableProject[] | undefined> => {
  const called: ReadableProject[] = [];
  let hidden = 0;
  for await (const { key, value } of rows(state, 'projects', 'projects')) {
    const { instance, project } = parseRef(key);
    const path = value.path || project;
    if (value.hidden !== undefined) hidden += 1;
    else if (name === undefined || projectNames({ instance, project }, path).includes(name))
      called.push({ instance, project, path });
  }
  if (mayRead) return mayRead(called);
  // Where one is hidden, the others: the limit on hits is to be theirs.
  return name === undefined && hidden === 0 ? undefined : called;
};
