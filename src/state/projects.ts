import type { Parts } from '../parts.ts';
import { projectKey } from '../records.ts';
import { rows } from './pages.ts';

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
