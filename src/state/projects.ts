import type { Parts } from '../parts.ts';
import { projectKey } from '../records.ts';
import { rows } from './pages.ts';

interface ProjectId {
  readonly instance: string;
  readonly project: string;
}

/** A person may name a project by its id or its path, and put its instance before it where that is not clear. */
export const projectNames = ({ instance, project }: ProjectId, path: string): readonly string[] => [
  project,
  path,
  `${instance}/${project}`,
  `${instance}/${path}`,
];

/** Says whether the project has that name. Without a name every project does. */
export const projectFilter = async (
  { state }: Parts,
  name: string | undefined,
): Promise<(id: ProjectId) => boolean> => {
  if (name === undefined) return () => true;
  const paths = new Map<string, string>();
  for await (const { key, value } of rows(state, 'projects', 'projects')) paths.set(key, value.path);
  return (id) => projectNames(id, paths.get(projectKey(id)) ?? id.project).includes(name);
};
