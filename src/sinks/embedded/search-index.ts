/**
 * What exact search runs over: the vectors as matrices and the terms as posting lists, in segments of a fixed number
 * of points, so that adding a point never copies what is there and dropping many gives their memory back. Points are
 * known by their row number in the database, which is never given twice.
 */
import { inverseFrequency } from '../../lexical/bm25.ts';
import type { Terms } from '../../lexical/terms.ts';
import { matrix as newMatrix } from '../../vectors/matrix.ts';
import { type Best, best } from './best.ts';
import { listOf, NO_POSTINGS, type Postings, postingsOf } from './postings.ts';

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
  lexical(terms: Terms, size: number, allowed: Allowed): Candidate[];
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
  postings: Postings;
  /** What has come since. */
  tail: Tail;
}

/** Terms as they come, by the slot that they came for. */
interface Tail {
  readonly slots: number[];
  readonly terms: Terms[];
  /** Of all of them. */
  size: number;
}
const emptyTail = (): Tail => ({ slots: [], terms: [], size: 0 });
/** A tail is looked through from end to end, so it is sorted in before it is long; and seldom, as that is work. */
const MAX_TAIL_SHARE = 1 / 4;
const MIN_TAIL_TERMS = 4_096;

export const searchIndex = (dimensions: number): SearchIndex => {
  let segments: Segment[] = [];
  const matrix = newMatrix(dimensions, SEGMENT_POINTS);
  const places = new Map<number, { readonly segment: Segment; readonly slot: number }>();
  const languages = new Map<string, number>();
  const scores = new Float32Array(SEGMENT_POINTS);

  const languageNumber = (language: string): number => {
    const number = languages.get(language) ?? languages.size;
    languages.set(language, number);
    return number;
  };

  const open = (): Segment => {
    const last = segments.at(-1);
    if (last && !isFull(last)) return last;
    if (last) sortIn(last);
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
    segment.tail.slots.push(slot);
    segment.tail.terms.push(terms);
    segment.tail.size += terms.ids.length;
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

  /** Offers what the search may bring of a segment, by the scores of its slots, of `least` and more. */
  const offer = (segment: Segment, allowed: Allowed, scores: Float32Array, to: Best, least: number) => {
    const spoken = allowed.languages && new Set(allowed.languages.map((language) => languages.get(language)));
    const { used, documents, rows } = segment;
    // Asked anew only where it may have changed: nearly all slots end here.
    let bar = Math.max(least, to.least());
    for (let slot = 0; slot < used; slot += 1) {
      const score = scores[slot] as number;
      if (score < bar) continue;
      const document = documents[slot] as number;
      if (document === NOBODY || spoken?.has(segment.languages[slot]) === false) continue;
      if (allowed.document && !allowed.document(document)) continue;
      to.offer(rows[slot] as number, score);
      bar = Math.max(least, to.least());
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
      if (isFull(segment) && segment.live < SEGMENT_POINTS / 2 && segment !== segments.at(-1)) {
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
      const last = segments.at(-1);
      if (last && last.tail.size > Math.max(MIN_TAIL_TERMS, last.postings.slots.length * MAX_TAIL_SHARE)) sortIn(last);
      const factors = frequenciesOf(segments, terms.ids).map(
        (holding, at) => (terms.weights[at] as number) * inverseFrequency(places.size, holding),
      );
      for (const segment of segments) {
        scores.fill(0, 0, segment.used);
        addScores(segment, terms.ids, factors, scores);
        offer(segment, allowed, scores, found, Number.MIN_VALUE);
      }
      return candidates(found);
    },
  };
};

const isFull = ({ used }: Segment): boolean => used === SEGMENT_POINTS;

const emptySegment = (block: number): Segment => ({
  block,
  rows: new Float64Array(SEGMENT_POINTS),
  documents: new Float64Array(SEGMENT_POINTS),
  languages: new Uint16Array(SEGMENT_POINTS),
  used: 0,
  live: 0,
  postings: NO_POSTINGS,
  tail: emptyTail(),
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
    const { postings, documents, used, live } = segment;
    const count = (position: number, slot: number) => {
      if (documents[slot] !== NOBODY) frequencies[position] = (frequencies[position] as number) + 1;
    };
    terms.forEach((term, position) => {
      const { start, end } = listOf(postings, term);
      // Where nobody has left, the length of the list is its count of points.
      if (live === used) frequencies[position] = (frequencies[position] as number) + end - start;
      else for (let i = start; i < end; i += 1) count(position, postings.slots[i] as number);
    });
    eachInTail(segment, terms, (position, slot) => count(position, slot));
  }
  return frequencies;
};

/** Adds up the BM25 scores of the slots; those of points that are gone mean nothing. */
const addScores = (segment: Segment, terms: Uint32Array, factors: Float64Array, scores: Float32Array) => {
  const { postings } = segment;
  const { slots, weights } = postings;
  for (let position = 0; position < terms.length; position += 1) {
    const { start, end } = listOf(postings, terms[position] as number);
    const factor = factors[position] as number;
    for (let i = start; i < end; i += 1) {
      const slot = slots[i] as number;
      scores[slot] = (scores[slot] as number) + (weights[i] as number) * factor;
    }
  }
  eachInTail(segment, terms, (position, slot, weight) => {
    scores[slot] = (scores[slot] as number) + weight * (factors[position] as number);
  });
};

const eachInTail = (
  { tail }: Segment,
  wanted: Uint32Array,
  visit: (position: number, slot: number, weight: number) => void,
) => {
  for (let i = 0; i < tail.slots.length; i += 1) {
    const { ids, weights } = tail.terms[i] as Terms;
    for (let position = 0; position < wanted.length; position += 1) {
      const at = ids.indexOf(wanted[position] as number);
      if (at >= 0) visit(position, tail.slots[i] as number, weights[at] as number);
    }
  }
};

/** Makes one of postings and tail. */
const sortIn = (segment: Segment) => {
  const { postings, tail } = segment;
  if (tail.size === 0) return;
  const before = postings.slots.length;
  const terms = new Uint32Array(before + tail.size);
  const slots = new Uint16Array(terms.length);
  const weights = new Float32Array(terms.length);
  postings.terms.forEach((term, at) => {
    terms.fill(term, postings.starts[at], postings.starts[at + 1]);
  });
  slots.set(postings.slots);
  weights.set(postings.weights);
  let next = before;
  tail.terms.forEach(({ ids, weights: ofTerms }, i) => {
    terms.set(ids, next);
    weights.set(ofTerms, next);
    slots.fill(tail.slots[i] as number, next, next + ids.length);
    next += ids.length;
  });
  segment.postings = postingsOf(terms, slots, weights);
  segment.tail = emptyTail();
};

/** Of a segment without a tail. */
const termsBySlot = ({ postings, used }: Segment): readonly Terms[] => {
  const found = Array.from({ length: used }, () => ({ ids: [] as number[], weights: [] as number[] }));
  postings.terms.forEach((term, at) => {
    for (let i = postings.starts[at] as number; i < (postings.starts[at + 1] as number); i += 1) {
      const of = found[postings.slots[i] as number];
      of?.ids.push(term);
      of?.weights.push(postings.weights[i] as number);
    }
  });
  return found.map(({ ids, weights }) => ({ ids: Uint32Array.from(ids), weights: Float32Array.from(weights) }));
};
