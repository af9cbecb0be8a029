import { BlockProject, StopFlow, TryAgain } from '../../errors.ts';
import type { RepoSource, Time, TreePage, WantedBlob } from '../../ports.ts';
import { GIB } from '../../units.ts';
import { type BlobCache, blobId } from '../blob-cache.ts';
import { gitlabApi } from './api.ts';
import { archives as archivesOf } from './archive.ts';
import { gitlabProjects, lacking, type Scope } from './projects.ts';
import { Refused, type Requests } from './requests.ts';
import { gitlabTrees, type TreesOptions } from './trees.ts';
import { gitlabWikis, isWikiHead } from './wikis.ts';

const SUBMODULE = '160000';
/** So many blobs of one plan are worth an archive. */
const BULK = 200;
/** Blobs that one caller asks for at a time; how many requests there are at once is the pace's. */
const TOGETHER = 8;

export interface GitlabSourceOptions {
  /** Of the instance, as the configuration has it. */
  readonly name: string;
  readonly url: string;
  readonly token: () => Promise<string | undefined>;
  readonly scope: Scope;
  /** A blob that is longer is cut off one byte later. */
  readonly maxBlobBytes: number;
  readonly cache: BlobCache;
  /** Closed with the source. */
  readonly requests: Requests;
  readonly time: Time;
  /** An archive is left alone, and its blobs are fetched one by one. */
  readonly onTrouble: (project: string, error: string) => void;
  readonly trees?: Pick<TreesOptions, 'pageEntries' | 'listingBytes' | 'treeBytes' | 'rememberedBytes'>;
}

export interface GitlabSource extends RepoSource {
  /** Whether the branch is one of those that are indexed. */
  tracks(project: string, ref: string): Promise<boolean>;
}

/** Projects of a GitLab, by its REST API. Nothing is asked before the first call. */
export const gitlabSource = (options: GitlabSourceOptions): GitlabSource => {
  const { name, url, token, scope, maxBlobBytes, cache, requests, time, onTrouble } = options;
  const wikis = gitlabWikis({ requests, cache });
  const projects = gitlabProjects({ api: gitlabApi(requests, url), scope, wikis, now: time.now });
  const archives = archivesOf({
    ...{ requests, cache, maxBlobBytes, maxArchiveBytes: 16 * GIB, time },
    onTrouble,
  });
  const trees = gitlabTrees({ requests, assertProject: projects.assertThere, ...options.trees });

  const noToken = (cause: Refused) =>
    new StopFlow(
      `GitLab ${name} (${url}) refuses the token: it was revoked, has expired, or is another server's. Give it a new one; what is indexed stays as it is, and the rest follows then`,
      { cause },
    );

  /** Asks for what everybody with a good token may know. */
  const probe = async () => {
    const known = (await token()) !== undefined;
    try {
      await requests.ask(known ? 'version' : 'projects?per_page=1', { tries: 1 });
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (error.status === 401) throw noToken(error);
      if (error.code === 'insufficient_scope') throw new StopFlow(lacking(error), { cause: error });
      throw new TryAgain(`GitLab ${name}: ${error.message}`, { cause: error });
    }
  };

  /** What GitLab refuses is this project's affair, unless it refuses the token. */
  const of = async <T>(call: () => Promise<T>): Promise<T> => {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (error.status === 401 || error.code === 'insufficient_scope') await probe();
      throw new BlockProject(lacking(error), { cause: error });
    }
  };

  const blob = async (project: string, id: string): Promise<Uint8Array | undefined> => {
    const path = `projects/${encodeURIComponent(project)}/repository/blobs/${id}/raw`;
    try {
      const { bytes } = await requests.ask(path, { maxBytes: maxBlobBytes });
      if (bytes.length > maxBlobBytes) return bytes;
      if (blobId(bytes, id) !== id) throw new TryAgain(`blob ${id} of project ${project} did not come whole`);
      await cache.put(id, bytes);
      return bytes;
    } catch (error) {
      if (!(error instanceof Refused) || error.status !== 404) throw error;
      await projects.assertThere(project);
      return undefined;
    }
  };

  const bulkOf = (wanted: readonly WantedBlob[]) =>
    wanted.find(({ together = 0, commit }) => together >= BULK && !isWikiHead(commit))?.commit;

  const wikiPage = async (project: string, head: string): Promise<TreePage | undefined> => {
    const entries = await wikis.tree(project, head);
    return entries && { entries };
  };

  const pagesOf = async function* (project: string, files: readonly WantedBlob[]) {
    if (files.length === 0) return;
    const contents = await of(() => wikis.contents(project));
    for (const { blob: id } of files) {
      const bytes = contents.get(id);
      if (bytes) yield { blob: id, bytes };
    }
  };

  const singly = async function* (project: string, files: readonly WantedBlob[]) {
    for (let at = 0; at < files.length; at += TOGETHER) {
      const asked = files.slice(at, at + TOGETHER);
      const found = await of(() => Promise.all(asked.map((one) => blob(project, one.blob))));
      for (const [index, bytes] of found.entries()) {
        const one = asked[index];
        if (bytes && one) yield { blob: one.blob, bytes };
      }
    }
  };

  return {
    probe,
    tracks: (project, ref) => of(() => projects.tracks(project, ref)),

    async *projects() {
      try {
        yield* projects.all();
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        await probe();
        throw new BlockProject(lacking(error), { cause: error });
      }
    },

    project: (id) => of(() => projects.one(id)),
    refs: (id) => of(() => projects.refs(id)),
    head: (id, ref) => of(() => projects.head(id, ref)),
    tree: (id, commit, cursor) =>
      of(() => (isWikiHead(commit) ? wikiPage(id, commit) : trees.page(id, commit, cursor))),
    entries: (id, commit, paths) => of(() => (isWikiHead(commit) ? wikis : trees).entries(id, commit, paths)),
    // GitLab tells the size of a blob with its content alone.
    sized: async (_, entries) => entries,
    compare: (id, base, head) => of(() => (isWikiHead(head) ? wikis : trees).compare(id, base, head)),

    async *blobs(id, entries) {
      const wanted = new Map(entries.filter(({ type }) => type !== SUBMODULE).map((file) => [file.blob, file]));
      const commit = bulkOf([...wanted.values()]);
      if (commit !== undefined) await archives.fill(id, commit);
      const missing: WantedBlob[] = [];
      for (const file of wanted.values()) {
        const bytes = await cache.get(file.blob);
        if (bytes) yield { blob: file.blob, bytes };
        else missing.push(file);
      }
      const isPage = ({ commit }: WantedBlob) => isWikiHead(commit);
      yield* pagesOf(id, missing.filter(isPage));
      yield* singly(
        id,
        missing.filter((file) => !isPage(file)),
      );
    },

    async close() {
      requests.close();
    },
  };
};
