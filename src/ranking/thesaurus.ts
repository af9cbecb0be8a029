/**
 * Words that stand for each other in questions about software and in what answers them: who asks for wildcards finds the
 * glob. `models/thesaurus.txt` has a group on each line. Behind a `>` stand kinds, means and tell-tale words of the group,
 * which are near to its words and not to each other.
 */

import { wordsOf } from '../lexical/symbols.ts';
import { termsOf } from '../lexical/terms.ts';
import { packagedFile } from '../package.ts';

/** Of the same group, and across a `>`. */
const ALIKE = 1;
const OF_ITS_KIND = 0.7;
/** A question of more words is a text, which does not lack any. */
const MOST_WORDS = 24;

/** Terms (`termsOf`), and how well each of them may stand for a word. */
export type Related = ReadonlyMap<string, number>;

export interface Thesaurus {
  relatedTo(word: string): Related;
  /**
   * The terms of a question and what may stand for them, worth the more, the more of its words they may stand for. None
   * where nothing may.
   */
  widened(question: string): Related;
}

export const parseThesaurus = (content: string): Thesaurus => {
  const related = new Map<string, Map<string, number>>();
  const relate = (from: readonly string[], to: readonly string[], weight: number) => {
    for (const term of from) {
      const known = related.get(term) ?? new Map<string, number>();
      related.set(term, known);
      for (const other of to) if (other !== term) known.set(other, Math.max(known.get(other) ?? 0, weight));
    }
  };
  for (const line of content.split(/\r?\n/)) {
    if (line.startsWith('#')) continue;
    const [group = [], kinds = []] = line.split('>').map((words) => words.split(' ').flatMap((word) => wholeOf(word)));
    relate(group, group, ALIKE);
    relate(group, kinds, OF_ITS_KIND);
    relate(kinds, group, OF_ITS_KIND);
  }

  const relatedTo = (word: string): Related => {
    const [first, ...parts] = termsOf(word).map((term) => related.get(term) ?? NOTHING);
    return parts.length === 0 ? (first ?? NOTHING) : new Map([first ?? NOTHING, ...parts].flatMap((of) => [...of]));
  };
  return {
    relatedTo,
    widened(question) {
      const words = wordsOf(question);
      if (words.length > MOST_WORDS) return NOTHING;
      const more = [...new Set(words)].flatMap((word) => [...relatedTo(word)]);
      if (more.length === 0) return NOTHING;
      const terms = new Map(words.flatMap(termsOf).map((term) => [term, 1]));
      for (const [term, weight] of more) terms.set(term, (terms.get(term) ?? 0) + weight);
      return terms;
    },
  };
};

const NOTHING: Related = new Map();

/** A word with digits has parts, which would be related to everything. */
const wholeOf = (word: string): readonly string[] => termsOf(word).slice(0, 1);

let shipped: Thesaurus | undefined;

/** Read when it is first asked for. */
export const thesaurus = (): Thesaurus => {
  shipped ??= parseThesaurus(packagedFile('models/thesaurus.txt').toString('utf8'));
  return shipped;
};
