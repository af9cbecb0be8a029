/** What a user of a server may read, by the projects' rows and by what that server says. */

import type { User } from '../config/user.ts';
import type { Parts } from '../parts.ts';
import { isClosed, projectKey } from '../records.ts';
import type { MayRead } from './access.ts';

/** Nobody of one server is known to any other, and a plain repository has no users: what is there, nobody may read. */
export const mayReadAs = ({ sources, state }: Pick<Parts, 'sources' | 'state'>, user: User): MayRead => {
  const theirs = new Map([...sources].filter(([, { port }]) => port.server === user.server));
  return async (projects) => {
    const asked = projects.filter(({ instance }) => theirs.has(instance));
    const rows = await state.read('projects', asked.map(projectKey));
    const may = await Promise.all(
      asked.map(async (project) => {
        const row = rows.get(projectKey(project))?.value;
        const source = theirs.get(project.instance);
        if (!row || isClosed(row) || !source) return false;
        return source.port.mayRead(user, { id: project.project, ...row });
      }),
    );
    return asked.filter((_, at) => may[at]);
  };
};
