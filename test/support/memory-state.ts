import type { Page, Row, State, Table } from '../../src/ports.ts';

interface Stored {
  readonly number: number;
  readonly row: Row<Table>;
}

export interface Inspect {
  inspect<T extends Table>(table: T): Row<T>[];
  inspectOne<T extends Table>(table: T, key: string): Row<T> | undefined;
}

/** Rows by insertion, so that a page can go on where the last one ended, whatever was removed in between. */
/** `inspect` shows a row, or all rows of a table, to whoever checks from outside. */
export const memoryState = ({ pageSize = 100 } = {}): State & Inspect => {
  const tables = new Map<Table, Map<string, Stored>>();
  let inserted = 0;
  const tableOf = (table: Table) => {
    const rows = tables.get(table) ?? new Map<string, Stored>();
    tables.set(table, rows);
    return rows;
  };
  const write = (table: Table, row: Row<Table>) => {
    const rows = tableOf(table);
    inserted += 1;
    rows.set(row.key, { number: rows.get(row.key)?.number ?? inserted, row: structuredClone(row) });
  };

  return {
    inspect: <T extends Table>(table: T) => [...tableOf(table).values()].map(({ row }) => row as Row<T>),
    inspectOne: <T extends Table>(table: T, key: string) => tableOf(table).get(key)?.row as Row<T> | undefined,
    async probe() {},
    async read<T extends Table>(table: T, keys: readonly string[]) {
      const found = new Map<string, Row<T>>();
      for (const key of keys) {
        const stored = tableOf(table).get(key);
        if (stored) found.set(key, stored.row as Row<T>);
      }
      return found;
    },
    async page<T extends Table>(table: T, scope: string, cursor?: string): Promise<Page<Row<T>>> {
      const from = Number(cursor ?? 0);
      const page: Stored[] = [];
      for (const stored of tableOf(table).values()) {
        if (stored.number <= from || stored.row.scope !== scope) continue;
        page.push(stored);
        if (page.length === pageSize) break;
      }
      const last = page.at(-1);
      const rows = page.map(({ row }) => row as Row<T>);
      return page.length === pageSize && last ? { rows, next: String(last.number) } : { rows };
    },
    async swap(table, row, over) {
      const stored = tableOf(table).get(row.key)?.row;
      if (over ? stored?.seq === over.seq && stored.token === over.token : !stored) write(table, row);
      const stands = tableOf(table).get(row.key)?.row;
      return stands?.seq === row.seq && stands.token === row.token;
    },
    async raise(table, rows) {
      for (const row of rows) {
        const stored = tableOf(table).get(row.key)?.row;
        if (!stored || stored.seq < row.seq) write(table, row);
      }
    },
    async remove(table, rows) {
      for (const { key, seq, token } of rows) {
        const stored = tableOf(table).get(key)?.row;
        if (stored?.seq === seq && stored.token === token) tableOf(table).delete(key);
      }
    },
  };
};
