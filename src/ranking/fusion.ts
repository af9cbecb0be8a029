/**
 * Makes one list of what search by meaning, by words and by related words have found. Done here and not by a server, so
 * that all stores rank alike, and because what the words are worth is known only when they have been looked for.
 */

import { documentTerms, wordTerms } from '../lexical/terms.ts';
import type { Hit } from '../ports.ts';
import { parseDocument } from '../records.ts';
import type { Arms } from './arms.ts';

/** With less, the first of one arm wins over what both arms agree on. */
const K = 60;

/**
 * The power of what words meet of the question that they are worth. Higher where the passages were read beside it
 * (`comparison.ts`), as the other arm then deserves more trust; with vectors alone that is too much (bench/README.md).
 */
export const DOUBT = { unread: 2, read: 4 };

/** Of the share of the question that its own words leave unmet. */
const RELATED = 0.3;

/** Reciprocal rank fusion, best first; of equals the one that the dense arm named. */
export const fuse = (text: string, { dense, lexical, related }: Arms, doubt = DOUBT.unread): readonly Hit[] => {
  const fused = new Map<string, Hit>();
  const add = (hits: readonly Hit[], weight: number) => {
    hits.forEach((hit, position) => {
      const key = keyOf(hit);
      fused.set(key, { point: hit.point, score: (fused.get(key)?.score ?? 0) + weight / (position + K) });
    });
  };
  add(dense, 1);
  const met = coverage(text, lexical);
  add(lexical, met ** doubt);
  add(related, RELATED * (1 - met));
  return [...fused.values()].toSorted((a, b) => b.score - a.score);
};

export const keyOf = ({ point }: Hit): string => `${point.document}\0${point.id}`;

const LOOKED_AT = 10;

/**
 * The share of the question's terms that the best of the lexical hits has, of 0 to 1. A question in other words than its
 * answer meets some of them anywhere, and what it meets says nothing.
 */
const coverage = (text: string, lexical: readonly Hit[]): number => {
  const asked = new Set(wordTerms(text));
  const shares = lexical.slice(0, LOOKED_AT).map(({ point }) => {
    const { ids } = documentTerms(point.embed, parseDocument(point.document).path);
    return ids.filter((id) => asked.has(id)).length / asked.size;
  });
  return Math.max(0, ...shares);
};
