/**
 * What exact search runs over: the vectors as matrices and the terms as posting lists, in segments of a fixed number
 * of points, so that adding a point never copies what is there and dropping many gives their memory back. Points are
 * known by their row number in the database, which is never given twice.
 */
import { type Best, best } from './best.ts';
import { matrix as newMatrix } from './matrix.ts';
import { inverseFrequency } from './ranking.ts';
import type { Terms } from './terms.ts';

export interface IndexedPoint {
  readonly row: number;
  /** Number of its document. */
  readonly document: number;
  readonly language: string;
  readonly vector: Float32Array;
  readonly terms: Terms;
}

/** Which points a search may bring; all of them without a test. */
export interface Allowed {
  /** Asked once for each point, so it is worth keeping the answer for a document. */
  readonly document: ((document: number) => boolean) | undefined;
  readonly languages: readonly string[] | undefined;
}

export interface Candidate {
  readonly row: number;
  readonly score: number;
}

export interface SearchIndex {
  add(point: IndexedPoint): void;
  /** Does nothing for a row that is not there. */
  remove(row: number): void;
  has(row: number): boolean;
  points(): number;
  /** By cosine, best first. */
  dense(query: Float32Array, size: number, allowed: Allowed): Candidate[];
  /** By BM25, best first; only points with at least one of the terms. */
  lexical(terms: Uint32Array, size: number, allowed: Allowed): Candidate[];
}

/** Small enough that sealing one takes a few milliseconds, large enough that a search over a million points visits few. */
const SEGMENT_POINTS = 2_048;
/** A document's number stands for its points in the segment; this one for a point that is gone. */
const NOBODY = -1;

interface Segment {
  /** Where in the matrix its vectors are. */
  readonly block: number;
  readonly rows: Float64Array;
  /** Who may be shown is decided by document; `NOBODY` where the point was removed. */
  readonly documents: Float64Array;
  readonly languages: Uint16Array;
  used: number;
  live: number;
  postings: Open | Sealed;
}

/** While points are still added: by term, slot and weight in turns. */
interface Open {
  readonly lists: Map<number, number[]>;
}

interface Sealed {
  readonly lists?: never;
  /** Ascending; the list of `terms[i]` reaches from `starts[i]` to `starts[i + 1]`. */
  readonly terms: Uint32Array;
  readonly starts: Uint32Array;
  readonly slots: Uint16Array;
  readonly weights: Float32Array;
}

export const searchIndex = (dimensions: number): SearchIndex => {
  let segments: Segment[] = [];
  const matrix = newMatrix(dimensions, SEGMENT_POINTS);
  const places = new Map<number, { readonly segment: Segment; readonly slot: number }>();
  const languages = new Map<string, number>();
  const scores = new Float64Array(SEGMENT_POINTS);

  const languageNumber = (language: string): number => {
    const number = languages.get(language) ?? languages.size;
    languages.set(language, number);
    return number;
  };

  const open = (): Segment => {
    const last = segments.at(-1);
    if (last && last.used < SEGMENT_POINTS) return last;
    if (last?.postings.lists) last.postings = sealed(last.postings);
    const segment = emptySegment(matrix.block());
    segments.push(segment);
    return segment;
  };

  const put = (row: number, document: number, language: number, vector: Float32Array, terms: Terms) => {
    const segment = open();
    const slot = segment.used;
    matrix.set(segment.block, slot, vector);
    segment.rows[slot] = row;
    segment.documents[slot] = document;
    segment.languages[slot] = language;
    if (segment.postings.lists) addTerms(segment.postings, slot, terms);
    segment.used += 1;
    segment.live += 1;
    places.set(row, { segment, slot });
  };

  /** Moves what is left of a segment to the open one. */
  const dissolve = (segment: Segment) => {
    segments = segments.filter((one) => one !== segment);
    const terms = termsBySlot(segment);
    for (let slot = 0; slot < segment.used; slot += 1) {
      const document = segment.documents[slot] as number;
      if (document === NOBODY) continue;
      const vector = matrix.row(segment.block, slot);
      put(segment.rows[slot] as number, document, segment.languages[slot] as number, vector, terms[slot] as Terms);
    }
    matrix.release(segment.block);
  };

  /** Offers what the search may bring of a segment, by the scores of its slots. */
  const offer = (segment: Segment, allowed: Allowed, scores: Float32Array | Float64Array, to: Best, least: number) => {
    const spoken = allowed.languages && new Set(allowed.languages.map((language) => languages.get(language)));
    for (let slot = 0; slot < segment.used; slot += 1) {
      const score = scores[slot] as number;
      if (score <= least || score < to.least()) continue;
      const document = segment.documents[slot] as number;
      if (document === NOBODY || spoken?.has(segment.languages[slot]) === false) continue;
      if (allowed.document === undefined || allowed.document(document)) to.offer(segment.rows[slot] as number, score);
    }
  };

  return {
    add(point) {
      put(point.row, point.document, languageNumber(point.language), unit(point.vector), point.terms);
    },
    remove(row) {
      const place = places.get(row);
      if (!place) return;
      const { segment, slot } = place;
      places.delete(row);
      segment.documents[slot] = NOBODY;
      segment.live -= 1;
      if (segment.used === SEGMENT_POINTS && segment.live < SEGMENT_POINTS / 2 && segment !== segments.at(-1)) {
        dissolve(segment);
      }
    },
    has: (row) => places.has(row),
    points: () => places.size,
    dense(query, size, allowed) {
      const found = best(size);
      const wanted = unit(query);
      for (const segment of segments) {
        offer(segment, allowed, matrix.products(segment.block, segment.used, wanted), found, Number.NEGATIVE_INFINITY);
      }
      return candidates(found);
    },
    lexical(terms, size, allowed) {
      const found = best(size);
      const rarity = frequenciesOf(segments, terms).map((holding) => inverseFrequency(places.size, holding));
      for (const segment of segments) {
        scores.fill(0, 0, segment.used);
        addScores(segment, terms, rarity, scores);
        offer(segment, allowed, scores, found, 0);
      }
      return candidates(found);
    },
  };
};

