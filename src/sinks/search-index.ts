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
  readonly language: string | undefined;
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
  /** By slot while points are still added, by term afterwards. */
  postings: { readonly bySlot: Terms[] } | Sealed;
}

interface Sealed {
  readonly bySlot?: never;
  /** Ascending; the list of `terms[i]` reaches from `starts[i]` to `starts[i + 1]`. */
  readonly terms: Uint32Array;
  readonly starts: Uint32Array;
  readonly slots: Uint16Array;
  readonly weights: Float32Array;
}

type Visit = (slot: number, weight: number) => void;

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
    if (last?.postings.bySlot) last.postings = sealed(last.postings.bySlot);
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
    segment.postings.bySlot?.push(terms);
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
    const language = allowed.language === undefined ? undefined : (languages.get(allowed.language) ?? NOBODY);
    for (let slot = 0; slot < segment.used; slot += 1) {
      const score = scores[slot] as number;
      if (score <= least || score < to.least()) continue;
      const document = segment.documents[slot] as number;
      if (document === NOBODY || (language !== undefined && segment.languages[slot] !== language)) continue;
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
      const frequencies = frequenciesOf(segments, terms);
      for (const segment of segments) {
        scores.fill(0, 0, segment.used);
        eachPosting(segment, terms, (position) => {
          const frequency = inverseFrequency(places.size, frequencies[position] as number);
          return (slot, weight) => {
            scores[slot] = (scores[slot] as number) + weight * frequency;
          };
        });
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
  postings: { bySlot: [] },
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
  for (const segment of segments) {
    const { postings } = segment;
    if (postings.bySlot || segment.live < segment.used) {
      eachPosting(segment, terms, (position) => () => {
        frequencies[position] = (frequencies[position] as number) + 1;
      });
      continue;
    }
    // Nobody has left, so the length of a list is its count of points.
    terms.forEach((term, position) => {
      const at = indexOf(postings.terms, term);
      if (at < 0) return;
      const held = (postings.starts[at + 1] as number) - (postings.starts[at] as number);
      frequencies[position] = (frequencies[position] as number) + held;
    });
  }
  return frequencies;
};

/** Visits the live postings of each term; `visitor` is asked once for each term that the segment has, by its position. */
const eachPosting = (segment: Segment, terms: Uint32Array, visitor: (position: number) => Visit) => {
  const { postings, documents } = segment;
  if (postings.bySlot) {
    const visits = new Map(Array.from(terms, (term, position) => [term, visitor(position)]));
    postings.bySlot.forEach(({ ids, weights }, slot) => {
      if (documents[slot] === NOBODY) return;
      for (let i = 0; i < ids.length; i += 1) visits.get(ids[i] as number)?.(slot, weights[i] as number);
    });
    return;
  }
  terms.forEach((term, position) => {
    const at = indexOf(postings.terms, term);
    if (at < 0) return;
    const visit = visitor(position);
    const end = postings.starts[at + 1] as number;
    for (let i = postings.starts[at] as number; i < end; i += 1) {
      const slot = postings.slots[i] as number;
      if (documents[slot] !== NOBODY) visit(slot, postings.weights[i] as number);
    }
  });
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

/** Turns lists by slot into lists by term, each in the order of slots. */
const sealed = (bySlot: readonly Terms[]): Sealed => {
  const counts = new Map<number, number>();
  for (const { ids } of bySlot) for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1);
  const terms = Uint32Array.from(counts.keys()).sort();
  const starts = new Uint32Array(terms.length + 1);
  const next = new Map<number, number>();
  terms.forEach((term, i) => {
    const start = starts[i] as number;
    next.set(term, start);
    starts[i + 1] = start + (counts.get(term) ?? 0);
  });
  const total = starts[terms.length] as number;
  const slots = new Uint16Array(total);
  const weights = new Float32Array(total);
  bySlot.forEach((postings, slot) => {
    postings.ids.forEach((id, i) => {
      const at = next.get(id) ?? 0;
      slots[at] = slot;
      weights[at] = postings.weights[i] as number;
      next.set(id, at + 1);
    });
  });
  return { terms, starts, slots, weights };
};

const termsBySlot = (segment: Segment): readonly Terms[] => {
  const { postings } = segment;
  if (postings.bySlot) return postings.bySlot;
  const lists = Array.from({ length: segment.used }, () => ({ ids: [] as number[], weights: [] as number[] }));
  postings.terms.forEach((term, i) => {
    for (let at = postings.starts[i] as number; at < (postings.starts[i + 1] as number); at += 1) {
      const list = lists[postings.slots[at] as number];
      list?.ids.push(term);
      list?.weights.push(postings.weights[at] as number);
    }
  });
  return lists.map(({ ids, weights }) => ({ ids: Uint32Array.from(ids), weights: Float32Array.from(weights) }));
};
