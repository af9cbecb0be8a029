/** Ledger entries as rows, and the calls of the `Generation` port about them, as they run in the writer's thread. */
import type { LedgerEntry, Over } from '../../ports.ts';
import { type Blob, type Database, textOf, toText } from './database.ts';
import { findGeneration } from './generations.ts';
import { entryOf, gathered, type LedgerColumns, manyTexts, parseRows, type Rows } from './rows.ts';
import { sumOf } from './sums.ts';

const PAGE_ROWS = 1_000;
/** An entry of a large text names thousands of chunks, so a page is bounded in bytes too. */
const PAGE_CHARACTERS = 4_000_000;
const STEP_ROWS = 100;

const ENTRY = gathered('key', 'chunks', 'entry');

const read = (database: Database, g: number, documents: readonly string[]): Rows<LedgerColumns> => {
  const [text = null] =
    database.get<[Blob]>(
      `SELECT ${ENTRY} FROM ledger_${g} WHERE key IN (SELECT value FROM json_each(?)) AND seq IS NOT NULL`,
      [manyTexts(documents)],
    ) ?? [];
  return { text: textOf(text) };
};

const sameEntry = (a: LedgerEntry | undefined, b: LedgerEntry | undefined): boolean =>
  a === b || (a !== undefined && b !== undefined && ordered(a) === ordered(b));

const ordered = (entry: LedgerEntry): string =>
  JSON.stringify(Object.entries(entry).sort(([a], [b]) => (a < b ? -1 : 1)));

const standing = (database: Database, g: number, document: string): LedgerEntry | undefined =>
  parseRows(read(database, g, [document])).map(entryOf)[0];

/** The number of a document that has a row, be it without an entry. */
export const documentNumber = (database: Database, g: number, document: string): number | undefined =>
  database.get<[number]>(`SELECT document FROM ledger_${g} WHERE key = ?`, [toText(document)])?.[0];

/** Removes the row of a document that has neither an entry nor points any more. */
export const releaseDocument = (database: Database, g: number, number: number): void => {
  database.run(
    `DELETE FROM ledger_${g} WHERE document = ? AND seq IS NULL
     AND NOT EXISTS (SELECT 1 FROM points_${g} p WHERE p.document = ledger_${g}.document)`,
    [number],
  );
};

export const ledgerReads = (database: Database) => ({
  ledger: (name: string, documents: readonly string[]): Rows<LedgerColumns> =>
    read(database, findGeneration(database, name).number, documents),
  ledgerPage(name: string, cursor: string | undefined): Rows<LedgerColumns> & { readonly next: string | undefined } {
    const { number: g } = findGeneration(database, name);
    const steps: string[] = [];
    let after = Number(cursor ?? 0);
    let characters = 0;
    for (let rows = 0; rows < PAGE_ROWS && characters < PAGE_CHARACTERS; rows += STEP_ROWS) {
      const [bytes = null, last, count] =
        database.get<[Blob, number | null, number]>(
          `SELECT ${ENTRY}, max(document), count(*) FROM (SELECT * FROM ledger_${g} WHERE document > ? AND seq IS NOT NULL
           ORDER BY document LIMIT ${STEP_ROWS})`,
          [after],
        ) ?? [];
      const text = textOf(bytes);
      if (text !== '') steps.push(text);
      characters += text.length;
      if (count !== STEP_ROWS) return { text: steps.join(), next: undefined };
      after = last ?? after;
    }
    return { text: steps.join(), next: String(after) };
  },
});

export const ledgerWrites = (database: Database) => ({
  record(name: string, entry: LedgerEntry, over: Over): LedgerEntry | undefined {
    const { number: g } = findGeneration(database, name);
    const before = standing(database, g, entry.document);
    const asRead = over === 'lower' || sameEntry(before, over.read);
    if (!asRead || (before && before.seq >= entry.seq)) return before;
    const { document, chunks, ...rest } = entry;
    const columns = [entry.seq, entry.status, JSON.stringify(chunks), JSON.stringify(rest)];
    database.run(
      `INSERT INTO ledger_${g} (key, seq, status, chunks, entry, sum) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE
       SET seq = excluded.seq, status = excluded.status, chunks = excluded.chunks, entry = excluded.entry, sum = excluded.sum`,
      [toText(document), ...columns, sumOf(...columns)],
    );
    return entry;
  },
  forget(name: string, entries: readonly { readonly document: string; readonly seq: number }[]): void {
    const { number: g } = findGeneration(database, name);
    for (const { document, seq } of entries) {
      const number = documentNumber(database, g, document);
      if (number === undefined) continue;
      database.run(
        `UPDATE ledger_${g} SET seq = NULL, status = NULL, chunks = NULL, entry = NULL, sum = NULL
         WHERE document = ? AND seq = ? AND status = 'gone'`,
        [number, seq],
      );
      releaseDocument(database, g, number);
    }
  },
});
