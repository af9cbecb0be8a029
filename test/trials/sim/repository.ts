import { createHash } from 'node:crypto';
import { BlockProject } from '../../../src/errors.ts';
import { GONE, type RepoSource, type TreeDifference, type TreeEntry } from '../../../src/ports.ts';

export interface File {
  readonly type: string;
  readonly content: string;
}
export type Tree = ReadonlyMap<string, File>;

interface Ref {
  /** Newest last, with the time from which a lagging replica shows it. */
  readonly heads: { readonly commit: string | undefined; readonly at: number }[];
}

export const blobOf = (content: string) => createHash('sha1').update(content).digest('hex').slice(0, 12);

const OBJECTS_FIRST_MS = 500;

/** Git as a source sees it: commits are snapshots that never change, refs point at them, replicas lag, objects get lost. */
export const makeRepositories = (now: () => number) => {
  const commits = new Map<string, Tree>();
  const blobs = new Map<string, string>();
  const projects = new Map<string, Map<string, Ref>>();
  const lost = new Set<string>();
  const blocked = new Set<string>();
  let lagMs = 0;
  /** When a ref first pointed at it. */
  const pushedAt = new Map<string, number>();
  /** A replica gets the objects a little before the refs. */
  const commitOf = (id: string) =>
    (pushedAt.get(id) ?? 0) <= now() - lagMs + OBJECTS_FIRST_MS ? commits.get(id) : undefined;
  let made = 0;

  const remove = (blob: string) => {
    blobs.delete(blob);
    lost.add(blob);
  };
  const refsOf = (project: string) => {
    const refs = projects.get(project) ?? new Map<string, Ref>();
    projects.set(project, refs);
    return refs;
  };
  const newest = (project: string, ref: string) => refsOf(project).get(ref)?.heads.at(-1)?.commit;
  const seen = (project: string, ref: string) =>
    refsOf(project)
      .get(ref)
      ?.heads.findLast(({ at }) => at <= now() - lagMs)?.commit;
  const treeOf = (commit: string | undefined): Tree => (commit && commits.get(commit)) || new Map();
  const entryOf = (path: string, { type, content }: File): TreeEntry => ({
    path,
    type,
    blob: blobOf(content),
  });
  const entriesOf = (tree: Tree) =>
    [...tree].map(([path, file]) => entryOf(path, file)).sort((a, b) => (a.path < b.path ? -1 : 1));
  const move = (project: string, ref: string, commit: string | undefined) => {
    const refs = refsOf(project);
    const known = refs.get(ref) ?? { heads: [{ commit: undefined, at: 0 }] };
    known.heads.push({ commit, at: now() });
    if (commit !== undefined && !pushedAt.has(commit)) pushedAt.set(commit, now());
    refs.set(ref, known);
  };

  return {
    projects,
    blocked,
    newest,
    treeOf,
    commit(tree: Tree): string {
      made += 1;
      const id = `c${made}`;
      commits.set(id, tree);
      for (const { content } of tree.values()) blobs.set(blobOf(content), content);
      return id;
    },
    move,
    lag(ms: number) {
      lagMs = ms;
    },
    /** Every commit that a ref of the project has pointed at. */
    past: (project: string, ref: string) =>
      refsOf(project)
        .get(ref)
        ?.heads.flatMap(({ commit }) => commit ?? []) ?? [],
    /** Whether it was there whenever it was asked for. */
    kept: (content: string) => !lost.has(blobOf(content)),
    /** Objects that no head reaches any more are gone. */
    collect() {
      const reached = new Set<string>();
      const heads = new Set<string>();
      for (const [project, refs] of projects) {
        for (const ref of refs.keys()) {
          const commit = newest(project, ref);
          if (commit) heads.add(commit);
          for (const { content } of treeOf(commit).values()) reached.add(blobOf(content));
        }
      }
      for (const commit of commits.keys()) if (!heads.has(commit)) commits.delete(commit);
      for (const blob of blobs.keys()) if (!reached.has(blob)) remove(blob);
    },
    /** A blob is lost although a tree names it. */
    lose(content: string) {
      remove(blobOf(content));
    },

    source(pageSize: number, { replicas = true } = {}): RepoSource {
      const check = (project: string) => {
        if (blocked.has(project)) throw new BlockProject(`project ${project}: 403 Forbidden`);
      };
      const project = async (id: string) => {
        check(id);
        return { id, path: `group/${id}`, visibility: 'private' as const, groups: ['group'] };
      };
      return {
        ...{ replicas, server: 'https://source.test', hooks: undefined, folders: new Map() },
        async probe() {},
        check: async () => [],
        async watch() {},
        mayRead: async (_, { visibility }) => visibility === 'public',
        leadsTo: ({ project }) => projects.has(project),
        mayTrack: () => true,
        urlOf: (url, { ref, path, startLine, endLine }) => `${url}/${ref}/${path}#${startLine}-${endLine}`,
        async *projects() {
          for (const id of projects.keys()) yield { id, path: `group/${id}`, visibility: 'private', groups: ['group'] };
        },
        project,
        async refs(id) {
          check(id);
          const heads = [...refsOf(id).keys()].map((ref) => [ref, seen(id, ref)] as const);
          return new Map(heads.flatMap(([ref, head]) => (head === undefined ? [] : [[ref, head] as const])));
        },
        async head(id, ref) {
          check(id);
          return seen(id, ref);
        },
        async tree(id, commit, cursor) {
          check(id);
          const tree = commitOf(commit);
          if (!tree) return undefined;
          const from = Number(cursor ?? 0);
          const all = entriesOf(tree);
          const entries = all.slice(from, from + pageSize);
          return from + pageSize < all.length ? { entries, next: String(from + pageSize) } : { entries };
        },
        async entries(id, commit, paths) {
          check(id);
          const tree = commitOf(commit);
          if (!tree) return undefined;
          return new Map(
            paths.flatMap((path) => {
              const file = tree.get(path);
              return file ? [[path, entryOf(path, file)] as const] : [];
            }),
          );
        },
        async sized(id, entries) {
          check(id);
          return entries.map((entry) => {
            const content = blobs.get(entry.blob);
            return content === undefined ? entry : { ...entry, size: content.length };
          });
        },
        async compare(id, base, head) {
          check(id);
          const [older, newer] = [commitOf(base), commitOf(head)];
          if (!older || !newer) return undefined;
          const differences: TreeDifference[] = [];
          for (const path of new Set([...older.keys(), ...newer.keys()])) {
            const [was, is] = [older.get(path), newer.get(path)];
            if (was?.type === is?.type && was?.content === is?.content) continue;
            differences.push(is ? entryOf(path, is) : { path, type: GONE, blob: null });
          }
          return differences;
        },
        async *blobs(id, entries) {
          check(id);
          for (const { blob } of entries) {
            const content = blobs.get(blob);
            if (content !== undefined) yield { blob, bytes: new TextEncoder().encode(content) };
          }
        },
        async close() {},
      };
    },
  };
};
export type Repositories = ReturnType<typeof makeRepositories>;
