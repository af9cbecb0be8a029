/**
 * Whole trees of commits. A commit's tree never changes, so that it is asked for once while it is remembered: pages,
 * single paths and differences are all read from it. Packed as git lists it, some hundred bytes a file.
 */
import type { z } from 'zod';
import { BlockProject, TryAgain } from '../../errors.ts';
import { type Difference, GONE, type TreeEntry, type TreePage } from '../../ports.ts';
import { MIB } from '../../units.ts';
import { checked, jsonIn, treeSchema } from './api.ts';
import { Refused, type Requests } from './requests.ts';

const PER_PAGE = 100;

export interface TreesOptions {
  readonly requests: Requests;
  /** Throws unless the project answers; what is not found may be the project. */
  readonly assertProject: (project: string) => Promise<void>;
  readonly pageEntries?: number;
  /** Of all trees together that are remembered. */
  readonly rememberedBytes?: number;
  /** A larger listing is asked for page by page. */
  readonly listingBytes?: number;
  /** A larger tree is for a `git` source. */
  readonly treeBytes?: number;
}

export interface Trees {
  page(project: string, commit: string, cursor: string | undefined): Promise<TreePage | undefined>;
  entries(project: string, commit: string, paths: readonly string[]): Promise<Map<string, TreeEntry> | undefined>;
  compare(project: string, base: string, head: string): Promise<readonly Difference[] | undefined>;
}

/** Blocks of lines `mode blob path`, NUL between them. */
interface Tree {
  readonly blocks: readonly Buffer[];
  readonly bytes: number;
  readonly paged: boolean;
}

const isCommit = (id: string): boolean => /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(id) && !/^0+$/.test(id);

const unpack = (block: Buffer): TreeEntry[] =>
  block
    .toString('utf8')
    .split('\0')
    .map((line) => {
      const [type = '', blob = ''] = line.split(' ', 2);
      return { type, blob, path: line.slice(type.length + blob.length + 2) };
    });

const nextOf = (headers: Headers): string | undefined => {
  const href = /<([^>]+)>;\s*rel="next"/.exec(headers.get('link') ?? '')?.[1];
  return href === undefined ? undefined : (new URL(href).searchParams.get('page_token') ?? undefined);
};

/** What is listed goes in, and the tree comes out. */
const packing = (pageEntries: number) => {
  const blocks: Buffer[] = [];
  const seen = new Set<string>();
  let lines: string[] = [];
  let bytes = 0;
  const flush = () => {
    const block = Buffer.from(lines.join('\0'));
    blocks.push(block);
    bytes += block.length;
    lines = [];
  };
  return {
    add(listed: z.infer<typeof treeSchema>) {
      for (const { id, type, path, mode } of listed) {
        // Bytes that are not UTF-8 come as U+FFFD: of two paths that look alike for that reason, one can be told.
        if (type === 'tree' || (path.includes('\ufffd') && seen.has(path))) continue;
        if (path.includes('\ufffd')) seen.add(path);
        lines.push(`${mode} ${id} ${path}`);
        if (lines.length === pageEntries) flush();
      }
      return bytes;
    },
    tree(isPaged: boolean): Tree {
      if (lines.length > 0) flush();
      return { blocks, bytes, paged: isPaged };
    },
  };
};

