/**
 * Where a text is cut. Every stretch has a rank: its structural strength first, then a hash of its own content. A range
 * that fits is one chunk; one that does not is cut before its highest-ranking stretch, and both sides are looked at
 * alike. So a stretch begins a chunk exactly when the range that it outranks does not fit, and nothing outside of that
 * range has a say: an edit or an insertion changes the chunk it stands in and at most the one beside it, and replacing
 * the very line that a chunk begins with has the lines of both cut anew. Counting up to a size, in contrast, moves every
 * cut that follows.
 *
 * The tree of "highest first" is the Cartesian tree of the ranks: built in one pass, so that no content, however
 * unlucky or hostile, makes this slower than linear.
 */
import { isSpace, type Stretches } from './lines.ts';

/** More of a line does not make its hash better. */
const HASHED_CHARACTERS = 512;
/** A stretch that outranks its neighbours goes before others of its strength, so that chunks of a line or two are rare. */
const NEIGHBOURS = 3;
/** Equal stretches in equal surroundings that stand at most this far apart are one repetition. */
const REPETITION = 64;

const isWord = (code: number) =>
  (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || (code >= 48 && code <= 57) || code === 95 || code >= 128;

const mix = (hash: number): number => {
  let h = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
};

/**
 * Of a stretch's longest word, and of all of it. The word goes first: it outlives most edits of its line, and a cut
 * that stays where it is embeds nothing.
 */
const hashes = (content: string, from: number, to: number): { word: number; whole: number } => {
  let whole = 0x811c9dc5;
  let word = 0x811c9dc5;
  let wordLength = 0;
  let longest = 0;
  let longestLength = 0;
  const end = Math.min(to, from + HASHED_CHARACTERS);
  for (let at = from; at < end; at += 1) {
    const code = content.charCodeAt(at);
    whole = Math.imul(whole ^ code, 0x01000193);
    if (isWord(code) && !isSpace(code)) {
      word = Math.imul(word ^ code, 0x01000193);
      wordLength += 1;
      if (wordLength > longestLength) {
        longestLength = wordLength;
        longest = word;
      }
    } else {
      word = 0x811c9dc5;
      wordLength = 0;
    }
  }
  return { word: mix(longest), whole: mix(whole) };
};

interface Ranks {
  /** Strength, whether it outranks its neighbours, longest word, whole content: 4 + 1 + 24 + 22 bits. */
  readonly major: Float64Array;
  /** For stretches of equal content: their surroundings, then the place in the repetition. 22 + 5 bits. */
  readonly minor: Float64Array;
}

const ranksOf = (content: string, { start, end, strength }: Stretches): Ranks => {
  const count = start.length;
  const major = new Float64Array(count);
  const minor = new Float64Array(count);
  const whole = new Uint32Array(count);
  const own = new Float64Array(count);
  for (let i = 0; i < count; i += 1) {
    const hash = hashes(content, start[i] ?? 0, end[i] ?? 0);
    whole[i] = hash.whole;
    own[i] = (hash.word >>> 8) * 2 ** 22 + (hash.whole >>> 10);
  }
  const seen = new Map<number, { at: number; count: number }>();
  for (let i = 0; i < count; i += 1) {
    const mine = own[i] ?? 0;
    const level = strength[i] ?? 0;
    let outranks = 1;
    for (let j = Math.max(0, i - NEIGHBOURS); j <= Math.min(count - 1, i + NEIGHBOURS); j += 1) {
      const other = strength[j] ?? 0;
      if (other > level || (other === level && (own[j] ?? 0) > mine)) outranks = 0;
    }
    major[i] = (level * 2 + outranks) * 2 ** 46 + mine;

    let around = 0;
    for (let j = i - 2; j <= i + 3; j += 1) around = Math.imul(around ^ (whole[j] ?? 0), 0x01000193) + j - i;
    around = mix(around);
    // A thousand equal lines leave only their place to tell them apart: halves, then quarters, then eighths.
    const before = seen.get(around);
    const place = before !== undefined && i - before.at <= REPETITION ? before.count + 1 : 1;
    seen.set(around, { at: i, count: place });
    minor[i] = (around >>> 10) * 32 + (31 - Math.clz32(place & -place));
  }
  return { major, minor };
};

/** The Cartesian tree over all stretches but the first, before which no cut is needed; -1 is no child. */
const treeOf = ({ major, minor }: Ranks): { root: number; left: Int32Array; right: Int32Array } => {
  const count = major.length;
  const left = new Int32Array(count).fill(-1);
  const right = new Int32Array(count).fill(-1);
  const spine: number[] = [];
  for (let i = 1; i < count; i += 1) {
    let below = -1;
    for (let top = spine.at(-1); top !== undefined; top = spine.at(-1)) {
      const a = major[top] ?? 0;
      const b = major[i] ?? 0;
      if (a > b || (a === b && (minor[top] ?? 0) >= (minor[i] ?? 0))) break;
      below = top;
      spine.pop();
    }
    left[i] = below;
    const above = spine.at(-1);
    if (above !== undefined) right[above] = i;
    spine.push(i);
  }
  return { root: spine[0] ?? -1, left, right };
};

/**
 * Calls `emit` with ranges, in order, that together are all stretches. Each fits, or is a single stretch.
 */
export const divide = (
  content: string,
  stretches: Stretches,
  fits: (from: number, to: number) => boolean,
  emit: (from: number, to: number) => void,
): void => {
  const count = stretches.start.length;
  if (count === 0) return;
  if (count === 1 || fits(0, count)) {
    emit(0, count);
    return;
  }
  const { root, left, right } = treeOf(ranksOf(content, stretches));
  const open: { from: number; to: number; cut: number }[] = [{ from: 0, to: count, cut: root }];
  for (let range = open.pop(); range !== undefined; range = open.pop()) {
    const { from, to, cut } = range;
    if (cut < 0 || fits(from, to)) emit(from, to);
    else open.push({ from: cut, to, cut: right[cut] ?? -1 }, { from, to: cut, cut: left[cut] ?? -1 });
  }
};
