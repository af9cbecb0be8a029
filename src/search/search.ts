/** A question to the active generation: what its arms have found, made one list, put in order, and told page by page. */
import { isKnown, messageOf, TryAgain } from '../errors.ts';
import type { Parts } from '../parts.ts';
import type { Hit, Query } from '../ports.ts';
import { armSize, armsOf } from '../ranking/arms.ts';
import { compared } from '../ranking/comparison.ts';
import { DOUBT, fuse } from '../ranking/fusion.ts';
import { type Ranked, rerank } from '../ranking/rerank.ts';
import { activeGeneration } from '../state/generations.ts';
import { type Freshness, freshnessOf } from './freshness.ts';
import { type FoundChunk, joined } from './hits.ts';
import { type Filters, filterOf, type Scope, scopeOf } from './scope.ts';

export type { Passage } from './hits.ts';

export type SearchMode = Query['mode'] | 'hybrid';

export interface SearchQuery extends Filters {
  readonly text: string;
  readonly mode: SearchMode;
  readonly limit: number;
  /** Hits that were on pages before. */
  readonly offset?: number;
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
  const scope = await scopeOf(parts, asked);
  const counting = freshnessOf(parts, scope);
  // Awaited below, where it also throws.
  counting.catch(() => undefined);
  const found = await candidates(parts, generation, asked, scope);
  const ranked = mode === 'hybrid' ? await inOrder(parts, asked, found) : found.map(alone);
  const { page, next } = pageOf(ranked, asked);
  const [hits, freshness] = await Promise.all([
    joined(parts, generation, { ranked: page, mayRead: asked.mayRead }),
    counting,
  ]);
  return { query: text, mode, generation, tookMs: parts.time.now() - beganAt, hits, next, freshness };
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
  const ask = async (by: Pick<Query, 'mode' | 'terms' | 'limit'>) => {
    const vector = by.mode === 'dense' ? await vectorOf(parts, generation, text) : undefined;
    return store.search({ text, ...by, ...filters, ...(vector && { vector }) });
  };
  if (mode !== 'hybrid') return ask({ mode, limit });
  const arms = await armsOf({ text, limit }, ask);
  const { embedder, dependency } = await parts.tools(generation);
  const { compare } = embedder;
  if (!compare) return fuse(text, arms);
  const read = await compared(text, arms, (...of) => dependency.attempt(() => compare(...of)));
  return fuse(text, read, DOUBT.read);
};

export const alone = (hit: Hit): Ranked => ({ ...hit, copies: [] });

const inOrder = async (
  { reranker, telemetry }: Parts,
  { text, limit, offset = 0 }: SearchQuery,
  found: readonly Hit[],
): Promise<readonly Ranked[]> => {
  const ranked = rerank(text, found, reranker ? Math.max(offset + limit + 1, reranker.passages) : found.length);
  if (!reranker) return ranked;
  const passages = ranked.map(({ point }) => point.embed);
  try {
    const scores = await reranker.port.score(text, passages);
    return ranked
      .map((hit, at) => ({ ...hit, score: scores[at] ?? Number.NEGATIVE_INFINITY }))
      .toSorted((a, b) => b.score - a.score);
  } catch (error) {
    if (!isKnown(error)) throw error;
    // Whoever asks gets the order of the rules, which is what there would be without it.
    telemetry.rerankingFailed({ error: messageOf(error) });
    return ranked;
  }
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
  const { embedder, dependency } = await parts.tools(generation);
  const [vector = new Float32Array(embedder.dimensions)] = await dependency.attempt(() => embedder.embed([text], kind));
  return vector;
};
