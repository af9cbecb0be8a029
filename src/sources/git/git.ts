import { resolve } from 'node:path';
import { BlockProject, TryAgain } from '../../errors.ts';
import type { RefNames } from '../../paths/ref-selection.ts';
import type { Project, RepoSource, Time } from '../../ports.ts';
import { MIB, SECOND } from '../../units.ts';
import { readBlobs } from './blobs.ts';
import type { Environment } from './command.ts';
import { differences } from './compare.ts';
import { assertPlace, isId, openRepository, type Repository } from './repository.ts';
import { find, list, type Position, positionAt, type ReadTree } from './trees.ts';
import { type Watch, watchRefs } from './watch.ts';

/** Places between two pages that are kept open. Without one a page starts by reading the folders on its way down. */
const KEPT_POSITIONS = 4;

export interface GitSourceOptions {
  readonly name: string;
  /** Anything inside a repository: a work tree or a folder of it, a bare repository. */
  readonly path: string;
  /** The branches to follow, by name or pattern; without any the one that HEAD names. */
  readonly refs?: RefNames;
  readonly environment: Environment;
  readonly time: Time;
  readonly program?: string;
  readonly pageEntries?: number;
  /** Callers leave out blobs that are too large for them: every entry has its size. This bounds what one may cost at all. */
  readonly maxBlobBytes?: number;
  /** Blobs that one call of `blobs` reads ahead. */
  readonly aheadBytes?: number;
  readonly commandDeadlineMs?: number;
  readonly objectDeadlineMs?: number;
}

export interface GitSource extends RepoSource {
  /** The branch that HEAD names and that has no commit, where HEAD is what is followed. */
  unborn(): Promise<string | undefined>;
  /** Polls the refs until the signal aborts; costs no process while nothing moves. */
  watch(watch: Watch): Promise<void>;
}

/** A git repository as a source of one project. Nothing is run before the first call. */
export const gitSource = (options: GitSourceOptions): GitSource => {
  const { name, path, refs: names = [], environment, time, program = 'git', pageEntries = 1_000 } = options;
  const { maxBlobBytes = 64 * MIB, aheadBytes = 4 * MIB } = options;
  const { commandDeadlineMs = 120 * SECOND, objectDeadlineMs = 30 * SECOND } = options;
  assertPlace(path);
  const closing = new AbortController();
  const { signal } = closing;
  const place = { path: resolve(path), names, environment, program, maxBlobBytes, signal };
  const project: Project = { id: name, path: name, visibility: 'private', groups: [] };
  const kept = new Map<string, Position>();
  let opening: Promise<Repository> | undefined;

  const open = (): Promise<Repository> => {
    opening ??= openRepository({ ...place, commandDeadlineMs, objectDeadlineMs }).catch((error: unknown) => {
      // Found missing now, it may be there at the next call.
      opening = undefined;
      throw error;
    });
    return opening;
  };

  const repositoryOf = (id: string): Promise<Repository> =>
    id === name ? open() : Promise.reject(new BlockProject(`git repository ${name} is not project ${id}`));

  /** Reads folders of a commit, and remembers whether one was not there. */
  const reading = ({ tree, refs }: Repository, commit: string) => {
    let lacks = false;
    const read: ReadTree = async (treeName) => {
      const found = isId(commit) ? await tree(treeName) : undefined;
      if (found?.type === 'tree') return found.bytes;
      lacks = true;
      throw new TryAgain(`tree ${treeName} of commit ${commit} is not there`);
    };
    /** A commit that is still a head lacks nothing by right: then the repository is damaged. */
    const isGone = async () => lacks && ![...(await refs.followed()).values()].includes(commit);
    return { read, isGone };
  };

  const keep = (key: string, position: Position) => {
    kept.set(key, position);
    for (const oldest of kept.keys()) {
      if (kept.size <= KEPT_POSITIONS) break;
      kept.delete(oldest);
    }
  };

  return {
    async probe() {
      const { git } = await open();
      await git.run(['rev-parse', '--git-dir']);
    },

    async *projects() {
      yield project;
    },

    async project(id) {
      await repositoryOf(id);
      return project;
    },

    async refs(id) {
      return (await repositoryOf(id)).refs.followed();
    },

    async head(id, branch) {
      return (await repositoryOf(id)).refs.head(branch);
    },

    async tree(id, commit, cursor) {
      const repository = await repositoryOf(id);
      const { read, isGone } = reading(repository, commit);
      try {
        const position = kept.get(`${commit} ${cursor}`) ?? (await positionAt(commit, cursor, read));
        const { entries, next } = await list(position, { read, limit: pageEntries, idBytes: commit.length / 2 });
        if (next) keep(`${commit} ${next.cursor}`, next.position);
        return next ? { entries, next: next.cursor } : { entries };
      } catch (error) {
        if (await isGone()) return undefined;
        throw error;
      }
    },

    async entries(id, commit, paths) {
      const repository = await repositoryOf(id);
      const { read, isGone } = reading(repository, commit);
      try {
        const found = await find(commit, paths, read);
        return new Map(found.map((entry) => [entry.path, entry]));
      } catch (error) {
        if (await isGone()) return undefined;
        throw error;
      }
    },

    async sized(id, entries) {
      return (await repositoryOf(id)).sized(entries);
    },

    async compare(id, base, head) {
      return differences(await repositoryOf(id), base, head);
    },

    async *blobs(id, entries) {
      yield* readBlobs(await repositoryOf(id), entries, { maxBlobBytes, aheadBytes });
    },

    async unborn() {
      return (await open()).refs.unborn();
    },

    async watch(watch) {
      await watchRefs(async () => (await open()).refs, time, watch);
    },

    async close() {
      closing.abort();
      // What could not be opened has nothing to close.
      const repository = await opening?.catch(() => undefined);
      await repository?.close();
    },
  };
};
