/**
 * Sums of the rows. SQLite tells when its trees and its indexes contradict each other, and not when a bit flips inside of a
 * text or a vector: each row of ours has the CRC-32 of its columns beside them, as they were written.
 */
import { crc32 } from 'node:zlib';

/** Of columns as text or bytes; a number counts as its digits, which is how SQLite casts one to bytes. */
export const sumOf = (...columns: readonly (string | number | Uint8Array)[]): number =>
  columns.reduce<number>((sum, one) => crc32('\0', crc32(typeof one === 'number' ? String(one) : one, sum)), 0);

/** Which columns each sum is of, in their order, and where they are read from. */
export interface Summed {
  readonly columns: readonly string[];
  readonly from: string;
}

export const STATE: Summed = { columns: ['key', 'scope', 'seq', 'token', 'value'], from: 'state t' };

/** Of one generation, by its number. */
export const summedOf = (g: number): readonly Summed[] => [
  { columns: ['seq', 'status', 'chunks', 'entry'], from: `ledger_${g} t` },
  { columns: ['id', 'seq', 'start_line', 'end_line', 'commit_id'], from: `points_${g} t` },
  {
    columns: ['t.terms', 't.content', 'p.language', 'v.hash'],
    from: `contents_${g} t JOIN points_${g} p USING (point) JOIN vectors_${g} v USING (vector)`,
  },
  { columns: ['floats'], from: `vectors_${g} t` },
];
