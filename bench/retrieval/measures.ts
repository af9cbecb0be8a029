/** Recall, reciprocal rank and gain of answers to questions. */
import type { Passage } from '../../src/search/search.ts';
import type { Answer } from './questions.ts';

export const DEPTH = 10;

export interface Measures {
  /** Share of the questions with an answer among the first hits. */
  readonly recall5: number;
  readonly recall10: number;
  readonly mrr: number;
  readonly ndcg: number;
}

type Lines = Pick<Passage, 'path' | 'startLine' | 'endLine'>;
/** A hit with the places of its copies, which the reader is told of too. */
export type Listed = Lines & { readonly copies: readonly Lines[] };

const meets = (hit: Lines, answer: Answer): boolean =>
  hit.path === answer.path && hit.startLine <= answer.endLine && hit.endLine >= answer.startLine;

/** Of one question. */
export const measured = (hits: readonly Listed[], answers: readonly Answer[]): Measures => {
  const open = new Set(answers);
  let [first, gain] = [0, 0];
  hits.slice(0, DEPTH).forEach((hit, at) => {
    const met = [...open].filter((answer) => [hit, ...hit.copies].some((place) => meets(place, answer)));
    if (met.length === 0) return;
    // A second chunk of the same answer brings nothing new.
    for (const answer of met) open.delete(answer);
    first ||= at + 1;
    gain += 1 / Math.log2(at + 2);
  });
  let ideal = 0;
  for (let at = 0; at < Math.min(DEPTH, answers.length); at += 1) ideal += 1 / Math.log2(at + 2);
  return {
    recall5: first > 0 && first <= 5 ? 1 : 0,
    recall10: first > 0 ? 1 : 0,
    mrr: first > 0 ? 1 / first : 0,
    ndcg: gain / ideal,
  };
};

export const meanOf = (all: readonly Measures[]): Measures => {
  const mean = (of: (one: Measures) => number) => all.reduce((sum, one) => sum + of(one), 0) / Math.max(1, all.length);
  return {
    recall5: mean((one) => one.recall5),
    recall10: mean((one) => one.recall10),
    mrr: mean((one) => one.mrr),
    ndcg: mean((one) => one.ndcg),
  };
};
