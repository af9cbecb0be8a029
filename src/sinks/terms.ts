/**
 * The lexical terms of a chunk and of a query. Both stores use them: as rows of the embedded one, as sparse vectors of
 * Qdrant. Terms are numbered by their murmur3 hash as Qdrant's own BM25 does, so no dictionary has to be kept.
 */
import { termWeight } from './ranking.ts';
import { stem } from './stem.ts';

/** Part of a generation's fingerprint: points whose terms were made by other rules do not meet these queries. */
export const TERMS_VERSION = 1;

/** Each term once, with its weight. */
export interface Terms {
  readonly ids: Uint32Array;
  readonly weights: Float32Array;
}

/** What is taken apart at once and remembered: whatever is not ASCII stays in, as telling letters from signs is slow. */
const RUN = /[A-Za-z0-9_\u0080-\uffff]+(?:\.[A-Za-z0-9_\u0080-\uffff]+)*/g;
const ASCII = /^[\w.]*$/;
/** An identifier with its dots, as in `kafka.consumer.groupId`. The dot that ends a sentence is not followed by a letter. */
const WORD = /[\p{L}\p{N}_][\p{L}\p{M}\p{N}_]*(?:\.[\p{L}\p{N}_][\p{L}\p{M}\p{N}_]*)*/gu;
/** `HTTPServer2` is HTTP, Server, 2. */
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

/** Of what is embedded, with the path it stands at: the file's stem counts twice, its last three folders once. */
export const documentTerms = (embed: string, path: string): Terms => {
  const counts = new Map<number, number>();
  const folders = path.split('/');
  const file = folders.pop() ?? '';
  const dot = file.lastIndexOf('.');
  const fileStem = dot > 0 ? file.slice(0, dot) : file;
  let length = 0;
  for (const text of [embed, fileStem, fileStem, ...folders.slice(-3)]) length += count(text, counts);
  const ids = new Uint32Array(counts.size);
  const weights = new Float32Array(counts.size);
  let next = 0;
  for (const [id, occurrences] of counts) {
    ids[next] = id;
    weights[next] = termWeight(occurrences, length);
    next += 1;
  }
  return { ids, weights };
};

/** Each weighs 1; how rare it is decides the rest. */
export const queryTerms = (text: string): Uint32Array => {
  const counts = new Map<number, number>();
  count(text, counts);
  return Uint32Array.from(counts.keys());
};

const count = (text: string, into: Map<number, number>): number => {
  let length = 0;
  for (const run of text.match(RUN) ?? []) {
    const ids = idsOf(run);
    length += ids.length;
    for (let i = 0; i < ids.length; i += 1) {
      const id = ids[i] as number;
      into.set(id, (into.get(id) ?? 0) + 1);
    }
  }
  return length;
};

/** Texts repeat their words, and taking one apart costs more than all the rest. Emptied when full, so it stays small. */
const MAX_KNOWN = 50_000;
const known = new Map<string, Uint32Array>();

const idsOf = (run: string): Uint32Array => {
  const before = known.get(run);
  if (before) return before;
  const words = ASCII.test(run) ? [run] : (run.normalize('NFC').match(WORD) ?? []);
  const ids = Uint32Array.from(words.flatMap(termsOf), termId);
  if (known.size >= MAX_KNOWN) known.clear();
  // A run without spaces can be a whole text, and will not come again.
  if (run.length <= MAX_TERM) known.set(run, ids);
  return ids;
};

/** The terms of one identifier: itself, its dotted segments, and their camelCase and snake_case parts. */
export const termsOf = (word: string): string[] => {
  const terms: string[] = [];
  const segments = word.split('.');
  if (segments.length > 1) add(terms, word);
  for (const segment of segments) {
    const parts = segment.match(PART) ?? [];
    if (parts.length > 1) add(terms, segment.replace(/^_+|_+$/g, ''));
    for (const part of parts) {
      if (UNSPACED.test(part)) pairs(part, terms);
      else add(terms, part);
    }
  }
  return terms;
};

const add = (terms: string[], term: string) => {
  if (term.length > MAX_TERM) return;
  const lower = term.toLowerCase();
  if (STOP_WORDS.has(lower)) return;
  terms.push(/^[a-z]+$/.test(lower) ? stem(lower) : lower);
};

const pairs = (run: string, terms: string[]) => {
  const characters = [...run];
  for (let i = 0; i + 1 < characters.length; i += 1) terms.push(`${characters[i]}${characters[i + 1]}`);
};

const encoder = new TextEncoder();

/** As `qdrant/bm25` numbers its tokens: the absolute value of murmur3 (32 bits, seed 0) as a signed integer. */
export const termId = (term: string): number => Math.abs(murmur3(encoder.encode(term)));

const murmur3 = (bytes: Uint8Array): number => {
  const C1 = 0xcc9e2d51;
  const C2 = 0x1b873593;
  const whole = bytes.length & ~3;
  const at = (i: number) => bytes[i] ?? 0;
  const mixed = (k: number) => Math.imul(rotated(Math.imul(k, C1), 15), C2);
  let hash = 0;
  for (let i = 0; i < whole; i += 4) {
    hash ^= mixed(at(i) | (at(i + 1) << 8) | (at(i + 2) << 16) | (at(i + 3) << 24));
    hash = (Math.imul(rotated(hash, 13), 5) + 0xe6546b64) | 0;
  }
  // Beyond the end `at` is 0, which is what the algorithm's tail adds up to.
  if (whole < bytes.length) hash ^= mixed(at(whole) | (at(whole + 1) << 8) | (at(whole + 2) << 16));
  hash ^= bytes.length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) | 0;
};

const rotated = (value: number, bits: number): number => (value << bits) | (value >>> (32 - bits));
