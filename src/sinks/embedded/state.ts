/** The calls of the `State` port as they run in the writer's thread. */
import type { Row, Stamp, Table } from '../../ports.ts';
import { type Blob, bytesOf, type Database, textOf, toText } from './database.ts';
import { gathered, manyTexts, type Rows, type StateColumns } from './rows.ts';
import { sumOf } from './sums.ts';

const PAGE_ROWS = 2_000;

const ROW = gathered('key', 'scope', 'seq', 'token', 'value');
const READ = `SELECT ${ROW} FROM state WHERE name = ? AND key IN (SELECT value FROM json_each(?))`;
const PAGE = `SELECT ${ROW}, ${bytesOf('max(key)')}, count(*) FROM
  (SELECT * FROM state WHERE name = ? AND scope = ? AND key > ? ORDER BY key LIMIT ${PAGE_ROWS})`;
const STAMP = `SELECT seq, ${bytesOf('token')} FROM state WHERE name = ? AND key = ?`;
const INSERT = 'INSERT INTO state (name, key, scope, seq, token, value, sum)';
const RAISE = `${INSERT}
  SELECT ?, r.value ->> 0, r.value ->> 1, r.value ->> 2, r.value ->> 3, r.value ->> 4, r.value ->> 5 FROM json_each(?) r WHERE true
  ON CONFLICT (name, key) DO UPDATE
  SET scope = excluded.scope, seq = excluded.seq, token = excluded.token, value = excluded.value, sum = excluded.sum
  WHERE excluded.seq > state.seq`;

const columnsOf = ({ key, scope, seq, token, value }: Row<Table>) => {
  const columns = [toText(key), toText(scope), seq, toText(token), JSON.stringify(value)] as const;
  return [...columns, sumOf(...columns)] as const;
};

export const stateReads = (database: Database) => ({
  stateRead: (table: Table, keys: readonly string[]): Rows<StateColumns> => {
    const [text = null] = database.get<[Blob]>(READ, [table, manyTexts(keys)]) ?? [];
    return { text: textOf(text) };
  },
  statePage(table: Table, scope: string, cursor = ''): Rows<StateColumns> & { readonly next: string | undefined } {
    const [text = null, last = null, count] =
      database.get<[Blob, Blob | null, number]>(PAGE, [table, toText(scope), cursor]) ?? [];
    return { text: textOf(text), next: count === PAGE_ROWS && last !== null ? textOf(last) : undefined };
  },
});

export const stateWrites = (database: Database) => ({
  stateSwap(table: Table, row: Row<Table>, over: Stamp | undefined): boolean {
    const [key, ...columns] = columnsOf(row);
    if (over) {
      database.run(
        'UPDATE state SET scope = ?, seq = ?, token = ?, value = ?, sum = ? WHERE name = ? AND key = ? AND seq = ? AND token = ?',
        [...columns, table, key, over.seq, toText(over.token)],
      );
    } else {
      database.run(`${INSERT} VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`, [table, key, ...columns]);
    }
    const [seq, token = null] = database.get<[number, Blob]>(STAMP, [table, key]) ?? [];
    return seq === row.seq && textOf(token) === toText(row.token);
  },
  stateRaise(table: Table, rows: readonly Row<Table>[]): void {
    database.run(RAISE, [table, JSON.stringify(rows.map(columnsOf))]);
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
