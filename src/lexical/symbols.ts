/** The names of code that a question asks for. */

const WORD = /[\p{L}\p{M}\p{N}_$]+(?:(?:\.|::|#|->)[\p{L}_$][\p{L}\p{M}\p{N}_$]*)*(?:\(\))?/gu;
/** Nobody writes words so: an inner capital, an underscore, a dot, parentheses. */
const NAME_OF_CODE =
  /\p{Ll}\p{Lu}|\p{Lu}\p{Lu}+\p{Ll}|[\p{L}\p{N}]_[\p{L}\p{N}]|^_+\p{L}|[\p{L}_$](?:\.|::|#|->)\p{L}|\(\)$/u;
/** A capital inside of a sentence. */
const CAPITAL = /^\p{Lu}\p{Ll}{2,}$/u;
const QUOTED = /`([\w$.:#>-]+(?:\(\))?)`/g;
const SEPARATOR = /\.|::|#|->/u;

export const wordsOf = (text: string): readonly string[] => text.normalize('NFC').match(WORD) ?? [];

/** In lower case, and without what they stand in: `invoke` for `Context.invoke()`. A single word is always one. */
export const symbolsOf = (text: string): ReadonlySet<string> => {
  const words = wordsOf(text);
  const named = words.filter(
    (word, at) => words.length === 1 || NAME_OF_CODE.test(word) || (at > 0 && CAPITAL.test(word)),
  );
  const quoted = [...text.matchAll(QUOTED)].map(([, name = '']) => name);
  return new Set([...named, ...quoted].map(lastPart));
};

const lastPart = (name: string): string => (name.replace(/\(\)$/, '').split(SEPARATOR).at(-1) ?? name).toLowerCase();
