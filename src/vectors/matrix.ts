/** Vectors in blocks of rows, in memory that `scan.ts` runs over. Blocks that are given back are used again. */
import { newMemory, scanOver } from './scan.ts';

export interface Matrix {
  block(): number;
  release(block: number): void;
  set(block: number, row: number, vector: Float32Array): void;
  /** A copy. */
  row(block: number, row: number): Float32Array;
  /** The dot products of the first `rows` rows with the query; overwritten by the next call. */
  products(block: number, rows: number, query: Float32Array): Float32Array;
}

const PAGE_BYTES = 65_536;
/** What the loop of `scan.ts` takes at a time. Rows are filled up with zeros, which add nothing to a product. */
const STEP_FLOATS = 8;
const FLOAT_BYTES = 4;

export const matrix = (dimensions: number, blockRows: number): Matrix => {
  const rowFloats = Math.ceil(dimensions / STEP_FLOATS) * STEP_FLOATS;
  const rowBytes = rowFloats * FLOAT_BYTES;
  const blockBytes = blockRows * rowBytes;
  // In front of the blocks: the query, then the scores.
  const scoresAt = rowBytes;
  const blocksAt = Math.ceil((scoresAt + blockRows * FLOAT_BYTES) / 16) * 16;
  const memory = newMemory(Math.ceil(blocksAt / PAGE_BYTES));
  const scan = scanOver(memory);
  const free: number[] = [];
  let blocks = 0;

  const at = (block: number, row: number) => blocksAt + block * blockBytes + row * rowBytes;
  // Looked up each time, as growing replaces the buffer.
  const floats = (from: number, count: number) => new Float32Array(memory.buffer, from, count);

  return {
    block() {
      const again = free.pop();
      if (again !== undefined) return again;
      const missing = at(blocks + 1, 0) - memory.buffer.byteLength;
      if (missing > 0) memory.grow(Math.ceil(missing / PAGE_BYTES));
      blocks += 1;
      return blocks - 1;
    },
    release(block) {
      free.push(block);
    },
    set(block, row, vector) {
      floats(at(block, row), dimensions).set(vector);
    },
    row: (block, row) => floats(at(block, row), dimensions).slice(),
    products(block, rows, query) {
      floats(0, dimensions).set(query);
      scan(at(block, 0), rows, rowBytes, 0, scoresAt);
      return floats(scoresAt, rows);
    },
  };
};
