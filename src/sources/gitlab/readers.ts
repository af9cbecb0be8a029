/**
 * Who may read the code of a project, asked of GitLab when somebody searches and remembered for a minute at most. What
 * cannot be told for certain is a no: nobody finds what GitLab would not show them.
 */
import { z } from 'zod';
import type { Time } from '../../ports.ts';
import { MINUTE } from '../../units.ts';
import { checked, type GitlabApi } from './api.ts';
import { Refused } from './requests.ts';

/** Below it nobody reads the code of a private project. */
const REPORTER = 20;
const REMEMBERED = 10_000;

export interface Readers {
  /** Throws when GitLab does not answer. */
  mayRead(username: string, project: AskedProject): Promise<boolean>;
}

export interface AskedProject {
  readonly id: string;
  /** The strictest of project, repository and wiki. */
  readonly visibility: string;
  /** The paths of all groups that it is in, the outermost first. */
  readonly groups: readonly string[];
}

const userSchema = z.object({
  id: z.number(),
  username: z.string(),
  state: z.string(),
  /** Told to administrators alone. Without it anybody may be external. */
  external: z.boolean().default(true),
});
type User = z.infer<typeof userSchema>;

const NO_MEMBER = { access_level: 0 };
const memberSchema = z.object({ access_level: z.number(), state: z.string().default('active') });

/** Also of what failed, so that one who asks again asks GitLab again. */
const remembering = <T>(time: Pick<Time, 'now'>) => {
  const known = new Map<string, { readonly at: number; readonly value: Promise<T> }>();
  return (key: string, ask: () => Promise<T>): Promise<T> => {
    const there = known.get(key);
    if (there && time.now() - there.at < MINUTE) return there.value;
    const value = ask();
    known.delete(key);
    known.set(key, { at: time.now(), value });
    value.catch(() => known.delete(key));
    for (const oldest of known.keys()) {
      if (known.size <= REMEMBERED) break;
      known.delete(oldest);
    }
    return value;
  };
};

export const gitlabReaders = (api: GitlabApi, time: Pick<Time, 'now'>): Readers => {
  const users = remembering<User | undefined>(time);
  const members = remembering<boolean>(time);

  const userCalled = (username: string) =>
    users(username.toLowerCase(), async () => {
      const found = checked(userSchema.array(), 'users', await api.users.all({ username }));
      return found.find((user) => user.username.toLowerCase() === username.toLowerCase() && user.state === 'active');
    });

  const isReporter = (place: string, show: () => Promise<unknown>) =>
    members(place, async () => {
      try {
        const { access_level: level, state } = checked(memberSchema, 'a member', await show());
        return level >= REPORTER && state === 'active';
      } catch (error) {
        if (error instanceof Refused && error.status === 404) return false;
        throw error;
      }
    });

  /** Who is told nothing of a group, as with a project's token, is told of its projects one by one. */
  const inGroup = (group: string, { id }: User) =>
    isReporter(`group ${group} ${id}`, async () => {
      try {
        return await api.groupMembers.show(group, id, { includeInherited: true });
      } catch (error) {
        if (error instanceof Refused && error.status === 403) return NO_MEMBER;
        throw error;
      }
    });

  const inProject = (project: string, { id }: User) =>
    isReporter(`project ${project} ${id}`, () => api.projectMembers.show(project, id, { includeInherited: true }));

  return {
    async mayRead(username, { id, visibility, groups }) {
      const user = await userCalled(username);
      if (!user) return false;
      if (visibility === 'public') return true;
      if (visibility === 'internal' && !user.external) return true;
      // A role in a group holds for all below it, and one question is enough for all of them.
      for (const group of groups) if (await inGroup(group, user)) return true;
      return inProject(id, user);
    },
  };
};
