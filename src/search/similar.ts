/** What is like a place or a text, by meaning alone. */
import { BadUsage, NotFound, TryAgain } from '../errors.ts';
import type { Parts } from '../parts.ts';
import type { StoredPoint } from '../ports.ts';
import { activeGeneration } from '../state/generations.ts';
import { type FoundChunk, joined } from './hits.ts';
import { indexedDocument, type PlaceQuery } from './read.ts';
import { type Filters, filterOf, scopeOf } from './scope.ts';
import { alone, pageOf, poolOf, vectorOf } from './search.ts';

export interface SimilarQuery extends Filters {
  readonly limit: number;
  readonly offset?: number;
  readonly of?: Omit<PlaceQuery, 'mayRead'> & { readonly line: number };
  readonly text?: string;
}

export interface Similar {
  readonly generation: string;
  readonly tookMs: number;
  readonly hits: readonly FoundChunk[];
  readonly next: number | null;
}

export const similar = async (parts: Parts, asked: SimilarQuery): Promise<Similar> => {
  const beganAt = parts.time.now();
  const { generation, vector, itself } = await comparedWith(parts, asked);
  const found = await parts.store.generation(generation).search({
    mode: 'dense',
    text: '',
    vector,
    limit: poolOf(asked),
    ...filterOf(await scopeOf(parts, asked)),
  });
  const others = found.filter(({ point }) => point.id !== itself).map(alone);
  const { page, next } = pageOf(others, asked);
  return {
    generation,
    tookMs: parts.time.now() - beganAt,
    hits: await joined(parts, generation, { ranked: page, mayRead: asked.mayRead }),
    next,
  };
};

interface Compared {
  readonly generation: string;
  readonly vector: Float32Array;
  /** The point that is asked about, which is like itself. */
  readonly itself?: string;
}

const comparedWith = async (parts: Parts, { of, text, mayRead }: SimilarQuery): Promise<Compared> => {
  if ((of === undefined) === (text === undefined)) throw new BadUsage('expected either `of` or `text`');
  if (of) {
    const { generation, points } = await indexedDocument(parts, { ...of, mayRead });
    const point = chunkAt(points, of.line);
    if (!point) throw new NotFound(`${of.path} has nothing indexed at line ${of.line} or after it`);
    const stored = (await parts.store.generation(generation).vectors([point.hash])).get(point.hash);
    return {
      generation,
      vector: stored ?? (await vectorOf(parts, generation, point.embed, 'passage')),
      itself: point.id,
    };
  }
  const generation = await activeGeneration(parts);
  if (generation === undefined) throw new TryAgain('nothing is indexed yet');
  return { generation, vector: await vectorOf(parts, generation, text ?? '', 'passage') };
};

/** The one that has the line; of a blank line between two, the next one. */
const chunkAt = (points: readonly StoredPoint[], line: number): StoredPoint | undefined =>
  points.find(({ endLine }) => endLine >= line);
