/**
 * The newest offset of each key, in 24 bytes a key and no objects: what compaction has to know of a stretch of log. Two
 * keys are taken for one only if their MD5 sums are the same, which nobody arranges in an index of his own files.
 */
import { hash } from 'node:crypto';

export interface Newest {
  /** Offsets must come in rising order. */
  note(key: Buffer, wide: boolean, offset: number): void;
  /** `undefined` for a key that was never noted. */
  of(key: Buffer, wide: boolean): number | undefined;
  keys(): number;
}

const WORDS = 4;

export const newestOffsets = (): Newest => {
  let slots = 4096;
  let sums = new Int32Array(slots * WORDS);
  /** Offset plus one, so that zero is an empty slot. */
  let offsets = new Float64Array(slots);
  let keys = 0;
  const sum = new Int32Array(WORDS);

  const digest = (key: Buffer, wide: boolean) => {
    const bytes = hash('md5', key, 'buffer');
    for (let word = 0; word < WORDS; word += 1) sum[word] = bytes.readInt32LE(word * 4);
    // The same bytes are another key in the other encoding.
    if (wide) sum[0] = ~(sum[0] ?? 0);
  };

  /** The slot of the sum, or the empty one where it belongs. */
  const find = () => {
    for (let slot = (sum[0] ?? 0) & (slots - 1); ; slot = (slot + 1) & (slots - 1)) {
      if (offsets[slot] === 0) return slot;
      const at = slot * WORDS;
      if (sums[at] === sum[0] && sums[at + 1] === sum[1] && sums[at + 2] === sum[2] && sums[at + 3] === sum[3])
        return slot;
    }
  };

  const grow = () => {
    const old = { slots, sums, offsets };
    slots *= 2;
    sums = new Int32Array(slots * WORDS);
    offsets = new Float64Array(slots);
    for (let from = 0; from < old.slots; from += 1) {
      const value = old.offsets[from] ?? 0;
      if (value === 0) continue;
      for (let word = 0; word < WORDS; word += 1) sum[word] = old.sums[from * WORDS + word] ?? 0;
      const to = find();
      sums.set(sum, to * WORDS);
      offsets[to] = value;
    }
  };

  return {
    note(key, wide, offset) {
      if (keys * 2 >= slots) grow();
      digest(key, wide);
      const slot = find();
      if (offsets[slot] === 0) {
        keys += 1;
        sums.set(sum, slot * WORDS);
      }
      offsets[slot] = offset + 1;
    },
    of(key, wide) {
      digest(key, wide);
      const value = offsets[find()] ?? 0;
      return value === 0 ? undefined : value - 1;
    },
    keys: () => keys,
  };
};
