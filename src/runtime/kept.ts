/**
 * A computation that is made once at a time: all who ask meanwhile wait for the same one, and who asks within `keepMs`
 * of its end gets what it found. One that takes longer is kept for as long as it took, so that however many ask it takes
 * half of the time at most. What failed is not kept.
 */
export const kept = <T>(compute: () => Promise<T>, keepMs: number): (() => Promise<T>) => {
  let known: Promise<T> | undefined;
  let until = Number.POSITIVE_INFINITY;

  return () => {
    if (known && performance.now() < until) return known;
    const beganAt = performance.now();
    until = Number.POSITIVE_INFINITY;
    const begun = compute();
    known = begun;
    const ended = () => {
      const now = performance.now();
      until = now + Math.max(keepMs, now - beganAt);
    };
    begun.then(ended, () => {
      known = undefined;
    });
    return begun;
  };
};
