/**
 * Wikis, each a ref of its project. GitLab lists all pages with their contents in one answer, and names no commit: the
 * head is a hash over the pages, and a page's blob is what git would call its content, so that the blob cache holds it.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { BlockProject } from '../../errors.ts';
import { type Difference, GONE, type TreeEntry } from '../../ports.ts';
import { MIB } from '../../units.ts';
import { type BlobCache, blobId } from '../blob-cache.ts';
import { checked, jsonIn } from './api.ts';
import type { Requests } from './requests.ts';

const HEAD = 'wiki-';
const FILE = '100644';
const SHA1_HEX = 40;
/** Of all pages of a wiki together, which come in one answer. */
const MAX_BYTES = 64 * MIB;
/** Trees that are remembered; a wiki that was forgotten is asked for anew. */
const REMEMBERED = 200;

const pagesSchema = z.array(z.object({ slug: z.string(), format: z.string(), content: z.string() }));

const EXTENSIONS: Readonly<Record<string, string>> = { markdown: 'md' };

export interface WikisOptions {
  readonly requests: Pick<Requests, 'ask'>;
  readonly cache: BlobCache;
}

interface Wiki {
  /** `undefined` without a page. */
  readonly head: string | undefined;
  readonly entries: readonly TreeEntry[];
  readonly contents: ReadonlyMap<string, Buffer>;
}

/** Of a wiki, and not of the repository. */
export const isWikiHead = (commit: string | undefined): boolean => commit?.startsWith(HEAD) ?? false;

export const gitlabWikis = ({ requests, cache }: WikisOptions) => {
  const remembered = new Map<string, readonly TreeEntry[]>();

  const remember = (key: string, entries: readonly TreeEntry[]) => {
    remembered.delete(key);
    remembered.set(key, entries);
    for (const oldest of remembered.keys()) {
      if (remembered.size <= REMEMBERED) break;
      remembered.delete(oldest);
    }
  };

  const read = async (project: string): Promise<Wiki> => {
    const path = `projects/${encodeURIComponent(project)}/wikis`;
    const reply = await requests.ask(path, { query: { withContent: 1 }, maxBytes: MAX_BYTES });
    if (reply.bytes.length > MAX_BYTES)
      throw new BlockProject(
        `project ${project}: its wiki is larger than ${MAX_BYTES / MIB} MiB; index it by a \`git\` source instead, from a clone`,
      );
    const contents = new Map<string, Buffer>();
    const pages = checked(pagesSchema, 'wiki pages', jsonIn(path, reply)).map(({ slug, format, content }) => {
      const bytes = Buffer.from(content);
      const blob = blobId(bytes, ''.padEnd(SHA1_HEX));
      contents.set(blob, bytes);
      return { path: `${slug}.${EXTENSIONS[format] ?? format}`, type: FILE, blob, size: bytes.length };
    });
    // `a.md` and `a.markdown` have one slug, and GitLab shows one of them.
    const entries = [...new Map(pages.map((page) => [page.path, page])).values()];
    if (entries.length === 0) return { head: undefined, entries, contents };
    for (const [blob, bytes] of contents) await cache.put(blob, bytes);
    const lines = entries.map(({ path: page, blob }) => `${blob} ${page}\n`).sort();
    const head = HEAD + createHash('sha1').update(lines.join('')).digest('hex');
    remember(`${project} ${head}`, entries);
    return { head, entries, contents };
  };

  /** `undefined` when the wiki has moved on and nobody remembers how it was. */
  const treeOf = async (project: string, head: string): Promise<readonly TreeEntry[] | undefined> => {
    const known = remembered.get(`${project} ${head}`);
    if (known) return known;
    const now = await read(project);
    return now.head === head ? now.entries : undefined;
  };

  return {
    head: async (project: string) => (await read(project)).head,
    tree: treeOf,

    async entries(project: string, head: string, paths: readonly string[]) {
      const tree = await treeOf(project, head);
      const wanted = new Set(paths);
      return tree && new Map(tree.filter(({ path }) => wanted.has(path)).map((entry) => [entry.path, entry]));
    },

    async compare(project: string, base: string, head: string): Promise<readonly Difference[] | undefined> {
      const [before, after] = [await treeOf(project, base), await treeOf(project, head)];
      if (!before || !after) return undefined;
      const old = new Map(before.map(({ path, blob }) => [path, blob]));
      const differs: Difference[] = after.filter(({ path, blob }) => old.get(path) !== blob);
      for (const { path } of after) old.delete(path);
      return [...differs, ...[...old.keys()].map((path) => ({ path, type: GONE, blob: null }) as const)];
    },

    /** Of pages as they stand now; what the cache has nobody asks for. */
    contents: async (project: string) => (await read(project)).contents,
  };
};
export type GitlabWikis = ReturnType<typeof gitlabWikis>;
