/** The calls of the `State` port as they run in the writer's thread. */
import type { Page, Row, Stamp, Table } from '../ports.ts';
import { type Database, fromText, toText } from './embedded-database.ts';

const PAGE_ROWS = 1_000;

type Columns = readonly [key: string, scope: string, seq: number, token: string, value: string];

const ROW = 'key, scope, seq, token, value';
const READ = `SELECT ${ROW} FROM state WHERE name = ? AND key = ?`;
const FIRST = `SELECT ${ROW} FROM state WHERE name = ? AND scope = ? ORDER BY key LIMIT ${PAGE_ROWS}`;
const NEXT = `SELECT ${ROW} FROM state WHERE name = ? AND scope = ? AND key > ? ORDER BY key LIMIT ${PAGE_ROWS}`;
const INSERT = 'INSERT INTO state (scope, seq, token, value, name, key) VALUES (?, ?, ?, ?, ?, ?)';
const REPLACE = 'scope = excluded.scope, seq = excluded.seq, token = excluded.token, value = excluded.value';

const rowOf = <T extends Table>([key, scope, seq, token, value]: Columns): Row<T> => ({
  key: fromText(key),
  scope: fromText(scope),
  seq,
  token: fromText(token),
  value: JSON.parse(value),
});

const valuesOf = (table: Table, row: Row<Table>) => [
  toText(row.scope),
  row.seq,
  toText(row.token),
  JSON.stringify(row.value),
  table,
  toText(row.key),
];

export const stateReads = (database: Database) => ({
  stateRead: (table: Table, keys: readonly string[]): Row<Table>[] =>
    keys.flatMap((key) => {
      const row = database.get<Columns>(READ, [table, toText(key)]);
      return row ? [rowOf(row)] : [];
    }),
  statePage(table: Table, scope: string, cursor: string | undefined): Page<Row<Table>> {
    const rows =
      cursor === undefined
        ? database.all<Columns>(FIRST, [table, toText(scope)])
        : database.all<Columns>(NEXT, [table, toText(scope), toText(cursor)]);
    const last = rows.at(-1);
    return {
      rows: rows.map(rowOf),
      ...(last && rows.length === PAGE_ROWS ? { next: fromText(last[0]) } : {}),
    };
  },
});

export const stateWrites = (database: Database) => ({
  stateSwap(table: Table, row: Row<Table>, over: Stamp | undefined): boolean {
    const values = valuesOf(table, row);
    if (over) {
      const set = 'UPDATE state SET scope = ?, seq = ?, token = ?, value = ?';
      database.run(`${set} WHERE name = ? AND key = ? AND seq = ? AND token = ?`, [
        ...values,
        over.seq,
        toText(over.token),
      ]);
    } else {
      database.run(`${INSERT} ON CONFLICT DO NOTHING`, values);
    }
    const standing = database.get<Columns>(READ, [table, toText(row.key)]);
    return standing !== undefined && standing[2] === row.seq && standing[3] === toText(row.token);
  },
  stateRaise(table: Table, rows: readonly Row<Table>[]): void {
    for (const row of rows) {
      database.run(
        `${INSERT} ON CONFLICT (name, key) DO UPDATE SET ${REPLACE} WHERE excluded.seq > state.seq`,
        valuesOf(table, row),
      );
    }
  },
  stateRemove(table: Table, rows: readonly (Stamp & { readonly key: string })[]): void {
    for (const { key, seq, token } of rows) {
      database.run('DELETE FROM state WHERE name = ? AND key = ? AND seq = ? AND token = ?', [
        table,
        toText(key),
        seq,
        toText(token),
      ]);
    }
  },
});
