/** A token count without a tokenizer: for tests and benchmarks, and for embedders that do not say how they count. */
import type { TokenCounter } from '../chunker/token-counter.ts';

/** Pieces of words are seldom longer. */
const LETTERS_PER_TOKEN = 5;

const isLetter = (code: number) =>
  (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || (code >= 48 && code <= 57);

/** Every five letters or digits of a word, and every other character that can be seen, is a token. */
export const tokenCounter = (): TokenCounter => (text) => {
  let tokens = 0;
  let letters = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (isLetter(code)) {
      if (letters % LETTERS_PER_TOKEN === 0) tokens += 1;
      letters += 1;
    } else {
      letters = 0;
      if (code > 32) tokens += 1;
    }
  }
  return tokens;
};
