/**
 * What both stores rank by. The formulas are the Qdrant server's own, so that the embedded store, which computes them
 * here, and a Qdrant collection with sparse vectors, modifier `idf` and `rrf: { k: 60 }` put hits in the same order.
 */
import type { ArmWeights } from '../ports.ts';

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

/** The server's own default is 2, which lets the first of one arm win over what both arms agree on. */
export const FUSION_K = 60;

/** How many candidates an arm brings. Cut at the limit, the arms would hardly overlap and fusion would choose between strangers. */
export const armSize = (limit: number): number => Math.max(50, 5 * limit);

/** Both arms alike. */
export const EVEN: ArmWeights = { dense: 1, lexical: 1 };

export interface Arm<T> {
  /** Best first. */
  readonly items: readonly T[];
  readonly weight: number;
}

/**
 * Reciprocal rank fusion as the server has it with weights: a weight divides the position, so that half of it makes
 * the third place count as the sixth. Best first; of equals the one that an earlier arm named first.
 */
export const fuse = <T>(arms: readonly Arm<T>[]): { readonly item: T; readonly score: number }[] => {
  const scores = new Map<T, number>();
  for (const { items, weight } of arms) {
    items.forEach((item, position) => {
      scores.set(item, (scores.get(item) ?? 0) + 1 / ((position + 1) / weight + FUSION_K - 1));
    });
  }
  return [...scores].map(([item, score]) => ({ item, score })).sort((a, b) => b.score - a.score);
};
