/** Rows that change in place, each write guarded by what was read. */
import type { Row, Stamp, State, Table, Tables, Time } from '../ports.ts';

interface Writer {
  readonly state: State;
  readonly time: Time;
}

export const stampOf = ({ seq, token }: Stamp): Stamp => ({ seq, token });

export interface Replacement<T extends Table> {
  /** The row that was read: the new one may replace no other. */
  readonly read: Row<T> | undefined;
  readonly value: Tables[T];
  /** One more than that of the row that was read, unless it is said. */
  readonly seq?: number;
}

/**
 * One guarded write. Resolves to the row that was written, to `undefined` when somebody else was faster. The first row
 * of a key is of the scope that is named as its table.
 */
export const replace = async <T extends Table>(
  { state, time }: Writer,
  table: T,
  key: string,
  { read, value, seq = (read?.seq ?? 0) + 1 }: Replacement<T>,
): Promise<Row<T> | undefined> => {
  const row = { key, scope: read?.scope ?? table, seq, token: time.token(), value };
  return (await state.swap(table, row, read && stampOf(read))) ? row : undefined;
};

/**
 * Reads the row and replaces it by what `change` makes of it, and again when somebody else was faster: a swap that is
 * lost is one that another writer has won, so this ends. Where `change` answers `undefined` the row stays as it is.
 * Resolves to the row that was there before, and to the one that stands.
 */
export const update = async <T extends Table, V extends Tables[T] | undefined>(
  writer: Writer,
  table: T,
  key: string,
  change: (value: Tables[T] | undefined) => V,
  seqOf: (next: number) => number = (next) => next,
): Promise<{ readonly before: Row<T> | undefined; readonly after: Row<T> | Extract<V, undefined> }> => {
  for (;;) {
    const before = (await writer.state.read(table, [key])).get(key);
    const value = change(before?.value);
    if (value === undefined) return { before, after: before as Row<T> | Extract<V, undefined> };
    const seq = seqOf((before?.seq ?? 0) + 1);
    const after = await replace(writer, table, key, { read: before, value, seq });
    if (after) return { before, after };
  }
};
