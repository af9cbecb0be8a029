/**
 * BERT's WordPiece over words that are first split at camelCase. A text is read once, character by character; words are
 * matched in a trie while nothing is allocated per word or per piece.
 *
 * No word reaches across white space, so the pieces of a text are those of its lines, one after the other.
 */
import {
  ALONE,
  asciiCased,
  asciiFolded,
  asciiKind,
  CASELESS,
  DIGIT,
  DROPPED,
  LOWER,
  remembered,
  SPACE,
  UPPER,
  WORD,
} from './characters.ts';

export interface WordPiece {
  /** The ids of the text's pieces; overwritten by the next call. */
  pieces(text: string): Uint16Array;
  /** Of the whole text, or of a part of it, from character to character, which need not be cut out for that. */
  count(text: string, from?: number, to?: number): number;
}

const LONGEST_WORD = 100;
const CONTINUES = '##';
/** `[PAD]`, `[UNK]`, `[unused7]`: rows of the vocabulary that no text may reach. */
const reserved = /^\[(?:PAD|UNK|CLS|SEP|MASK|unused\d+)\]$/;

const NOWHERE = 0;
const WORD_START = 1;
const CONTINUATION = 2;

/**
 * Edges lie in one open-addressed table keyed by node and symbol; symbols are the vocabulary's own characters,
 * numbered, so that a key fits an integer and a character that no piece has is known at once (symbol 0).
 */
const trieOf = (vocabulary: readonly string[]) => {
  const symbols = new Uint16Array(0x1_0000);
  const letters = new Set<number>();
  let edgesAtMost = 0;
  for (const piece of vocabulary) {
    edgesAtMost += piece.length;
    for (let at = 0; at < piece.length; at += 1) letters.add(piece.charCodeAt(at));
  }
  let symbol = 0;
  for (const code of letters) symbols[code] = ++symbol;

  const bits = Math.ceil(Math.log2(edgesAtMost * 1.25 + 2));
  const shift = 32 - bits;
  const mask = 2 ** bits - 1;
  /** Key and target of each edge, side by side: a step is one look into memory. Keys stay far below 2 ** 32. */
  const edges = new Uint32Array(2 ** (bits + 1));
  const accepted = new Int32Array(edgesAtMost + 3).fill(-1);
  const width = symbol + 1;
  let nodes = CONTINUATION;

  const placeOf = (node: number, of: number): number => {
    const key = node * width + of;
    let slot = Math.imul(key, 0x9e37_79b1) >>> shift;
    while (edges[2 * slot + 1] !== NOWHERE && edges[2 * slot] !== key) slot = (slot + 1) & mask;
    return 2 * slot;
  };

  for (const [id, piece] of vocabulary.entries()) {
    if (piece === '' || reserved.test(piece)) continue;
    const continues = piece.startsWith(CONTINUES) && piece.length > CONTINUES.length;
    let node = continues ? CONTINUATION : WORD_START;
    for (let at = continues ? CONTINUES.length : 0; at < piece.length; at += 1) {
      const of = symbols[piece.charCodeAt(at)] as number;
      const place = placeOf(node, of);
      if (edges[place + 1] === NOWHERE) {
        nodes += 1;
        edges[place] = node * width + of;
        edges[place + 1] = nodes;
      }
      node = edges[place + 1] as number;
    }
    accepted[node] = id;
  }
  return { symbols, accepted, next: (node: number, of: number) => edges[placeOf(node, of) + 1] as number };
};

/** One piece a line, as BERT's vocabularies are written. */
export const wordPiece = (vocabulary: string): WordPiece => {
  const { symbols, accepted, next } = trieOf(vocabulary.split(/\r?\n/));
  const asciiSymbols = Uint16Array.from(asciiFolded, (code) => symbols[code] as number);
  /** The word that is being read, as symbols. */
  const word = new Uint16Array(LONGEST_WORD);
  let length = 0;
  let ids = new Uint16Array(1024);
  let found = 0;

  /** Looks the word up, longest piece first. A word with a part that no piece matches leaves nothing. */
  const match = (): void => {
    let end = found;
    let start = 0;
    while (start < length) {
      let node = start === 0 ? WORD_START : CONTINUATION;
      let longest = -1;
      let after = start;
      for (let at = start; at < length; at += 1) {
        const symbol = word[at] as number;
        if (symbol === 0) return;
        node = next(node, symbol);
        if (node === NOWHERE) break;
        const id = accepted[node] as number;
        if (id < 0) continue;
        longest = id;
        after = at + 1;
      }
      if (longest < 0) return;
      ids[end] = longest;
      end += 1;
      start = after;
    }
    found = end;
  };

  const endWord = (): void => {
    if (length === 0) return;
    if (length <= LONGEST_WORD) {
      if (found + length > ids.length) {
        const larger = new Uint16Array(ids.length * 2);
        larger.set(ids);
        ids = larger;
      }
      match();
    }
    length = 0;
  };

  const letter = (symbol: number): void => {
    if (length < LONGEST_WORD) word[length] = symbol;
    length += 1;
  };

  const take = (kind: number, symbol: number): void => {
    if (kind === DROPPED) return;
    if (kind !== WORD) endWord();
    if (kind !== SPACE) letter(symbol);
    if (kind === ALONE) endWord();
  };

  const casedAt = (text: string, at: number): number => {
    const code = text.codePointAt(at);
    if (code === undefined) return CASELESS;
    return code < 128 ? (asciiCased[code] as number) : remembered(code).cased;
  };

  /** Whether a capital starts a word: after a lower-case letter or digit, or as the last of a run, as in HTTPServer. */
  const splits = (before: number, text: string, after: number, to: number): boolean =>
    before === LOWER || before === DIGIT || (before === UPPER && after < to && casedAt(text, after) === LOWER);

  const scan = (text: string, from = 0, to = text.length): number => {
    found = 0;
    let before = CASELESS;
    for (let at = from; at < to; at += 1) {
      const unit = text.charCodeAt(at);
      if (unit >= 128) {
        const code = text.codePointAt(at) ?? unit;
        if (code > 0xffff) at += 1;
        const { cased, folded } = remembered(code);
        if (cased === UPPER && splits(before, text, at + 1, to)) endWord();
        before = cased;
        // The vocabulary has nothing beyond the basic plane: such a character makes its word unknown.
        for (const part of folded) take(part.kind, part.code > 0xffff ? 0 : (symbols[part.code] as number));
        continue;
      }
      const cased = asciiCased[unit] as number;
      if (cased === UPPER && splits(before, text, at + 1, to)) endWord();
      before = cased;
      const kind = asciiKind[unit] as number;
      // Nearly all characters, without a call.
      if (kind === WORD && length < LONGEST_WORD) {
        word[length] = asciiSymbols[unit] as number;
        length += 1;
      } else take(kind, asciiSymbols[unit] as number);
    }
    endWord();
    return found;
  };

  return {
    pieces: (text) => {
      scan(text);
      return ids.subarray(0, found);
    },
    count: scan,
  };
};
