import type { Parts } from '../parts.ts';
import type { Generation, TreeEntry } from '../ports.ts';
import type { LedgerEntry, Want } from '../records.ts';

/** A closed list: what may be found, from the tree to the points. */
export const KINDS = [
  /** The tree has a file that is to be indexed, and no want asks for it. */
  'not_wanted',
  /** The want asks for another version than the tree has, or for another type of file. */
  'other_want',
  /** The want was planned by other rules than those that hold. */
  'other_rules',
  /** A want asks for what the tree does not have, or what is not to be indexed. */
  'not_in_tree',
  /** The ledger has not reached the want. */
  'pending',
  /** The ledger has reached the want with another version. */
  'other_entry',
  /** The ledger holds what no want asks for. */
  'unwanted_entry',
  /** The ledger names points that are not there. */
  'missing_points',
  /** There are points that the ledger does not name. */
  'stray_points',
  /** The source refuses the project, so that nothing of it can be compared. */
  'refused_project',
] as const;

export interface Difference {
  readonly kind: (typeof KINDS)[number];
  /** Its key. */
  readonly document: string;
  readonly expected: string | number | null;
  readonly found: string | number | null;
}

/** A document as its source has it; without a file, or with one that is not to be indexed, `undefined`. */
export interface InTree {
  readonly document: string;
  readonly file: TreeEntry | undefined;
}

export interface Compare {
  readonly generation: Generation;
  /** Also for points that the ledger does not name, which takes all points of each document. */
  readonly strays: boolean;
}

/** From the tree to the points, each against the next. */
export const compareDocuments = async (
  { state, rules }: Parts,
  documents: readonly InTree[],
  { generation, strays }: Compare,
): Promise<readonly Difference[]> => {
  const keys = documents.map(({ document }) => document);
  const wants = await state.read('wants', keys);
  // Wants first: an entry that is read later may be ahead of its want, never behind what it had reached by then.
  const ledger = await generation.ledger(keys);
  const compared = await Promise.all(
    documents.map(async ({ document, file }): Promise<readonly Difference[]> => {
      const want = wants.get(document)?.value;
      const entry = ledger.get(document);
      const found = [againstTree(file, want, rules), againstWant(want, entry)].flatMap((one) => one ?? []);
      const points = strays
        ? await allPoints(generation, document, entry)
        : await namedPoints(generation, document, entry);
      return [...found, ...points].map((one) => ({ ...one, document }));
    }),
  );
  return compared.flat();
};

type Found = Omit<Difference, 'document'>;

const versionOf = ({ type, blob }: { readonly type: string; readonly blob: string | null }) => `${type} ${blob}`;

const againstTree = (file: TreeEntry | undefined, want: Want | undefined, rules: string): Found | undefined => {
  if (!file) {
    if (!want || want.blob === null) return undefined;
    return { kind: 'not_in_tree', expected: null, found: versionOf(want) };
  }
  if (!want || want.blob === null) return { kind: 'not_wanted', expected: versionOf(file), found: null };
  if (versionOf(want) !== versionOf(file))
    return { kind: 'other_want', expected: versionOf(file), found: versionOf(want) };
  return want.rules === rules ? undefined : { kind: 'other_rules', expected: rules, found: want.rules };
};

const againstWant = (want: Want | undefined, entry: LedgerEntry | undefined): Found | undefined => {
  const live = entry !== undefined && entry.status !== 'gone';
  if (!want) return live ? { kind: 'unwanted_entry', expected: null, found: entry.blob } : undefined;
  // What is gone, and was never there, is as it should be.
  if (!entry && want.blob === null) return undefined;
  if (!entry || entry.seq < want.seq) return { kind: 'pending', expected: want.seq, found: entry?.seq ?? null };
  if (entry.seq > want.seq || entry.blob === want.blob) return undefined;
  return { kind: 'other_entry', expected: want.blob, found: entry.blob };
};

const namedPoints = async (
  generation: Generation,
  document: string,
  entry: LedgerEntry | undefined,
): Promise<readonly Found[]> => {
  if (!entry || entry.chunks.length === 0) return [];
  const { size } = await generation.present(document, entry.chunks);
  return size < entry.chunks.length ? [{ kind: 'missing_points', expected: entry.chunks.length, found: size }] : [];
};

const allPoints = async (
  generation: Generation,
  document: string,
  entry: LedgerEntry | undefined,
): Promise<readonly Found[]> => {
  const named = new Set(entry?.chunks ?? []);
  const points = await generation.pointsOf(document);
  const known = points.filter(({ id }) => named.has(id)).length;
  const found: Found[] = [];
  if (known < named.size) found.push({ kind: 'missing_points', expected: named.size, found: known });
  if (known < points.length) found.push({ kind: 'stray_points', expected: named.size, found: points.length });
  return found;
};
