/** The little of libsql that is used, and what its errors ask for. */
import Libsql from 'libsql';
import { BadUsage, codeOf, Damaged, isKnown, messageOf, StopFlow, TryAgain } from '../../errors.ts';

/** Anything else would end the process: the driver panics on a boolean, and on a Buffer that stands alone. */
export type Value = string | number | Buffer | null;

/** How the driver gives bytes back: one way for a single row, the other for many. */
export type Blob = ArrayBuffer | Buffer;
export const toBytes = (blob: Blob): ArrayBuffer => (blob instanceof ArrayBuffer ? blob : new Uint8Array(blob).buffer);

export interface Database {
  exec(sql: string): void;
  /** How many rows it changed. */
  run(sql: string, values: readonly Value[]): number;
  get<T extends readonly unknown[]>(sql: string, values: readonly Value[]): T | undefined;
  all<T extends readonly unknown[]>(sql: string, values: readonly Value[]): T[];
  /** The same, of more rows than fit into memory. */
  each<T extends readonly unknown[]>(sql: string): Iterable<T>;
  inTransaction(): boolean;
  /** Forgets prepared statements, for tables that are no more. */
  forget(): void;
  close(): void;
}

export const openDatabase = (file: string): Database => {
  const connection = new Libsql(file);
  const statements = new Map<string, Libsql.Statement<unknown[]>>();
  const prepared = (sql: string) => {
    const statement = statements.get(sql) ?? connection.prepare(sql);
    statements.set(sql, statement);
    return statement;
  };
  // The driver refuses `raw` for statements without columns, so it is set where columns are read.
  const reading = (sql: string) => (statements.has(sql) ? prepared(sql) : prepared(sql).raw());
  /** The driver does not reset a statement that failed: used again it would fail again, whatever it is asked. */
  const once = <T>(sql: string, use: () => T): T => {
    try {
      return use();
    } catch (error) {
      statements.delete(sql);
      throw error;
    }
  };

  return {
    exec(sql) {
      connection.exec(sql);
    },
    run: (sql, values) => once(sql, () => prepared(sql).run([...values]).changes),
    get: <T extends readonly unknown[]>(sql: string, values: readonly Value[]) =>
      once(sql, () => reading(sql).get([...values]) as T | undefined),
    all: <T extends readonly unknown[]>(sql: string, values: readonly Value[]) =>
      once(sql, () => reading(sql).all([...values]) as T[]),
    each: <T extends readonly unknown[]>(sql: string) => reading(sql).iterate() as Iterable<T>,
    inTransaction: () => connection.inTransaction,
    forget() {
      statements.clear();
    },
    close() {
      statements.clear();
      connection.close();
    },
  };
};

/**
 * A column of text, as bytes. The driver panics on text that is no UTF-8, as a flipped bit leaves it, and a panic ends the
 * process: so no text is read but through here and `textOf`.
 */
export const bytesOf = (column: string): string => `CAST(${column} AS BLOB)`;

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const NOTHING = new Uint8Array();

export const textOf = (bytes: Blob | null): string => {
  try {
    return UTF8.decode(bytes ?? NOTHING);
  } catch (cause) {
    throw new Damaged('embedded store: what was written as text is no UTF-8 any more', { cause });
  }
};

export const jsonOf = <T>(text: string): T => {
  try {
    return JSON.parse(text) as T;
  } catch (cause) {
    throw new Damaged(`embedded store: what was written as JSON is none any more: ${messageOf(cause)}`, { cause });
  }
};

/** SQLite's text is UTF-8 and ends at a NUL for the driver. In this form every string comes back unit by unit. */
export const toText = (text: string): string => JSON.stringify(text);
export const fromText = (bytes: Blob | null): string => jsonOf(textOf(bytes));

/** What passes by itself, or once somebody has made room: the same call is worth repeating. */
const PASSING = /^SQLITE_(BUSY|LOCKED|FULL|IOERR|NOMEM|INTERRUPT|PROTOCOL)/;
/** The file is not what was written. */
const DAMAGED = /^SQLITE_(CORRUPT|NOTADB)/;
/** The file, or the right to it, is not what it must be. */
const LASTING = /^SQLITE_(READONLY|CANTOPEN|PERM|AUTH|FORMAT|MISMATCH)/;

/** The error as a reaction, when SQLite's code tells one. */
export const reaction = (action: string, error: unknown): unknown => {
  if (isKnown(error) || error instanceof BadUsage) return error;
  const code = codeOf(error);
  // The driver's own errors are no real ones: what makes an error one is lost on the way to another thread.
  const cause = code === '' ? error : new Error(`${code}: ${messageOf(error)}`);
  const message = `embedded store: ${action}: ${messageOf(error)}${code === '' ? '' : ` (${code})`}`;
  if (PASSING.test(code)) return new TryAgain(message, { cause });
  if (DAMAGED.test(code)) return new Damaged(message, { cause });
  if (LASTING.test(code)) return new StopFlow(message, { cause });
  return new Error(message, { cause });
};
