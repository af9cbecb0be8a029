/**
 * Which offset of one partition may be committed during one assignment: everything below it was delivered and is
 * settled. Deliveries settle in any order; the mark moves only when the oldest that is out has settled. A new
 * assignment gets a new one, so that what an older assignment still has out moves nothing.
 *
 * Offsets may have gaps (compaction, control records): only offsets that were delivered count.
 */
export interface LowWater {
  deliver(offset: number): void;
  settle(offset: number): void;
  /** The next offset to read after a restart. */
  mark(): number;
  /** How many are out. */
  out(): number;
}

export const lowWater = (start: number): LowWater => {
  const delivered: number[] = [];
  const out = new Set<number>();
  let head = 0;
  let mark = start;
  return {
    deliver(offset) {
      const last = delivered.length > head ? (delivered[delivered.length - 1] as number) : mark - 1;
      if (offset <= last) throw new RangeError(`offset ${offset} was delivered after ${last}`);
      delivered.push(offset);
      out.add(offset);
    },
    settle(offset) {
      if (!out.delete(offset)) throw new RangeError(`offset ${offset} is not out: settled before, or never delivered`);
      while (head < delivered.length && !out.has(delivered[head] as number)) {
        mark = (delivered[head] as number) + 1;
        head += 1;
      }
      if (head > 1024 && head * 2 > delivered.length) {
        delivered.splice(0, head);
        head = 0;
      }
    },
    mark: () => mark,
    out: () => out.size,
  };
};
