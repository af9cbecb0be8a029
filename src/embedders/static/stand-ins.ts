/** Which words of a passage may stand for which tokens of a question, where their rows do not tell. */
import { wordsOf } from '../../lexical/symbols.ts';
import { termId, wordTerms } from '../../lexical/terms.ts';
import { thesaurus } from '../../ranking/thesaurus.ts';

/** Of a word that stands for another one, where the same token has 1. */
const NEARNESS = 0.9;

interface StandIn {
  /** Which of the asked tokens. */
  readonly at: number;
  readonly nearness: number;
}

/** Raises what a passage's nearest tokens came to, by the words of that passage. */
export const standIns = (question: string, asked: readonly number[], piecesOf: (word: string) => Iterable<number>) => {
  const places = new Map(asked.map((id, at) => [id, at]));
  const byTerm = new Map<number, StandIn[]>();
  for (const word of wordsOf(question)) {
    const ats = [...new Set(piecesOf(word))].flatMap((id) => places.get(id) ?? []);
    if (ats.length === 0) continue;
    for (const [term, weight] of thesaurus().relatedTo(word)) {
      const id = termId(term);
      byTerm.set(id, [...(byTerm.get(id) ?? []), ...ats.map((at) => ({ at, nearness: NEARNESS * weight }))]);
    }
  }
  return (passage: string, nearest: Float32Array): void => {
    if (byTerm.size === 0) return;
    for (const term of wordTerms(passage))
      for (const { at, nearness } of byTerm.get(term) ?? [])
        if (nearness > (nearest[at] as number)) nearest[at] = nearness;
  };
};
