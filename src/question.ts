/** What a question looks like: the names of code in it, and what it asks by words. */
import { termsOf } from './sinks/terms.ts';

export interface Question {
  readonly text: string;
  /** `name`: nothing but a name of code. `sentence`: words, with or without names among them. */
  readonly shape: 'name' | 'sentence' | 'foreign';
  /** Names of code that are asked for, in lower case, without what they stand in: `invoke` of `Context.invoke`. */
  readonly symbols: ReadonlySet<string>;
  readonly stems: ReadonlySet<string>;
}

const WORD = /[\p{L}\p{N}_$]+(?:(?:\.|::|#|->)[\p{L}_$][\p{L}\p{N}_$]*)*(?:\(\))?/gu;
/** Nobody writes words so: an inner capital, an underscore, a dot, parentheses. */
const NAME_OF_CODE = /\p{Ll}\p{Lu}|\p{Lu}\p{Lu}+\p{Ll}|[\p{L}\p{N}]_[\p{L}\p{N}]|^_+\p{L}|[\p{L}_$](?:\.|::|#|->)\p{L}|\(\)$/u;
/** A capital inside of a sentence. */
const CAPITAL = /^\p{Lu}\p{Ll}{2,}$/u;
const SEPARATOR = /\.|::|#|->/u;
/** Beyond what English needs, so that a question in another language is told from one with a foreign name in it. */
const FOREIGN = /[^\p{ASCII}\p{P}\p{S}]/gu;
const FOREIGN_SHARE = 0.3;

export const questionOf = (text: string): Question => {
  const words = text.trim().match(WORD) ?? [];
  const symbols = new Set<string>();
  words.forEach((word, at) => {
    if (words.length === 1 || NAME_OF_CODE.test(word) || (at > 0 && CAPITAL.test(word))) symbols.add(lastPart(word));
  });
  for (const [, quoted] of text.matchAll(/`([^`]+)`/g)) if (quoted && /^[\w$.:#>-]+(?:\(\))?$/.test(quoted)) symbols.add(lastPart(quoted));
  return { text, shape: shapeOf(text, words), symbols, stems: new Set(words.flatMap(stemsOf)) };
};

const shapeOf = (text: string, words: readonly string[]): Question['shape'] => {
  if (words.length > 0 && words.every((word) => NAME_OF_CODE.test(word))) return 'name';
  if (words.length === 1) return 'name';
  const letters = text.match(/\p{L}/gu)?.length ?? 0;
  return (text.match(FOREIGN)?.length ?? 0) > letters * FOREIGN_SHARE ? 'foreign' : 'sentence';
};

const lastPart = (name: string): string =>
  (name.replace(/\(\)$/, '').split(SEPARATOR).at(-1) ?? name).toLowerCase();

/** The smallest terms of a name: its parts, or itself where it has none. */
export const stemsOf = (name: string): readonly string[] => {
  const parts = name.match(/\p{Lu}+(?!\p{Ll})|\p{Lu}?[\p{Ll}\p{Lt}\p{Lm}\p{Lo}\p{M}]+|\p{N}+/gu) ?? [];
  return parts.flatMap((part) => termsOf(part));
};
