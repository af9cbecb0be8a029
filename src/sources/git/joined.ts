import { BlockProject, isKnown, messageOf, StopFlow, TryAgain } from '../../errors.ts';
import type { RepoSource } from '../../ports.ts';
import type { GitSource } from './git.ts';

/** All plain repositories of a pipeline behind one source: the instance `git`, each of them a project. */
export const joinedGit = (repositories: ReadonlyMap<string, GitSource>): RepoSource => {
  const of = (project: string): GitSource => {
    const found = repositories.get(project);
    if (!found) throw new BlockProject(`no git source "${project}" is configured`);
    return found;
  };
  /** An empty list deletes what it lacks; a HEAD that nobody has committed to yet is no reason to. */
  const refsOf = async (project: string) => {
    const source = of(project);
    const refs = await source.refs(project);
    const unborn = refs.size === 0 ? await source.unborn() : undefined;
    if (unborn !== undefined) throw new BlockProject(`the branch ${unborn}, which HEAD names, has no commits yet`);
    return refs;
  };
  /** Beside others, a repository that is not there any more is that project's affair and stops nothing else. */
  const itsOwn = (error: unknown) =>
    error instanceof StopFlow && repositories.size > 1 ? new BlockProject(error.message, { cause: error }) : error;
  const onItsOwn = async <T>(call: () => Promise<T>): Promise<T> => {
    try {
      return await call();
    } catch (error) {
      throw itsOwn(error);
    }
  };

  return {
    async probe() {
      const failures: unknown[] = [];
      for (const repository of repositories.values()) {
        try {
          return await repository.probe();
        } catch (error) {
          if (!isKnown(error)) throw error;
          failures.push(error);
        }
      }
      const [first] = failures;
      if (failures.length === 1) throw first;
      throw new TryAgain(`none of ${failures.length} git repositories can be read, the first: ${messageOf(first)}`, {
        cause: first,
      });
    },
    async *projects() {
      for (const repository of repositories.values()) yield* repository.projects();
    },
    project: (id) => onItsOwn(async () => of(id).project(id)),
    refs: (id) => onItsOwn(() => refsOf(id)),
    /** A branch that is not followed any more, because another was checked out, is as good as gone. */
    head: (id, ref) => onItsOwn(async () => (await refsOf(id)).get(ref)),
    tree: (id, commit, cursor) => onItsOwn(async () => of(id).tree(id, commit, cursor)),
    entries: (id, commit, paths) => onItsOwn(async () => of(id).entries(id, commit, paths)),
    sized: (id, entries) => onItsOwn(async () => of(id).sized(id, entries)),
    compare: (id, base, head) => onItsOwn(async () => of(id).compare(id, base, head)),
    async *blobs(id, entries) {
      try {
        yield* of(id).blobs(id, entries);
      } catch (error) {
        throw itsOwn(error);
      }
    },
    async close() {
      await Promise.all([...repositories.values()].map((repository) => repository.close()));
    },
  };
};
