/**
 * Where a text is cut. A range that fits is one chunk. One that does not is cut at the firmest stretches inside it, and
 * lower ones are looked at only where what stands between those still does not fit.
 *
 * Which of the stretches of equal firmness? Counting up to a size would move every cut that follows an edit. So it is
 * their own content that says: a hash makes some of them anchors, the likelier the more stands under them, and an anchor
 * with no other shortly before it is a cut, whatever else is around. Replacing a line makes or ends one anchor, and
 * thereby moves one cut. Only where cuts are further apart than a chunk is long do lengths have a say.
 *
 * What no anchor divides is cut before its highest-ranking stretch, again and again. The tree of "highest first" is the
 * Cartesian tree of the ranks: built in one pass, so that no content, however unlucky or hostile, makes this slower than
 * linear.
 */
import { isSpace, type Stretches } from './lines.ts';

/** More of a line does not make its hash better. */
const HASHED_CHARACTERS = 512;
/** Of a chunk's budget, how much stands between two anchors on average; more under one stretch always makes one. */
const ANCHOR_SHARE = 0.2;
/** Of a chunk's budget, how much has to stand before an anchor and after the one before it. */
const CLEARANCE_SHARE = 0.18;
/**
 * A range of up to this many budgets is cut in few places, from the highest on, and not at each anchor: what outgrows one
 * chunk becomes two, not many.
 */
const FEW = 3;
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
  /** Strength, whether it is a cut by itself, longest word, whole content: 4 + 1 + 24 + 22 bits. */
  readonly major: Float64Array;
  /** For stretches of equal content: their surroundings, then the place in the repetition. 22 + 5 bits. */
  readonly minor: Float64Array;
  readonly isCut: Uint8Array;
}

const ranksOf = (content: string, { start, end, strength, cost }: Stretches, budget: number): Ranks => {
  const count = start.length;
  const major = new Float64Array(count);
  const minor = new Float64Array(count);
  const whole = new Uint32Array(count);
  const chance = new Float64Array(count);
  for (let i = 0; i < count; i += 1) {
    const hash = hashes(content, start[i] ?? 0, end[i] ?? 0);
    whole[i] = hash.whole;
    major[i] = (hash.word >>> 8) * 2 ** 22 + (hash.whole >>> 10);
    chance[i] = mix(hash.word ^ hash.whole) / 2 ** 32;
  }
  const isCut = cutsByAnchors(strength, cost, chance, budget);
  const seen = new Map<number, { at: number; count: number }>();
  for (let i = 0; i < count; i += 1) {
    major[i] = ((strength[i] ?? 0) * 2 + (isCut[i] ?? 0)) * 2 ** 46 + (major[i] ?? 0);

    let around = 0;
    for (let j = i - 2; j <= i + 3; j += 1) around = Math.imul(around ^ (whole[j] ?? 0), 0x01000193) + j - i;
    around = mix(around);
    // A thousand equal lines leave only their place to tell them apart: halves, then quarters, then eighths.
    const before = seen.get(around);
    const place = before !== undefined && i - before.at <= REPETITION ? before.count + 1 : 1;
    seen.set(around, { at: i, count: place });
    minor[i] = (around >>> 10) * 32 + (31 - Math.clz32(place & -place));
  }
  return { major, minor, isCut };
};

