/** A question to the active generation, and hits with all that is joined to them: project, blob and place to look. */
import { TryAgain } from './errors.ts';
import { type Freshness, freshnessOf, isStale, type Scope } from './freshness.ts';
import type { MayRead } from './may-read.ts';
import type { Parts } from './parts.ts';
import { isUnicode } from './paths.ts';
import type { Hit, Query } from './ports.ts';
import { type LedgerEntry, type ProjectRow, parseDocument, parseRef, projectKey, refKey } from './records.ts';
import { shownPath } from './runs/documents.ts';
import { activeGeneration } from './runs/generations.ts';
import { projectsCalled } from './runs/projects.ts';

const POOL = 50;

export interface SearchQuery {
  readonly text: string;
  readonly mode: Query['mode'];
  readonly limit: number;
  /** Hits that were on pages before. */
  readonly offset?: number;
  /** By path or id. */
  readonly project?: string;
  readonly ref?: string;
  readonly path?: string;
  readonly language?: string;
  /** Everything without. */
  readonly mayRead?: MayRead | undefined;
}

export interface FoundChunk {
  readonly score: number;
  readonly project: string;
  readonly ref: string;
  /** With U+FFFD for bytes that are not UTF-8, which `pathBytes` then has in base64. */
  readonly path: string;
  readonly pathBytes?: string;
  readonly startLine: number;
  readonly endLine: number;
  readonly heading: readonly string[];
  readonly text: string;
  readonly blob: string | null;
  /** At which this document was indexed. */
  readonly commit: string;
  /** Of its branch, as far as Tidemark knows; `null` until its first plan has ended, and when the branch is gone. */
  readonly head: string | null;
  /** This document has changed, and the change is on its way or has failed. A commit that leaves it alone makes nothing stale. */
  readonly stale: boolean;
  readonly url: string | null;
}

export interface Found {
  readonly query: string;
  readonly mode: Query['mode'];
  readonly generation: string;
  readonly tookMs: number;
  readonly hits: readonly FoundChunk[];
  /** The offset of the next page. */
  readonly next: number | null;
  readonly freshness: Freshness;
}

export const search = async (parts: Parts, asked: SearchQuery): Promise<Found> => {
  const { store, time } = parts;
  const { text, mode } = asked;
  const beganAt = time.now();
  const name = await activeGeneration(parts);
  if (name === undefined)
    throw new TryAgain('nothing is indexed yet: `tidemark serve` or `tidemark backfill` indexes the repository');
  const generation = store.generation(name);
  const scope = await scopeOf(parts, asked);
  const counting = freshnessOf(parts, scope);
  // Awaited below, where it also throws.
  counting.catch(() => undefined);
  const found = await generation.search({
    mode,
    text,
    limit: poolOf(asked),
    ...(mode === 'lexical' ? {} : { vector: await vectorOf(parts, name, text) }),
    ...filterOf(scope, asked.language),
  });
  const { page, next } = pageOf(found.filter(within(scope)), asked);
  const [hits, freshness] = await Promise.all([joined(parts, name, page), counting]);
  return { query: text, mode, generation: name, tookMs: time.now() - beganAt, hits, next, freshness };
};

type Paging = Pick<SearchQuery, 'limit' | 'offset'>;

/** How many hits are asked for, in large steps: a fusion of more candidates is another order, which would tear pages apart. */
export const poolOf = ({ limit, offset = 0 }: Paging): number => Math.ceil((offset + limit + 1) / POOL) * POOL;

export const pageOf = <T>(found: readonly T[], { limit, offset = 0 }: Paging) => ({
  page: found.slice(offset, offset + limit),
  next: found.length > offset + limit ? offset + limit : null,
});

/** Hits with what is not in the store: their project, what the ledger says, and whether that still holds. */
export const joined = async (
  { state, store }: Parts,
  generation: string,
  found: readonly Hit[],
): Promise<readonly FoundChunk[]> => {
  const documents = [...new Set(found.map(({ point }) => point.document))];
  const ids = documents.map(parseDocument);
  const [ledger, wants, refs, projects] = await Promise.all([
    store.generation(generation).ledger(documents),
    state.read('wants', documents),
    state.read('refs', [...new Set(ids.map(refKey))]),
    state.read('projects', [...new Set(ids.map(projectKey))]),
  ]);
  return found.flatMap((hit) => {
    const { document } = hit.point;
    const id = parseDocument(document);
    const row = projects.get(projectKey(id))?.value;
    // Read after the search, so that what was hidden in between is not shown.
    if (row?.hidden !== undefined) return [];
    const entry = ledger.get(document);
    const head = refs.get(refKey(id))?.value.planned ?? null;
    const stale = isStale(wants.get(document), entry);
    return [hitOf(hit, { entry, row, head, stale })];
  });
};

/** What a question is about, with the projects that it names, or that whoever asks may read. */
export const scopeOf = async (
  parts: Parts,
  { project, ref, path, mayRead }: Pick<SearchQuery, 'project' | 'ref' | 'path' | 'mayRead'>,
): Promise<Scope> => {
  const called = await projectsCalled(parts, project, mayRead);
  return {
    ...(called === undefined ? {} : { projects: new Set(called.map(projectKey)) }),
    ...(ref === undefined ? {} : { ref }),
    ...(path === undefined ? {} : { path }),
  };
};

/** The same, as a store asks for it. */
export const filterOf = ({ projects, ref, path }: Scope, language: string | undefined) => ({
  ...(projects === undefined ? {} : { projects: [...projects].map((key) => parseRef(key).project) }),
  ...(ref === undefined ? {} : { ref }),
  ...(path === undefined ? {} : { path }),
  ...(language === undefined ? {} : { language }),
});

/** A store tells projects by their ids alone, and those of two instances may be the same. */
export const within =
  ({ projects }: Scope) =>
  ({ point }: Hit): boolean =>
    projects?.has(projectKey(parseDocument(point.document))) !== false;

export const vectorOf = async (
  parts: Parts,
  generation: string,
  text: string,
  kind: 'query' | 'passage' = 'query',
): Promise<Float32Array> => {
  const { embedder, dependency } = await parts.shape(generation);
  const [vector = new Float32Array(embedder.dimensions)] = await dependency.attempt(() => embedder.embed([text], kind));
  return vector;
};

interface Joined extends Pick<FoundChunk, 'head' | 'stale'> {
  readonly entry: LedgerEntry | undefined;
  readonly row: ProjectRow | undefined;
}

const hitOf = ({ score, point }: Hit, { entry, row, head, stale }: Joined): FoundChunk => {
  const { project, ref, path } = parseDocument(point.document);
  const { startLine, endLine, heading, text, commit } = point;
  const at = { project: row?.path || project, ref, path, startLine, endLine };
  const blob = entry?.indexedBlob ?? null;
  return { score, ...at, ...shownPath(path), heading, text, blob, commit, head, stale, url: urlOf(row, at) };
};

/** To exactly these lines in GitLab; a plain repository has no pages. */
export const urlOf = (
  row: ProjectRow | undefined,
  { ref, path, startLine, endLine }: Pick<FoundChunk, 'ref' | 'path' | 'startLine' | 'endLine'>,
): string | null => {
  if (!row?.url || !isUnicode(ref + path)) return null;
  const place = [...ref.split('/'), ...path.split('/')].map(encodeURIComponent).join('/');
  return `${row.url}/-/blob/${place}#L${startLine}-${endLine}`;
};