const emptySegment = (block: number): Segment => ({
  block,
  rows: new Float64Array(SEGMENT_POINTS),
  documents: new Float64Array(SEGMENT_POINTS),
  languages: new Uint16Array(SEGMENT_POINTS),
  used: 0,
  live: 0,
  postings: { lists: new Map() },
});

const candidates = (found: Best): Candidate[] => found.sorted().map(({ item, score }) => ({ row: item, score }));

/** Of length one, as Qdrant stores vectors that are compared by cosine. */
const unit = (vector: Float32Array): Float32Array => {
  const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
  return length === 0 || Math.abs(length - 1) < 1e-6 ? vector : vector.map((value) => value / length);
};

/** How many live points have each of the terms. */
const frequenciesOf = (segments: readonly Segment[], terms: Uint32Array): Float64Array => {
  const frequencies = new Float64Array(terms.length);
  for (const { postings, documents, used, live } of segments) {
    terms.forEach((term, position) => {
      const { slots, start, end, step } = listOf(postings, term);
      let held = (end - start) / step;
      // Where nobody has left, the length of the list is its count of points.
      if (live < used) {
        for (let i = start; i < end; i += step) if (documents[slots[i] as number] === NOBODY) held -= 1;
      }
      frequencies[position] = (frequencies[position] as number) + held;
    });
  }
  return frequencies;
};

/** Adds up the BM25 scores of the slots; those of points that are gone mean nothing. */
const addScores = ({ postings }: Segment, terms: Uint32Array, rarity: Float64Array, scores: Float64Array) => {
  for (let position = 0; position < terms.length; position += 1) {
    const { slots, weights, weightsFrom, start, end, step } = listOf(postings, terms[position] as number);
    const factor = rarity[position] as number;
    for (let i = start; i < end; i += step) {
      const slot = slots[i] as number;
      scores[slot] = (scores[slot] as number) + (weights[i + weightsFrom] as number) * factor;
    }
  }
};

/** Where a term's list stands: every `step` from `start` to `end`, the weight of each `weightsFrom` behind its slot. */
interface List {
  readonly slots: ArrayLike<number>;
  readonly weights: ArrayLike<number>;
  readonly weightsFrom: number;
  readonly start: number;
  readonly end: number;
  readonly step: number;
}
const NO_LIST: List = { slots: [], weights: [], weightsFrom: 0, start: 0, end: 0, step: 1 };

const listOf = (postings: Open | Sealed, term: number): List => {
  if (postings.lists) {
    const list = postings.lists.get(term);
    return list ? { slots: list, weights: list, weightsFrom: 1, start: 0, end: list.length, step: 2 } : NO_LIST;
  }
  const { terms, starts, slots, weights } = postings;
  const at = indexOf(terms, term);
  if (at < 0) return NO_LIST;
  return { slots, weights, weightsFrom: 0, start: starts[at] as number, end: starts[at + 1] as number, step: 1 };
};

const indexOf = (ascending: Uint32Array, wanted: number): number => {
  let low = 0;
  let high = ascending.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const value = ascending[middle] as number;
    if (value === wanted) return middle;
    if (value < wanted) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
};

const addTerms = ({ lists }: Open, slot: number, { ids, weights }: Terms) => {
  for (let i = 0; i < ids.length; i += 1) {
    const id = ids[i] as number;
    const list = lists.get(id);
    if (list) list.push(slot, weights[i] as number);
    else lists.set(id, [slot, weights[i] as number]);
  }
};

/** In a quarter of the memory. */
const sealed = ({ lists }: Open): Sealed => {
  const terms = Uint32Array.from(lists.keys()).sort();
  const starts = new Uint32Array(terms.length + 1);
  terms.forEach((term, i) => {
    starts[i + 1] = (starts[i] as number) + (lists.get(term)?.length ?? 0) / 2;
  });
  const total = starts[terms.length] as number;
  const slots = new Uint16Array(total);
  const weights = new Float32Array(total);
  let next = 0;
  for (const term of terms) {
    const list = lists.get(term) ?? [];
    for (let i = 0; i < list.length; i += 2) {
      slots[next] = list[i] as number;
      weights[next] = list[i + 1] as number;
      next += 1;
    }
  }
  return { terms, starts, slots, weights };
};

const termsBySlot = ({ postings, used }: Segment): readonly Terms[] => {
  const found = Array.from({ length: used }, () => ({ ids: [] as number[], weights: [] as number[] }));
  for (const term of postings.lists ? postings.lists.keys() : postings.terms) {
    const { slots, weights, weightsFrom, start, end, step } = listOf(postings, term);
    for (let i = start; i < end; i += step) {
      const of = found[slots[i] as number];
      of?.ids.push(term);
      of?.weights.push(weights[i + weightsFrom] as number);
    }
  }
  return found.map(({ ids, weights }) => ({ ids: Uint32Array.from(ids), weights: Float32Array.from(weights) }));
};
