/** The little of libsql that is used, and what its errors ask for. */
import Libsql from 'libsql';
import { isKnown, messageOf, StopFlow, TryAgain } from '../errors.ts';

/** Anything else would end the process: the driver panics on a boolean, and on a Buffer that stands alone. */
export type Value = string | number | Buffer | null;

/** How the driver gives bytes back: one way for a single row, the other for many. */
export type Blob = ArrayBuffer | Buffer;
export const toBytes = (blob: Blob): ArrayBuffer => (blob instanceof ArrayBuffer ? blob : Uint8Array.from(blob).buffer);

export interface Database {
  exec(sql: string): void;
  /** How many rows it changed. */
  run(sql: string, values: readonly Value[]): number;
  get<T extends readonly unknown[]>(sql: string, values: readonly Value[]): T | undefined;
  all<T extends readonly unknown[]>(sql: string, values: readonly Value[]): T[];
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
  // A read is told from a write here, as `raw` on a statement without columns is an error.
  const reading = (sql: string) => (statements.has(sql) ? prepared(sql) : prepared(sql).raw());

  return {
    exec(sql) {
      connection.exec(sql);
    },
    run: (sql, values) => prepared(sql).run([...values]).changes,
    get: <T extends readonly unknown[]>(sql: string, values: readonly Value[]) =>
      reading(sql).get([...values]) as T | undefined,
    all: <T extends readonly unknown[]>(sql: string, values: readonly Value[]) => reading(sql).all([...values]) as T[],
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

/** SQLite's text is UTF-8 and ends at a NUL for the driver. In this form every string comes back unit by unit. */
export const toText = (text: string): string => JSON.stringify(text);
export const fromText = (text: string): string => JSON.parse(text) as string;

/** What passes by itself, or once somebody has made room: the same call is worth repeating. */
const PASSING = /^SQLITE_(BUSY|LOCKED|FULL|IOERR|NOMEM|INTERRUPT|PROTOCOL)/;
/** The file, or the right to it, is not what it must be. */
const LASTING = /^SQLITE_(CORRUPT|NOTADB|READONLY|CANTOPEN|PERM|AUTH|FORMAT|MISMATCH)/;

/** The error as a reaction, when SQLite's code tells one. */
export const reaction = (action: string, error: unknown): unknown => {
  if (isKnown(error)) return error;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const message = `embedded store: ${action}: ${messageOf(error)} (${code})`;
  if (PASSING.test(code)) return new TryAgain(message, { cause: error });
  if (LASTING.test(code)) return new StopFlow(message, { cause: error });
  return error;
};
