/** The best of many scored items without keeping or sorting them all: a heap with the worst of the kept on top. */
export interface Best {
  offer(item: number, score: number): void;
  /** Below this an offer changes nothing. */
  least(): number;
  /** Best first; of equals the lower number, so that an answer does not depend on the order of offers. */
  sorted(): { readonly item: number; readonly score: number }[];
}

export const best = (size: number): Best => {
  const items = new Float64Array(size);
  const scores = new Float64Array(size);
  let count = 0;

  const worse = (a: number, b: number): boolean =>
    scores[a] === scores[b] ? at(items, a) > at(items, b) : at(scores, a) < at(scores, b);
  const swap = (a: number, b: number) => {
    const item = at(items, a);
    const score = at(scores, a);
    items[a] = at(items, b);
    scores[a] = at(scores, b);
    items[b] = item;
    scores[b] = score;
  };
  const up = (from: number) => {
    for (let i = from; i > 0; ) {
      const parent = (i - 1) >> 1;
      if (!worse(i, parent)) return;
      swap(i, parent);
      i = parent;
    }
  };
  const down = () => {
    for (let i = 0; ; ) {
      let worst = i;
      for (const child of [2 * i + 1, 2 * i + 2]) if (child < count && worse(child, worst)) worst = child;
      if (worst === i) return;
      swap(i, worst);
      i = worst;
    }
  };

  return {
    offer(item, score) {
      if (count < size) {
        items[count] = item;
        scores[count] = score;
        count += 1;
        up(count - 1);
        return;
      }
      const top = at(scores, 0);
      if (score < top || (score === top && item > at(items, 0))) return;
      items[0] = item;
      scores[0] = score;
      down();
    },
    least: () => (count < size ? Number.NEGATIVE_INFINITY : at(scores, 0)),
    sorted: () =>
      Array.from({ length: count }, (_, i) => ({ item: at(items, i), score: at(scores, i) })).sort(
        (a, b) => b.score - a.score || a.item - b.item,
      ),
  };
};

const at = (numbers: Float64Array, i: number): number => numbers[i] as number;
