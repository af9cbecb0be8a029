/**
 * The lexical terms of a chunk and of a query. Both stores use them: as rows of the embedded one, as sparse vectors of
 * Qdrant. Terms are numbered by their murmur3 hash as Qdrant's own BM25 does, so no dictionary has to be kept.
 */
import type { Query } from '../ports.ts';
import { termWeight } from './bm25.ts';
import { definedNames } from './definitions.ts';
import { stem } from './stem.ts';
import { symbolsOf } from './symbols.ts';

/** Part of a generation's fingerprint: points whose terms were made by other rules do not meet these queries. */
export const TERMS_VERSION = 2;

/** Each term once, with its weight. */
export interface Terms {
  readonly ids: Uint32Array;
  readonly weights: Float32Array;
}

const ASCII = /^[\w.]*$/;
/** An identifier with its dots, as in `kafka.consumer.groupId`. The dot that ends a sentence is not followed by a letter. */
const WORD = /[\p{L}\p{N}_][\p{L}\p{M}\p{N}_]*(?:\.[\p{L}\p{N}_][\p{L}\p{M}\p{N}_]*)*/gu;
/** `HTTPServer2` is HTTP, Server, 2. */
const ASCII_PART = /[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[A-Z]|\d+/g;
const PART = /\p{Lu}+(?!\p{Ll})|\p{Lu}?[\p{Ll}\p{Lt}\p{Lm}\p{Lo}\p{M}]+|\p{Lu}|\p{N}+/gu;
/** Written without spaces: two characters at a time are the nearest to words that needs no dictionary. */
const UNSPACED = /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]{3,}$/u;
/** Longer ones are encoded data, and would only fill the index. A SHA-256 in hex has 64. */
const MAX_TERM = 64;
/** Words in every text, whose long lists cost much and tell nothing. None that is a name in code. */
const STOP_WORDS = new Set(
  (
    'a about an and are as at be been but by can could did do does for from had has have he her his how i in into is ' +
    'it its me my of on or our she should so such than that the their them then there these they this those to was ' +
    'we were what when where which who why will with would you your'
  ).split(' '),
);

/**
 * Of what is embedded, with the path it stands at: the file's stem counts twice, its last three folders once. What
 * defines a name has a term more, by which it is found among the many that use the name.
 */
export const documentTerms = (embed: string, path: string): Terms => {
  const folders = path.split('/');
  const file = folders.pop() ?? '';
  const dot = file.lastIndexOf('.');
  const fileStem = dot > 0 ? file.slice(0, dot) : file;
  const defined = [...new Set(definedNames(embed).map((name) => definitionId(name.toLowerCase())))];
  return counted([embed, fileStem, fileStem, ...folders.slice(-3)], (ids, counts, length) => {
    const weights = new Float32Array(counts.length + defined.length);
    for (let i = 0; i < counts.length; i += 1) weights[i] = termWeight(counts[i] as number, length);
    weights.fill(termWeight(1, length), counts.length);
    return { ids: joined(ids, defined), weights };
  });
};

/** Each weighs 1; how rare it is decides the rest. */
export const queryTerms = (text: string): Uint32Array =>
  joined(wordTerms(text), [...symbolsOf(text)].map(definitionId));

/** What a lexical query looks for: its text's terms, each worth 1, unless it names others. */
export const askedTerms = ({ text, terms }: Pick<Query, 'text' | 'terms'>): Terms => {
  const ids = terms ? Uint32Array.from(terms.keys(), termId) : queryTerms(text);
  return { ids, weights: terms ? Float32Array.from(terms.values()) : new Float32Array(ids.length).fill(1) };
};

/** Without those by which definitions are found. */
export const wordTerms = (text: string): Uint32Array => counted([text], (ids) => ids);

/** No text has such a term by itself, as none holds a colon. */
const definitionId = (name: string): number => termId(`def:${name}`);

const joined = (ids: Uint32Array, more: readonly number[]): Uint32Array => {
  const all = new Uint32Array(ids.length + more.length);
  all.set(ids);
  all.set(more, ids.length);
  return all;
};

/**
 * What runs of characters were taken apart into: texts repeat their words, and this is what costs. Terms stand by
 * their place in `ids`, so that counting is adding to an array. Thrown away when full, so it stays small.
 */
interface Memory {
  /** Most runs are one term, and need no list. */
  readonly runs: Map<string, number | readonly number[]>;
  /** New runs are mostly known parts in a new order. -1 for what is no term. */
  readonly parts: Map<string, number>;
  readonly places: Map<number, number>;
  readonly ids: number[];
}
const MAX_RUNS = 50_000;
const MAX_PLACES = 200_000;
const emptyMemory = (): Memory => ({ runs: new Map(), parts: new Map(), places: new Map(), ids: [] });
let memory = emptyMemory();
let occurrences = new Int32Array(4_096);

type Count<T> = (ids: Uint32Array, counts: Int32Array, length: number) => T;

const counted = <T>(texts: readonly string[], use: Count<T>): T => {
  if (memory.runs.size >= MAX_RUNS || memory.ids.length >= MAX_PLACES) memory = emptyMemory();
  const met: number[] = [];
  let length = 0;
  const add = (place: number) => {
    const before = occurrences[place] as number;
    if (before === 0) met.push(place);
    occurrences[place] = before + 1;
    length += 1;
  };
  for (const text of texts) {
    eachRun(text, (run) => {
      const places = memory.runs.get(run) ?? remembered(run);
      if (typeof places === 'number') add(places);
      else for (let i = 0; i < places.length; i += 1) add(places[i] as number);
    });
  }
  const ids = new Uint32Array(met.length);
  const counts = new Int32Array(met.length);
  for (let i = 0; i < met.length; i += 1) {
    const place = met[i] as number;
    ids[i] = memory.ids[place] as number;
    counts[i] = occurrences[place] as number;
    occurrences[place] = 0;
  }
  return use(ids, counts, length);
};

