/** What a question looks like to whoever puts hits in order. */

import { symbolsOf, wordsOf } from '../lexical/symbols.ts';
import { termsOf } from '../lexical/terms.ts';

export interface Question {
  readonly text: string;
  readonly symbols: ReadonlySet<string>;
  /** Of its words, and of the parts that its names have. */
  readonly stems: ReadonlySet<string>;
}

export const questionOf = (text: string): Question => ({
  text,
  symbols: symbolsOf(text),
  stems: new Set(wordsOf(text).flatMap(stemsOf)),
});

const PART = /\p{Lu}+(?!\p{Ll})|\p{Lu}?[\p{Ll}\p{Lt}\p{Lm}\p{Lo}\p{M}]+|\p{N}+/gu;

/** Of a name's parts, or of itself where it has none. */
export const stemsOf = (name: string): readonly string[] => (name.match(PART) ?? []).flatMap(termsOf);
