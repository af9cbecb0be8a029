/**
 * What one character becomes before words are looked up: BERT's cleaning, lower-casing and stripping of accents, a
 * character at a time, so that a text is read once and never copied.
 */

export const DROPPED = 0;
export const SPACE = 1;
/** Stands as a word of its own: punctuation, and CJK characters. */
export const ALONE = 2;
export const WORD = 3;

/** What the splitting of camelCase asks of a character as it was written. */
export const CASELESS = 0;
export const LOWER = 1;
export const DIGIT = 2;
export const UPPER = 3;

interface Folded {
  readonly kind: number;
  readonly code: number;
}

export interface Character {
  readonly cased: number;
  /** Usually one; a Hangul syllable becomes its letters, and what is dropped leaves nothing. */
  readonly folded: readonly Folded[];
}

const control = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\uFFFD]/u;
const space = /[\p{Z}\t\n\r]/u;
const punctuation = /[\p{P}!-/:-@[-`{-~]/u;
const accent = /\p{Mn}/u;
const cased: readonly [RegExp, number][] = [
  [/\p{Ll}/u, LOWER],
  [/\p{Nd}/u, DIGIT],
  [/\p{Lu}/u, UPPER],
];
/** BERT's own blocks. Hiragana, Katakana and Hangul are written in words and are not among them. */
const ideograph =
  /[\u4E00-\u9FFF\u3400-\u4DBF\uF900-\uFAFF\u{20000}-\u{2A6DF}\u{2A700}-\u{2B73F}\u{2B740}-\u{2B81F}\u{2B820}-\u{2CEAF}\u{2F800}-\u{2FA1F}]/u;

const fold = (character: string): readonly Folded[] => {
  if (space.test(character)) return [{ kind: SPACE, code: 0x20 }];
  if (control.test(character)) return [];
  const alone = ideograph.test(character);
  const folded: Folded[] = [];
  for (const part of character.toLowerCase().normalize('NFD')) {
    if (accent.test(part)) continue;
    const kind = alone || punctuation.test(part) ? ALONE : WORD;
    folded.push({ kind, code: part.codePointAt(0) ?? 0 });
  }
  return folded;
};

export const characterOf = (code: number): Character => {
  const character = String.fromCodePoint(code);
  return { cased: cased.find(([pattern]) => pattern.test(character))?.[1] ?? CASELESS, folded: fold(character) };
};

const ASCII = 128;
export const asciiKind = new Uint8Array(ASCII);
export const asciiCased = new Uint8Array(ASCII);
export const asciiFolded = new Uint8Array(ASCII);
for (let code = 0; code < ASCII; code += 1) {
  const character = characterOf(code);
  const folded = character.folded[0];
  asciiCased[code] = character.cased;
  asciiKind[code] = folded?.kind ?? DROPPED;
  asciiFolded[code] = folded?.code ?? 0;
}

/** More than the scripts of any one corpus have, and few enough that no text can fill the memory: about 10 MB. */
const REMEMBERED = 50_000;
const known = new Map<number, Character>();

export const remembered = (code: number): Character => {
  const found = known.get(code);
  if (found) return found;
  const character = characterOf(code);
  if (known.size < REMEMBERED) known.set(code, character);
  return character;
};
