/**
 * static-minilm-256: a text's vector is the mean of its tokens' rows, normalised. The table stays as it is in its file,
 * one byte a number, and is scaled while it is summed.
 */
import { StopFlow } from '../errors.ts';
import { modelFile, staticTokens } from './static-files.ts';
import type { WordPiece } from './word-piece.ts';

interface Table {
  readonly rows: number;
  readonly dimensions: number;
  readonly scales: Float32Array;
  readonly values: Int8Array;
}

const HEADER_BYTES = 16;
/** `[PAD]`: no text reaches it, so it weighs nothing where fewer than four rows are left. */
const NO_ROW = 0;

export const parseTable = (bytes: Uint8Array): Table => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = bytes.byteLength < HEADER_BYTES ? '' : Buffer.from(bytes.subarray(0, 4)).toString('latin1');
  if (magic !== 'STE1') throw new StopFlow(`read the table of the built-in embedder: it starts with "${magic}"`);
  const rows = view.getUint32(4, true);
  const dimensions = view.getUint32(8, true);
  const needed = HEADER_BYTES + rows * 4 + rows * dimensions;
  if (bytes.byteLength !== needed)
    throw new StopFlow(`read the table of the built-in embedder: ${bytes.byteLength} bytes where ${needed} belong`);
  const scales = new Float32Array(rows);
  for (let row = 0; row < rows; row += 1) scales[row] = view.getFloat32(HEADER_BYTES + row * 4, true);
  const values = new Int8Array(bytes.buffer, bytes.byteOffset + HEADER_BYTES + rows * 4, rows * dimensions);
  return { rows, dimensions, scales, values };
};

export interface StaticModel {
  readonly dimensions: number;
  /** The texts' vectors, one after the other. A text without tokens is the zero vector. */
  embed(texts: readonly string[]): Float32Array<ArrayBuffer>;
}

export const staticModel = (
  { rows, dimensions, scales, values }: Table = parseTable(modelFile('static-minilm-256.bin')),
  tokens: WordPiece = staticTokens(),
): StaticModel => {
  const sum = new Float64Array(dimensions);
  /** How often each row stands in the text at hand, so that each is read and scaled once; all zero between texts. */
  const times = new Uint32Array(rows);

  /** Four rows at a time: half as fast again as row by row, since the sums are read and written a quarter as often. */
  const add = (ids: Uint16Array, count: number): void => {
    for (let next = 0; next < count; next += 4) {
      const a = ids[next] as number;
      const b = next + 1 < count ? (ids[next + 1] as number) : NO_ROW;
      const c = next + 2 < count ? (ids[next + 2] as number) : NO_ROW;
      const d = next + 3 < count ? (ids[next + 3] as number) : NO_ROW;
      const weightA = weigh(a);
      const weightB = weigh(b);
      const weightC = weigh(c);
      const weightD = weigh(d);
      const fromA = a * dimensions;
      const fromB = b * dimensions;
      const fromC = c * dimensions;
      const fromD = d * dimensions;
      for (let at = 0; at < dimensions; at += 1)
        sum[at] =
          (sum[at] as number) +
          weightA * (values[fromA + at] as number) +
          weightB * (values[fromB + at] as number) +
          weightC * (values[fromC + at] as number) +
          weightD * (values[fromD + at] as number);
    }
  };

  const weigh = (id: number): number => {
    const weight = (times[id] as number) * (scales[id] as number);
    times[id] = 0;
    return weight;
  };

  /** Moves the first of each id to the front and counts the others. */
  const distinct = (pieces: Uint16Array): number => {
    let count = 0;
    for (const id of pieces) {
      const before = times[id] as number;
      times[id] = before + 1;
      if (before > 0) continue;
      pieces[count] = id;
      count += 1;
    }
    return count;
  };

  const embedOne = (text: string, vector: Float32Array): void => {
    const pieces = tokens.pieces(text);
    sum.fill(0);
    add(pieces, distinct(pieces));
    let squares = 0;
    for (let at = 0; at < dimensions; at += 1) squares += (sum[at] as number) ** 2;
    // No tokens, or rows that cancel each other out: there is no direction to normalise to.
    if (squares === 0) return;
    const scale = 1 / Math.sqrt(squares);
    for (let at = 0; at < dimensions; at += 1) vector[at] = (sum[at] as number) * scale;
  };

  return {
    dimensions,
    embed(texts) {
      const vectors = new Float32Array(texts.length * dimensions);
      for (const [index, text] of texts.entries())
        embedOne(text, vectors.subarray(index * dimensions, (index + 1) * dimensions));
      return vectors;
    },
  };
};
