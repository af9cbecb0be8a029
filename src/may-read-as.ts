/** What a user of GitLab may read, by the projects' rows and by GitLab. */
import type { Pipeline } from './compose.ts';
import type { MayRead } from './may-read.ts';
import { isClosed, projectKey } from './records.ts';

/** A plain repository has no users, so that nobody is known to may read it. */
export const mayReadAs = ({ parts, gitlabs }: Pick<Pipeline, 'parts' | 'gitlabs'>, user: string): MayRead => {
  return async (projects) => {
    const rows = await parts.state.read('projects', projects.map(projectKey));
    const may = await Promise.all(
      projects.map(async (project) => {
        const row = rows.get(projectKey(project))?.value;
        const gitlab = gitlabs.find(({ name }) => name === project.instance);
        if (!row || isClosed(row) || !gitlab) return false;
        return gitlab.readers.mayRead(user, { id: project.project, ...row });
      }),
    );
    return projects.filter((_, at) => may[at]);
  };
};