/** Which stretches are cuts by themselves, once what they stand in does not fit. */
const cutsByAnchors = (
  strength: readonly number[],
  cost: Float64Array,
  chance: Float64Array,
  budget: number,
): Uint8Array => {
  const count = strength.length;
  const spread = budget * ANCHOR_SHARE;
  const clearance = budget * CLEARANCE_SHARE;
  const costAt = (i: number) => cost[i] ?? 0;
  const isCut = new Uint8Array(count);
  // What stands under a stretch ends where the next one of its strength, or of more, begins; its frame, at one of more.
  const next = new Int32Array(count);
  const frameEnd = new Int32Array(count);
  const later: number[] = [];
  for (let i = count - 1; i >= 0; i -= 1) {
    const own = strength[i] ?? 0;
    while (later.length > 0 && (strength[later.at(-1) ?? 0] ?? 0) < own) later.pop();
    const following = later.at(-1) ?? count;
    next[i] = following;
    frameEnd[i] = strength[following] === own ? (frameEnd[following] ?? count) : following;
    later.push(i);
  }
  // By strength, at what cost the last anchor or the frame begins.
  const since = new Float64Array(16).fill(costAt(0));
  /** What is too much for one chunk begins one, and so does what follows it: its neighbours are no part of it. */
  const isLarge = (i: number) => costAt(next[i] ?? count) - costAt(i) > budget;
  for (let i = 0; i < count; i += 1)
    if (isLarge(i)) {
      isCut[i] = 1;
      isCut[next[i] ?? count] = 1;
    }
  for (let i = 1; i < count; i += 1) {
    const own = strength[i] ?? 0;
    const at = costAt(i);
    const isAnchor = (chance[i] ?? 1) * spread < costAt(next[i] ?? count) - at;
    if (isAnchor) {
      const clear = at - (since[own] ?? 0) >= clearance && costAt(frameEnd[i] ?? count) - at >= clearance;
      if (clear) isCut[i] = 1;
      since[own] = at;
    }
    since.fill(at, 0, own);
  }
  return isCut;
};

/** The Cartesian tree over all stretches but the first, before which no cut is needed; -1 is no child. */
const treeOf = ({
  major,
  minor,
}: Pick<Ranks, 'major' | 'minor'>): { root: number; left: Int32Array; right: Int32Array } => {
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

interface Range {
  readonly from: number;
  readonly to: number;
  readonly cut: number;
  /** The strength whose anchors are all cuts here; -1 for none. */
  readonly level: number;
}

/**
 * Calls `emit` with ranges, in order, that together are all stretches. Each fits, or is a single stretch. `budget` is in
 * the unit of their costs, and roughly what fits.
 */
export const divide = (
  content: string,
  stretches: Stretches,
  budget: number,
  fits: (from: number, to: number) => boolean,
  emit: (from: number, to: number) => void,
): void => {
  const { start, strength, cost } = stretches;
  const count = start.length;
  if (count === 0) return;
  if (count === 1 || fits(0, count)) {
    emit(0, count);
    return;
  }
  const { major, minor, isCut } = ranksOf(content, stretches, budget);
  const { root, left, right } = treeOf({ major, minor });
  /** Between two anchors, the best place that makes two chunks of what is too much for one. */
  const middle = (from: number, to: number, firmness: number): number => {
    const last = farthest(from + 1, to, (end) => fits(from, end));
    let best = -1;
    for (let i = last; i > from && fits(i, to); i -= 1) {
      if (strength[i] !== firmness) continue;
      const ahead = (major[i] ?? 0) - (major[best] ?? -1) || (minor[i] ?? 0) - (minor[best] ?? -1);
      if (ahead > 0) best = i;
    }
    return best;
  };
  const open: Range[] = [{ from: 0, to: count, cut: root, level: -1 }];
  for (let range = open.pop(); range !== undefined; range = open.pop()) {
    const { from, to, cut, level } = range;
    const firmness = strength[cut] ?? -1;
    const anchored = firmness === level && isCut[cut] === 1;
    if (cut < 0 || (!anchored && fits(from, to))) {
      emit(from, to);
      continue;
    }
    const best = anchored || firmness !== level ? -1 : middle(from, to, firmness);
    if (best >= 0) {
      emit(from, best);
      emit(best, to);
      continue;
    }
    const within = firmness === level || (cost[to] ?? 0) - (cost[from] ?? 0) > budget * FEW ? firmness : -1;
    open.push(
      { from: cut, to, cut: right[cut] ?? -1, level: within },
      { from, to: cut, cut: left[cut] ?? -1, level: within },
    );
  }
};

/** The last number from `low` up to and without `high` for which it holds; it holds up to some number, at least `low`. */
const farthest = (low: number, high: number, holds: (at: number) => boolean): number => {
  let known = low;
  let beyond = high;
  while (beyond - known > 1) {
    const half = (known + beyond) >> 1;
    if (holds(half)) known = half;
    else beyond = half;
  }
  return known;
};
