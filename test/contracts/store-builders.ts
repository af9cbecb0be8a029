/** What the suites of the store's port share: the store under test, and builders of what goes into it. */
import { createHash } from 'node:crypto';
import type { Generation, LedgerEntry, Page, Point, Query, VectorStore } from '../../src/ports.ts';
import { HOUR } from '../../src/units.ts';

export interface OpenedStore {
  readonly store: VectorStore;
  /** What the names of its generations start with. */
  readonly alias: string;
  close(): Promise<void>;
}

/** The store, a generation of the running test's own, and short words for what tests do with it. */
export interface StoreUnderTest {
  readonly store: VectorStore;
  readonly generation: Generation;
  /** Of a generation that is not there yet. */
  newName(): string;
  /** Another store, without generations. */
  open(): Promise<OpenedStore>;
  /** Moves the store's clock. */
  advance(ms: number): void;
  entryOf(document: string): Promise<LedgerEntry | undefined>;
  pointsOf(document: string): Promise<readonly { readonly id: string; readonly seq: number }[]>;
  /** Makes points that can be found: there, and named by their document's entry. */
  stand(points: readonly Point[], seq?: number): Promise<void>;
  /** The texts of the hits. */
  find(query: Partial<Query>): Promise<string[]>;
}

export const DIMENSIONS = 4;
export const HOUR_MS = HOUR;

export const ODD_PATHS = [
  ['a byte that is not UTF-8', 'docs/caf\udce9.md'],
  ['only bytes that are not UTF-8', '\udc80\udcff'],
  ['letters of many scripts', 'Übergröße/日本語/😀.md'],
  ['quotes, line breaks and percent signs', 'a"b\'c\\d\ne%_*?.md'],
] as const;

export const hashOf = (text: string) => createHash('sha256').update(text).digest('hex');

/** A UUID of its own for each name. */
export const uuid = (name: string): string => {
  const hex = hashOf(name);
  return [hex.slice(0, 8), hex.slice(8, 12), `5${hex.slice(13, 16)}`, `a${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    '-',
  );
};

export const unit = (x: number, y = 0): Float32Array => {
  const length = Math.hypot(x, y);
  return Float32Array.of(x / length, y / length, 0, 0);
};

export const placement = (id: string) => ({ id: uuid(id), startLine: 1, endLine: 2, commit: 'c' });

export const point = (of: Partial<Omit<Point, 'hash' | 'vector'>>): Point => {
  const text = of.text ?? 'text';
  const embed = of.embed ?? text;
  return {
    ...{
      id: uuid('point'),
      document: 'doc',
      seq: 1,
      startLine: 1,
      endLine: 2,
      commit: 'c',
      language: 'text',
      heading: [],
    },
    ...of,
    ...{ text, embed, hash: hashOf(embed), vector: unit(1) },
  };
};

export const entry = (of: Partial<LedgerEntry>): LedgerEntry => ({
  ...{ document: 'doc', seq: 1, status: 'indexed', reason: '', blob: 'b', indexedBlob: 'b', rules: 'r', chunks: [] },
  ...{ embedded: 1, reused: 0, commit: 'c', at: 1_795_000_000_000 },
  ...of,
});

export const allPages = async <T>(page: (cursor: string | undefined) => Promise<Page<T>>): Promise<T[]> => {
  const rows: T[] = [];
  let cursor: string | undefined;
  do {
    const { rows: some, next } = await page(cursor);
    rows.push(...some);
    cursor = next;
  } while (cursor !== undefined);
  return rows;
};
