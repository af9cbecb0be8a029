import { BlockProject, TryAgain } from '../../errors.ts';
import type { RepoSource } from '../../ports.ts';
import type { GitSource } from './git.ts';

/** All plain repositories of a pipeline behind one source: the instance `git`, each of them a project. */
export const joinedGit = (repositories: ReadonlyMap<string, GitSource>): RepoSource => {
  const all = [...repositories.values()];
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

  return {
    ...{ replicas: false, server: undefined, hooks: undefined },
    folders: new Map(all.flatMap(({ folders }) => [...folders])),
    /** One that is missing is that project's affair. Only where every one that is there fails, git or a disk is away. */
    async probe() {
      let failure: TryAgain | undefined;
      for (const repository of all) {
        try {
          return await repository.probe();
        } catch (error) {
          if (error instanceof TryAgain) failure ??= error;
          else if (!(error instanceof BlockProject)) throw error;
        }
      }
      if (failure) throw failure;
    },
    check: async () => (await Promise.all(all.map((repository) => repository.check()))).flat(),
    watch: async (watch) => void (await Promise.all(all.map((repository) => repository.watch(watch)))),
    mayRead: async () => false,
    leadsTo: ({ project }) => repositories.has(project),
    mayTrack: (project, ...ref) => repositories.get(project)?.mayTrack(project, ...ref) ?? false,
    urlOf: () => undefined,
    async *projects() {
      for (const repository of all) yield* repository.projects();
    },
    project: async (id) => of(id).project(id),
    refs: refsOf,
    /** A branch that is not followed any more, because another was checked out, is as good as gone. */
    head: async (id, ref) => (await refsOf(id)).get(ref),
    tree: async (id, commit, cursor) => of(id).tree(id, commit, cursor),
    entries: async (id, commit, paths) => of(id).entries(id, commit, paths),
    sized: async (id, entries) => of(id).sized(id, entries),
    compare: async (id, base, head) => of(id).compare(id, base, head),
    async *blobs(id, entries) {
      yield* of(id).blobs(id, entries);
    },
    async close() {
      await Promise.all(all.map((repository) => repository.close()));
    },
  };
};