const DOT = 46;
const FIRST_BEYOND_ASCII = 128;
const IN_RUN = Uint8Array.from({ length: FIRST_BEYOND_ASCII }, (_, code) =>
  /\w/.test(String.fromCharCode(code)) ? 1 : 0,
);
const inRun = (code: number): boolean => code >= FIRST_BEYOND_ASCII || IN_RUN[code] === 1;

/** Words with their dots. What is not ASCII stays in, as telling letters from signs is slow and can be remembered. */
const eachRun = (text: string, visit: (run: string) => void) => {
  for (let i = 0; i < text.length; i += 1) {
    if (!inRun(text.charCodeAt(i))) continue;
    const start = i;
    i += 1;
    while (i < text.length) {
      const code = text.charCodeAt(i);
      if (!inRun(code) && !(code === DOT && i + 1 < text.length && inRun(text.charCodeAt(i + 1)))) break;
      i += 1;
    }
    visit(text.slice(start, i));
  }
};

const remembered = (run: string): number | readonly number[] => {
  const words = ASCII.test(run) ? [run] : (run.normalize('NFC').match(WORD) ?? []);
  const all = words
    .flatMap(partsOf)
    .map(placeOfPart)
    .filter((place) => place >= 0);
  const places = all.length === 1 ? (all[0] as number) : all;
  // A run without spaces can be a whole text, and will not come again.
  if (run.length <= MAX_TERM) memory.runs.set(run, places);
  return places;
};

const placeOfPart = (part: string): number => {
  const known = memory.parts.get(part);
  if (known !== undefined) return known;
  const term = termOf(part);
  const place = term === undefined ? -1 : placeOf(termId(term));
  if (part.length <= MAX_TERM) memory.parts.set(part, place);
  return place;
};

const placeOf = (id: number): number => {
  const known = memory.places.get(id);
  if (known !== undefined) return known;
  const place = memory.ids.length;
  memory.ids.push(id);
  memory.places.set(id, place);
  if (place >= occurrences.length) {
    const larger = new Int32Array(occurrences.length * 2);
    larger.set(occurrences);
    occurrences = larger;
  }
  return place;
};

/** The terms of one identifier: itself, its dotted segments, and their camelCase and snake_case parts. */
export const termsOf = (word: string): string[] => partsOf(word).flatMap((part) => termOf(part) ?? []);

const partsOf = (word: string): string[] => {
  const all: string[] = [];
  const segments = word.split('.');
  if (segments.length > 1) all.push(word);
  for (const segment of segments) {
    const isAscii = ASCII.test(segment);
    const parts = segment.match(isAscii ? ASCII_PART : PART) ?? [];
    if (parts.length > 1) all.push(segment.replace(/^_+|_+$/g, ''));
    for (const part of parts) {
      if (!isAscii && UNSPACED.test(part)) all.push(...pairsOf(part));
      else all.push(part);
    }
  }
  return all;
};

const termOf = (part: string): string | undefined => {
  if (part.length > MAX_TERM) return undefined;
  const lower = part.toLowerCase();
  if (STOP_WORDS.has(lower)) return undefined;
  return /^[a-z]+$/.test(lower) ? stem(lower) : lower;
};

const pairsOf = (run: string): string[] => {
  const characters = [...run];
  return characters.slice(1).map((character, i) => `${characters[i]}${character}`);
};

const encoder = new TextEncoder();

/** As `qdrant/bm25` numbers its tokens: the absolute value of murmur3 (32 bits, seed 0) as a signed integer. */
export const termId = (term: string): number => Math.abs(murmur3(bytesOf(term)));

const ascii = new Uint8Array(MAX_TERM);
/** Good until the next call: nearly all terms are ASCII, and the encoder takes longer to call than they to be read. */
const bytesOf = (term: string): Uint8Array => {
  if (term.length > ascii.length) return encoder.encode(term);
  for (let i = 0; i < term.length; i += 1) {
    const code = term.charCodeAt(i);
    if (code >= FIRST_BEYOND_ASCII) return encoder.encode(term);
    ascii[i] = code;
  }
  return ascii.subarray(0, term.length);
};

const murmur3 = (bytes: Uint8Array): number => {
  const whole = bytes.length & ~3;
  let hash = 0;
  for (let i = 0; i < whole; i += 4) {
    hash = Math.imul(rotated(hash ^ mixed(fourBytes(bytes, i)), 13), 5) + 0xe6546b64;
  }
  if (whole < bytes.length) hash ^= mixed(fourBytes(bytes, whole));
  hash ^= bytes.length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) | 0;
};

/** Zeros beyond the end, which is what the algorithm's tail adds up to. */
const fourBytes = (bytes: Uint8Array, at: number): number =>
  (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24);
const mixed = (block: number): number => Math.imul(rotated(Math.imul(block, 0xcc9e2d51), 15), 0x1b873593);
const rotated = (value: number, bits: number): number => (value << bits) | (value >>> (32 - bits));
