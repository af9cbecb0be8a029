/**
 * Many rows as one text. What the columns hold is JSON already, so SQLite only has to put it together; it crosses from
 * thread to thread as it is, and one parse takes it apart where it is needed.
 */
import type { LedgerEntry, Row, Table } from '../../ports.ts';
import { bytesOf, jsonOf } from './database.ts';

export type Rows<Columns> = { readonly text: string; readonly of?: Columns };

/** The columns of all rows that are selected, as one column. None of them may be null. */
export const gathered = (...columns: readonly string[]): string =>
  bytesOf(`coalesce(group_concat('[' || ${columns.join(" || ',' || ")} || ']'), '')`);

export const parseRows = <Columns>({ text }: Rows<Columns>): Columns[] => jsonOf(`[${text}]`);

export type StateColumns = readonly [
  key: string,
  scope: string,
  seq: number,
  token: string,
  value: Row<Table>['value'],
];
export const rowOf = <T extends Table>([key, scope, seq, token, value]: StateColumns): Row<T> =>
  ({ key, scope, seq, token, value }) as Row<T>;

export type LedgerColumns = readonly [
  key: string,
  chunks: readonly string[],
  entry: Omit<LedgerEntry, 'document' | 'chunks'>,
];
export const entryOf = ([document, chunks, rest]: LedgerColumns): LedgerEntry => ({ ...rest, document, chunks });

/** Strings as the one value that a statement's `json_each` gives out again. */
export const manyTexts = (texts: readonly string[]): string =>
  JSON.stringify(texts.map((text) => JSON.stringify(text)));
