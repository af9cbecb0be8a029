/**
 * What both stores rank terms by. The formulas are the Qdrant server's own, so that the embedded store, which computes
 * them here, and a Qdrant collection with sparse vectors and modifier `idf` put hits in the same order.
 */

/** BM25's saturation of repeated terms and its share of length normalisation; `qdrant/bm25` has the same. */
const K1 = 1.2;
const B = 0.75;
/** Fixed and not measured, as a term's weight must not depend on which other points there are. */
const AVERAGE_LENGTH = 256;

/** The weight of a term that occurs `count` times in a point of `length` terms. */
export const termWeight = (count: number, length: number): number =>
  (count * (K1 + 1)) / (count + K1 * (1 - B + (B * length) / AVERAGE_LENGTH));

/** The weight of a term in a query, when `holding` of all points have it. */
export const inverseFrequency = (points: number, holding: number): number =>
  Math.log((points - holding + 0.5) / (holding + 0.5) + 1);
