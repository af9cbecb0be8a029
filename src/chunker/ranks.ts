/**
 * Which stretches of equal firmness go before others as the beginnings of chunks. Their own content says, since counting
 * up to a size would move every cut that follows an edit. A hash makes some of them anchors, the likelier the more stands
 * under them, and an anchor with no other shortly before it is a cut wherever it is found. Replacing a line makes or ends
 * one anchor, and thereby moves one cut. Only where cuts are further apart than a chunk is long do lengths have a say.
 */
import type { Stretches } from './lines.ts';

/** More of a line does not make its hash better. */
const HASHED_CHARACTERS = 512;
/** Of a chunk's budget, how much stands between two anchors on average; more under one stretch always makes one. */
const ANCHOR_SHARE = 0.2;
/** Of a chunk's budget, how much has to stand before an anchor and after the one before it. */
const CLEARANCE_SHARE = 0.18;
/** Equal stretches in equal surroundings that stand at most this far apart are one repetition. */
const REPETITION = 64;

/** Of the firmest stretches inside a range. Plain arrays: most are short, and typed ones are slow to make. */
export interface Ranks {
  /** Which they are, in order. */
  readonly at: readonly number[];
  /** Anchors first, then the hash of their content. */
  readonly rank: readonly number[];
  /** Whether one goes before another. */
  readonly ahead: (one: number, other: number) => boolean;
  readonly isAnchor: readonly boolean[];
}

export const rankerOf = (content: string, { start, end, strength, cost }: Stretches, budget: number) => {
  const hashOf = (i: number): number => {
    const from = start[i] ?? 0;
    return i < 0 || i >= start.length ? 0 : hashed(content, from, Math.min(end[i] ?? 0, from + HASHED_CHARACTERS));
  };

  const clearance = budget * CLEARANCE_SHARE;
  const anchorsOf = (
    hash: readonly number[],
    { from, to, at }: { readonly from: number; readonly to: number; readonly at: readonly number[] },
  ): boolean[] => {
    const end = cost[to] ?? 0;
    let before = cost[from] ?? 0;
    let since = before;
    return hash.map((own, i) => {
      const here = cost[at[i] ?? 0] ?? 0;
      const below = (cost[at[i + 1] ?? to] ?? 0) - here;
      // What is too much for one chunk begins one, and so does what follows it: its neighbours are no part of it.
      const isBesideLarge = below > budget || here - before > budget;
      before = here;
      if ((mixed(own) / 2 ** 32) * budget * ANCHOR_SHARE >= below) return isBesideLarge;
      const isClear = here - since >= clearance && end - here >= clearance;
      since = here;
      return isClear || isBesideLarge;
    });
  };

  return (from: number, to: number): Ranks => {
    const at = firmest(strength, from + 1, to);
    const hash = at.map(hashOf);
    const isAnchor = anchorsOf(hash, { from, to, at });
    const rank = hash.map((own, i) => (isAnchor[i] ? 2 ** 32 + own : own));
    const aroundOf = (i: number) => surroundings(at[i] ?? 0, hashOf);
    let places: readonly number[] | undefined;
    const ahead = (one: number, other: number): boolean => {
      const by = (rank[one] ?? 0) - (rank[other] ?? 0) || aroundOf(one) - aroundOf(other);
      if (by !== 0) return by > 0;
      places ??= placesOf(
        at,
        at.map((_, i) => aroundOf(i)),
      );
      return (places[one] ?? 0) > (places[other] ?? 0);
    };
    return { at, rank, ahead, isAnchor };
  };
};

const firmest = (strength: ArrayLike<number>, from: number, to: number): number[] => {
  let most = -1;
  let at: number[] = [];
  for (let i = from; i < to; i += 1) {
    const own = strength[i] ?? 0;
    if (own < most) continue;
    if (own > most) at = [];
    most = own;
    at.push(i);
  }
  return at;
};

/** What tells stretches of equal content apart. */
const surroundings = (i: number, hashOf: (i: number) => number): number => {
  let around = 0;
  for (let j = i - 2; j <= i + 3; j += 1) around = Math.imul(around ^ hashOf(j), 0x01000193) + j - i;
  return mixed(around);
};

/** A thousand equal lines leave only their place to tell them apart: halves, then quarters, then eighths. */
const placesOf = (at: readonly number[], arounds: readonly number[]): number[] => {
  const seen = new Map<number, { readonly at: number; readonly count: number }>();
  return at.map((i, order) => {
    const around = arounds[order] ?? 0;
    const before = seen.get(around);
    const place = before && i - before.at <= REPETITION ? before.count + 1 : 1;
    seen.set(around, { at: i, count: place });
    return 31 - Math.clz32(place & -place);
  });
};

const hashed = (content: string, from: number, to: number): number => {
  let hash = 0x811c9dc5;
  for (let at = from; at < to; at += 1) hash = Math.imul(hash ^ content.charCodeAt(at), 0x01000193);
  return mixed(hash);
};

const mixed = (hash: number): number => {
  let h = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
};
