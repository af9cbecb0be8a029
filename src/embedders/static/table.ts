/** The rows of the built-in model, as its file has them: a scale for each, and one byte a number. */
import { StopFlow } from '../../errors.ts';

export interface Table {
  readonly rows: number;
  readonly dimensions: number;
  readonly scales: Float32Array;
  readonly values: Int8Array;
}

const HEADER_BYTES = 16;

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
