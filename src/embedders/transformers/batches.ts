/** Which texts are computed together. */

export interface Tokens {
  readonly ids: readonly number[];
}

export interface Batching {
  /** With padding. A text that has more goes alone. */
  readonly batchTokens: number;
  /** Each text by itself: with activations that are quantised together, its vector would depend on the others. */
  readonly alone: boolean;
}

/** Longest first, so that what is padded is nearly as long, and memory is at its most in the first batch. */
export const batchesOf = <T extends Tokens>(
  texts: readonly T[],
  { batchTokens, alone }: Batching,
): readonly (readonly T[])[] => {
  const batches: T[][] = [];
  for (const one of [...texts].sort((a, b) => b.ids.length - a.ids.length)) {
    const batch = batches.at(-1);
    const width = batch?.[0]?.ids.length ?? 0;
    if (batch && !alone && (batch.length + 1) * width <= batchTokens) batch.push(one);
    else batches.push([one]);
  }
  return batches;
};