export const gitlabTrees = (options: TreesOptions): Trees => {
  const { requests, assertProject, pageEntries = 1_000 } = options;
  const { rememberedBytes = 64 * MIB, listingBytes = 64 * MIB, treeBytes = 256 * MIB } = options;
  const remembered = new Map<string, Promise<Tree | undefined>>();
  const sizes = new Map<string, number>();

  const pathOf = (project: string) => `projects/${encodeURIComponent(project)}/repository/tree`;

  /** In one request; `undefined` where that is too much for the server or for us. */
  const whole = async (project: string, commit: string): Promise<Tree | undefined> => {
    const query = { ref: commit, recursive: true, pagination: 'none', perPage: PER_PAGE };
    try {
      const reply = await requests.ask(pathOf(project), { query, maxBytes: listingBytes, tries: 2 });
      // A server that does not know `none` gives the first page.
      if (reply.bytes.length > listingBytes || /rel="next"/.test(reply.headers.get('link') ?? '')) return undefined;
      const packed = packing(pageEntries);
      packed.add(checked(treeSchema, 'a tree', jsonIn('tree', reply)));
      return packed.tree(false);
    } catch (error) {
      if (error instanceof TryAgain) return undefined;
      throw error;
    }
  };

  const paged = async (project: string, commit: string): Promise<Tree> => {
    const packed = packing(pageEntries);
    let token: string | undefined;
    do {
      const query = { ref: commit, recursive: true, pagination: 'keyset', perPage: PER_PAGE, pageToken: token };
      const reply = await requests.ask(pathOf(project), { query });
      const listed = checked(treeSchema, 'a tree', jsonIn('tree', reply));
      if (packed.add(listed) > treeBytes)
        throw new BlockProject(
          `project ${project}: its tree is larger than ${treeBytes / MIB} MiB; index it by a \`git\` source instead`,
        );
      token = nextOf(reply.headers);
    } while (token !== undefined);
    return packed.tree(true);
  };

  const isThere = async (project: string, commit: string): Promise<boolean> => {
    try {
      await requests.ask(`projects/${encodeURIComponent(project)}/repository/commits/${commit}`);
      return true;
    } catch (error) {
      if (error instanceof Refused && error.status === 404) return false;
      throw error;
    }
  };

  /** A tree that is not found is one whose commit is not there, if the project is and the commit is not. */
  const isGone = async (project: string, commit: string): Promise<boolean> => {
    await assertProject(project);
    if (!(await isThere(project, commit))) return true;
    throw new TryAgain(`project ${project} has commit ${commit}, and its tree is not found`);
  };

  const read = async (project: string, commit: string): Promise<Tree | undefined> => {
    try {
      return (await whole(project, commit)) ?? (await paged(project, commit));
    } catch (error) {
      if (error instanceof Refused && error.status === 404 && (await isGone(project, commit))) return undefined;
      throw error;
    }
  };

  const treeOf = async (project: string, commit: string): Promise<Tree | undefined> => {
    if (!isCommit(commit)) {
      await assertProject(project);
      return undefined;
    }
    const key = `${project} ${commit}`;
    const known = remembered.get(key) ?? read(project, commit);
    // Last in the map is newest.
    remembered.delete(key);
    remembered.set(key, known);
    try {
      const tree = await known;
      if (tree) remember(key, tree.bytes);
      else forget(key);
      return tree;
    } catch (error) {
      forget(key);
      throw error;
    }
  };

  const forget = (key: string) => {
    remembered.delete(key);
    sizes.delete(key);
  };

  const remember = (key: string, bytes: number) => {
    if (remembered.has(key)) sizes.set(key, bytes);
    let total = [...sizes.values()].reduce((sum, size) => sum + size, 0);
    for (const oldest of remembered.keys()) {
      if (total <= rememberedBytes || oldest === key) break;
      total -= sizes.get(oldest) ?? 0;
      forget(oldest);
    }
  };

  return {
    async page(project, commit, cursor) {
      const tree = await treeOf(project, commit);
      if (!tree) return undefined;
      const at = Number(cursor ?? 0);
      const block = tree.blocks[at];
      const entries = block ? unpack(block) : [];
      const page = { entries, ...(tree.paged ? { paged: true } : {}) };
      return at + 1 < tree.blocks.length ? { ...page, next: String(at + 1) } : page;
    },

    async entries(project, commit, paths) {
      if (paths.length === 0 && isCommit(commit) && !remembered.has(`${project} ${commit}`))
        return (await isThere(project, commit)) ? new Map() : undefined;
      const tree = await treeOf(project, commit);
      if (!tree) return undefined;
      const wanted = new Set(paths);
      const found = new Map<string, TreeEntry>();
      for (const block of tree.blocks)
        for (const entry of unpack(block)) if (wanted.has(entry.path)) found.set(entry.path, entry);
      return found;
    },

    /** Trees and no histories: a force push, and what `compare` of GitLab would cut short, make no difference to it. */
    async compare(project, base, head) {
      const [before, after] = [await treeOf(project, base), await treeOf(project, head)];
      if (!before || !after) return undefined;
      const old = new Map<string, string>();
      for (const block of before.blocks)
        for (const { path, type, blob } of unpack(block)) old.set(path, `${type} ${blob}`);
      const differs: Difference[] = [];
      for (const block of after.blocks) {
        for (const entry of unpack(block)) {
          if (old.get(entry.path) !== `${entry.type} ${entry.blob}`) differs.push(entry);
          old.delete(entry.path);
        }
      }
      for (const path of old.keys()) differs.push({ path, type: GONE, blob: null });
      return differs;
    },
  };
};
