/**
 * Where a text is cut. A range that fits is one chunk. One that does not is cut at the firmest stretches inside it, and
 * lower ones are looked at only where what stands between those still does not fit.
 *
 * Among those of equal firmness the anchors (`ranks.ts`) are cuts, whatever else is around, so that an edit moves few.
 * What no anchor divides is cut before its highest-ranking stretch, again and again. The tree of "highest first" is the
 * Cartesian tree of the ranks: built in one pass, so that no content, however unlucky or hostile, makes this slower than
 * linear.
 */
import type { Stretches } from './lines.ts';
import { type Ranks, rankerOf } from './ranks.ts';

/**
 * A range of up to this many budgets is cut in few places, from the highest on, and not at each anchor: what outgrows one
 * chunk becomes two, not many.
 */
const FEW = 3;

interface Tree {
  readonly ranks: Ranks;
  /** The first that it holds. The children of number i stand at `i - first`; -1 is none. */
  readonly first: number;
  readonly left: readonly number[];
  readonly right: readonly number[];
}

interface Range {
  readonly from: number;
  readonly to: number;
  /** How its firmest stretches rank, once it is known that it does not fit. */
  readonly tree?: Tree;
  /** The highest of those that stand inside it; -1 for none. */
  readonly top: number;
  /** Whether that is known, since to ask may mean to count its tokens. */
  readonly fits?: boolean;
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
  const { start, cost } = stretches;
  if (start.length === 0) return;
  const ranksWithin = rankerOf(content, stretches, budget);
  const open: Range[] = [{ from: 0, to: start.length, top: -1 }];
  const openBetweenAnchors = (from: number, to: number, ranks: Ranks) => {
    const { at, isAnchor } = ranks;
    let after = to;
    let end = at.length;
    for (let i = at.length - 1; i >= -1; i -= 1) {
      if (i >= 0 && !isAnchor[i]) continue;
      const begin = i < 0 ? from : (at[i] ?? 0);
      if (fits(begin, after)) open.push({ from: begin, to: after, top: -1, fits: true });
      else if (i + 1 === end) open.push({ from: begin, to: after, top: -1, fits: false });
      else {
        const middle = middleOf(ranks, { first: i + 1, end, from: begin, to: after }, fits);
        if (middle < 0) open.push({ from: begin, to: after, ...highest(ranks, i + 1, end), fits: false });
        else
          open.push({ from: middle, to: after, top: -1, fits: true }, { from: begin, to: middle, top: -1, fits: true });
      }
      after = begin;
      end = i;
    }
  };
  for (let range = open.pop(); range !== undefined; range = open.pop()) {
    const { from, to, tree, top } = range;
    if (to - from === 1 || (range.fits ?? fits(from, to))) emit(from, to);
    else if (tree && top >= 0) {
      const cut = tree.ranks.at[top] ?? 0;
      open.push(
        { from: cut, to, tree, top: tree.right[top - tree.first] ?? -1 },
        { from, to: cut, tree, top: tree.left[top - tree.first] ?? -1 },
      );
    } else {
      const ranks = ranksWithin(from, to);
      const isLarge = (cost[to] ?? 0) - (cost[from] ?? 0) > budget * FEW;
      if (isLarge && ranks.isAnchor.includes(true)) openBetweenAnchors(from, to, ranks);
      else open.push({ from, to, ...highest(ranks, 0, ranks.at.length), fits: false });
    }
  }
};

/** The tree of those from `first` up to `end`, and its top. */
const highest = (ranks: Ranks, first: number, end: number): { readonly tree: Tree; readonly top: number } => {
  const { rank, ahead } = ranks;
  const left: number[] = [];
  const right: number[] = [];
  const spine: number[] = [];
  let depth = 0;
  for (let i = first; i < end; i += 1) {
    const own = rank[i] ?? 0;
    let below = -1;
    while (depth > 0) {
      const top = spine[depth - 1] ?? 0;
      const above = rank[top] ?? 0;
      if (above > own || (above === own && !ahead(i, top))) break;
      below = top;
      depth -= 1;
    }
    left.push(below);
    right.push(-1);
    if (depth > 0) right[(spine[depth - 1] ?? 0) - first] = i;
    spine[depth] = i;
    depth += 1;
  }
  return { tree: { ranks, first, left, right }, top: spine[0] ?? -1 };
};

interface Gap {
  /** Of what ranks, from where up to where. */
  readonly first: number;
  readonly end: number;
  readonly from: number;
  readonly to: number;
}

/** Between two anchors, the best place that makes two chunks of what is too much for one; -1 if there is none. */
const middleOf = (
  { at, ahead }: Ranks,
  { first, end, from, to }: Gap,
  fits: (from: number, to: number) => boolean,
): number => {
  const beyond = firstOf(first, end, (i) => !fits(from, at[i] ?? 0));
  let best = -1;
  for (let i = beyond - 1; i >= first && fits(at[i] ?? 0, to); i -= 1) if (best < 0 || ahead(i, best)) best = i;
  return at[best] ?? -1;
};

/** The first number from `low` on for which it holds, as it does for all after that; `high` if there is none. */
const firstOf = (low: number, high: number, holds: (i: number) => boolean): number => {
  let from = low;
  let to = high;
  while (from < to) {
    const half = (from + to) >> 1;
    if (holds(half)) to = half;
    else from = half + 1;
  }
  return from;
};
