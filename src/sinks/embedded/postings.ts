/** Which slots of a segment have which terms, sorted by term so that a list is found by halving. */

/** Ascending; the list of `terms[i]` reaches from `starts[i]` to `starts[i + 1]`. */
export interface Postings {
  readonly terms: Uint32Array;
  readonly starts: Uint32Array;
  readonly slots: Uint16Array;
  readonly weights: Float32Array;
}
export const NO_POSTINGS: Postings = {
  terms: new Uint32Array(),
  starts: new Uint32Array(1),
  slots: new Uint16Array(),
  weights: new Float32Array(),
};

/** Where a term's list stands in its postings. */
export const listOf = ({ terms, starts }: Postings, term: number): { readonly start: number; readonly end: number } => {
  const at = indexOf(terms, term);
  return at < 0 ? { start: 0, end: 0 } : { start: starts[at] as number, end: starts[at + 1] as number };
};

const indexOf = (ascending: Uint32Array, wanted: number): number => {
  let low = 0;
  let high = ascending.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const value = ascending[middle] as number;
    if (value === wanted) return middle;
    if (value < wanted) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
};

export const postingsOf = (terms: Uint32Array, slots: Uint16Array, weights: Float32Array): Postings => {
  const order = orderOf(terms);
  const distinct: number[] = [];
  const starts: number[] = [];
  const sortedSlots = new Uint16Array(order.length);
  const sortedWeights = new Float32Array(order.length);
  for (let i = 0; i < order.length; i += 1) {
    const place = order[i] as number;
    const term = terms[place] as number;
    if (term !== distinct[distinct.length - 1]) {
      distinct.push(term);
      starts.push(i);
    }
    sortedSlots[i] = slots[place] as number;
    sortedWeights[i] = weights[place] as number;
  }
  starts.push(order.length);
  return {
    terms: Uint32Array.from(distinct),
    starts: Uint32Array.from(starts),
    slots: sortedSlots,
    weights: sortedWeights,
  };
};

const DIGIT_BITS = 11;
const DIGITS = 2 ** DIGIT_BITS;

/** The places of the numbers in ascending order, of equals the earlier first: digit by digit, so without comparing. */
const orderOf = (numbers: Uint32Array): Uint32Array => {
  let order = new Uint32Array(numbers.length).map((_, i) => i);
  let next = new Uint32Array(numbers.length);
  for (let shift = 0; shift < 32; shift += DIGIT_BITS) {
    const starts = new Uint32Array(DIGITS + 1);
    for (let i = 0; i < numbers.length; i += 1) {
      const digit = ((numbers[i] as number) >>> shift) & (DIGITS - 1);
      starts[digit + 1] = (starts[digit + 1] as number) + 1;
    }
    for (let digit = 0; digit < DIGITS; digit += 1)
      starts[digit + 1] = (starts[digit + 1] as number) + (starts[digit] as number);
    for (let i = 0; i < order.length; i += 1) {
      const place = order[i] as number;
      const digit = ((numbers[place] as number) >>> shift) & (DIGITS - 1);
      const at = starts[digit] as number;
      next[at] = place;
      starts[digit] = at + 1;
    }
    [order, next] = [next, order];
  }
  return order;
};
