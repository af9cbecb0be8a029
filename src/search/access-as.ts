/** What a user of GitLab may read, by the projects' rows and by GitLab. */

import { type GitlabUser, serverOf } from '../config/gitlab-user.ts';
import type { Pipeline } from '../pipeline/open.ts';
import { isClosed, projectKey } from '../records.ts';
import type { MayRead } from './access.ts';

/** Nobody of this server is known to any other, and a plain repository has no users: what is there, nobody may read. */
export const mayReadAs = ({ parts, gitlabs }: Pick<Pipeline, 'parts' | 'gitlabs'>, user: GitlabUser): MayRead => {
  const theirs = new Map(
    gitlabs.filter(({ url }) => serverOf(url) === user.server).map((gitlab) => [gitlab.name, gitlab]),
  );
  return async (projects) => {
    const asked = projects.filter(({ instance }) => theirs.has(instance));
    const rows = await parts.state.read('projects', asked.map(projectKey));
    const may = await Promise.all(
      asked.map(async (project) => {
        const row = rows.get(projectKey(project))?.value;
        const gitlab = theirs.get(project.instance);
        if (!row || isClosed(row) || !gitlab) return false;
        return gitlab.readers.mayRead(user.name, { id: project.project, ...row });
      }),
    );
    return asked.filter((_, at) => may[at]);
  };
};
