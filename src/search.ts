/** A question to the active generation: what its arms have found, made one list, put in order, and told page by page. */
import { TryAgain } from './errors.ts';
import { type FoundChunk, joined } from './found.ts';
import { type Freshness, freshnessOf } from './freshness.ts';
import type { MayRead, Reader } from './may-read.ts';
import type { Parts } from './parts.ts';
import type { Hit, Query } from './ports.ts';
import { armSize, fuse } from './ranking/fusion.ts';
import { type Ranked, rerank } from './ranking/rerank.ts';
import { isClosed, parseDocument, parseRef, projectKey } from './records.ts';
import { activeGeneration } from './runs/generations.ts';
import { type Filters, filterOf, type Scope, scopeOf } from './scope.ts';

export type { Place } from './found.ts';

/** Searches after which what is left of the hits is the answer: each leaves out the projects that the one before met. */
const DENYING_ROUNDS = 5;

export type SearchMode = Query['mode'] | 'hybrid';

export interface SearchQuery extends Filters {
  readonly text: string;
  readonly mode: SearchMode;
  readonly limit: number;
  /** Hits that were on pages before. */
  readonly offset?: number;
  /** Only of projects whose code this user may read. */
  readonly as?: Reader | undefined;
}

export interface Found {
  readonly query: string;
  readonly mode: SearchMode;
  readonly generation: string;
  readonly tookMs: number;
  readonly hits: readonly FoundChunk[];
  /** The offset of the next page. */
  readonly next: number | null;
  readonly freshness: Freshness;
}

/** Hybrid hits are put in order for readers of code; the other two modes show what their arm says. */
export const search = async (parts: Parts, asked: SearchQuery): Promise<Found> => {
  const { text, mode } = asked;
  const beganAt = parts.time.now();
  const generation = await activeGeneration(parts);
  if (generation === undefined)
    throw new TryAgain('nothing is indexed yet: `tidemark serve` or `tidemark backfill` indexes the repository');
  const whole = await scopeOf(parts, asked.as ? { ...asked, mayRead: asked.mayRead ?? all } : asked);
  const look = (scope: Scope) => candidates(parts, generation, asked, scope);
  const { scope, found } = asked.as
    ? await seenBy(parts, asked.as, whole, look)
    : { scope: whole, found: await look(whole) };
  const counting = freshnessOf(parts, scope);
  // Awaited below, where it also throws.
  counting.catch(() => undefined);
  const ranked = mode === 'hybrid' ? await inOrder(parts, asked, found) : found.map(alone);
  const { page, next } = pageOf(ranked, asked);
  const [hits, freshness] = await Promise.all([joined(parts, generation, page), counting]);
  return { query: text, mode, generation, tookMs: parts.time.now() - beganAt, hits, next, freshness };
};

const all: MayRead = async (projects) => projects;

/**
 * Asked about the projects that are met alone, since there may be thousands; their hits have taken the places of others,
 * so it is looked again without those that are refused. The scope that is left names only what may be told of.
 */
const seenBy = async (
  parts: Parts,
  reader: Reader,
  { projects = new Set(), ...rest }: Scope,
  look: (scope: Scope) => Promise<readonly Hit[]>,
): Promise<{ readonly scope: Scope; readonly found: readonly Hit[] }> => {
  const left = new Set(projects);
  for (let round = 1; ; round += 1) {
    const found = await look({ ...rest, projects: left });
    const met = [...new Set(found.map(projectOf))];
    const seen = await seenOf(parts, reader, met);
    if (seen.size === met.length || round === DENYING_ROUNDS)
      return { scope: { ...rest, projects: seen }, found: found.filter((hit) => seen.has(projectOf(hit))) };
    for (const key of met) if (!seen.has(key)) left.delete(key);
  }
};

const projectOf = ({ point }: Hit): string => projectKey(parseDocument(point.document));

const seenOf = async ({ state }: Parts, reader: Reader, keys: readonly string[]): Promise<ReadonlySet<string>> => {
  const before = await state.read('projects', keys);
  const may = await Promise.all(
    keys.map(async (key) => {
      const row = before.get(key)?.value;
      return row !== undefined && !isClosed(row) && (await reader.mayRead(parseRef(key), row.visibility));
    }),
  );
  // Asking took its time: a row that has changed meanwhile was not what was asked about.
  const after = await state.read('projects', keys);
  return new Set(keys.filter((key, at) => may[at] && before.get(key)?.seq === after.get(key)?.seq));
};

/** Before they are put in order for readers: of a hybrid search all that its arms have brought. */
export const candidates = async (
  parts: Parts,
  generation: string,
  asked: SearchQuery,
  scope?: Scope,
): Promise<readonly Hit[]> => {
  const { text, mode } = asked;
  const limit = poolOf(asked);
  const filters = filterOf(scope ?? (await scopeOf(parts, asked)));
  const store = parts.store.generation(generation);
  const lexical = () => store.search({ mode: 'lexical', text, limit, ...filters });
  const dense = async () => {
    const vector = await vectorOf(parts, generation, text);
    return store.search({ mode: 'dense', text, vector, limit, ...filters });
  };
  if (mode === 'dense') return dense();
  if (mode === 'lexical') return lexical();
  const [byMeaning, byWords] = await Promise.all([dense(), lexical()]);
  return fuse(text, { dense: byMeaning, lexical: byWords });
};

export const alone = (hit: Hit): Ranked => ({ ...hit, copies: [] });

/** What a reranker reads: that costs by the passage, and what the rules put further down is seldom the best. */
const READ = 30;

const inOrder = async (
  { reranker }: Parts,
  { text, limit, offset = 0 }: SearchQuery,
  found: readonly Hit[],
): Promise<readonly Ranked[]> => {
  const ranked = rerank(text, found, reranker ? Math.max(offset + limit + 1, READ) : found.length);
  if (!reranker) return ranked;
  const { port, dependency } = reranker;
  const passages = ranked.map(({ point }) => point.embed);
  const scores = await dependency.attempt(() => port.score(text, passages));
  return ranked
    .map((hit, at) => ({ ...hit, score: scores[at] ?? Number.NEGATIVE_INFINITY }))
    .toSorted((a, b) => b.score - a.score);
};

type Paging = Pick<SearchQuery, 'limit' | 'offset'>;

/** How many hits an arm brings: as many for each of the pages, since a fusion of more is another order, which tears them apart. */
export const poolOf = ({ limit, offset = 0 }: Paging): number => {
  const size = armSize(limit);
  return Math.ceil((offset + limit + 1) / size) * size;
};

export const pageOf = <T>(found: readonly T[], { limit, offset = 0 }: Paging) => ({
  page: found.slice(offset, offset + limit),
  next: found.length > offset + limit ? offset + limit : null,
});

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
