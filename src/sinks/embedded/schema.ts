/** The tables, and how a file gets them. */
import { isKnown, messageOf, StopFlow } from '../../errors.ts';
import type { Fence } from '../../runtime/fence.ts';
import { type Database, openDatabase, reaction } from './database.ts';

/** Raise it with every change of a table, together with the step that brings an older file there. */
export const SCHEMA_VERSION = 2;

const TABLES = `
  CREATE TABLE state (
    name TEXT NOT NULL, key TEXT NOT NULL, scope TEXT NOT NULL,
    seq INTEGER NOT NULL, token TEXT NOT NULL, value TEXT NOT NULL, sum INTEGER,
    PRIMARY KEY (name, key)
  ) WITHOUT ROWID;
  CREATE INDEX state_scope ON state (name, scope, key);
  CREATE TABLE generations (number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, dimensions INTEGER NOT NULL);
  CREATE TABLE alias (one INTEGER PRIMARY KEY CHECK (one = 1), generation TEXT NOT NULL);
`;

/**
 * The tables of one generation.
 *
 * ledger    one row a document that has points or an entry; without an entry its seq is null
 * points    what a raise changes, apart from the rest, so that raising rewrites small rows only
 * contents  a point's text and its terms: two arrays of the same length, ids and weights
 * vectors   by content hash, with the number of points that use them; `unused_at` says since when there is none
 * removed   which points left, in order, so that a search index can follow; the oldest are cut off
 *
 * sum       what `embedded-sums.ts` makes of the row; null in rows from before there were sums, which nobody can check
 *
 * Rows of `ledger` and `points` are never numbered twice: the search index knows both by their numbers.
 */
export const createGenerationTables = (g: number): string => `
  CREATE TABLE ledger_${g} (
    document INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE,
    seq INTEGER, status TEXT, chunks TEXT, entry TEXT, sum INTEGER
  );
  CREATE TABLE points_${g} (
    point INTEGER PRIMARY KEY AUTOINCREMENT, document INTEGER NOT NULL, id TEXT NOT NULL, seq INTEGER NOT NULL,
    start_line INTEGER NOT NULL, end_line INTEGER NOT NULL, commit_id TEXT NOT NULL, language TEXT NOT NULL,
    vector INTEGER NOT NULL, sum INTEGER,
    UNIQUE (document, id)
  );
  CREATE TABLE contents_${g} (point INTEGER PRIMARY KEY, terms BLOB NOT NULL, content TEXT NOT NULL, sum INTEGER);
  CREATE TABLE vectors_${g} (
    vector INTEGER PRIMARY KEY, hash TEXT NOT NULL UNIQUE, uses INTEGER NOT NULL, unused_at INTEGER, floats BLOB NOT NULL, sum INTEGER
  );
  CREATE INDEX vectors_unused_${g} ON vectors_${g} (unused_at) WHERE uses = 0;
  CREATE TABLE removed_${g} (step INTEGER PRIMARY KEY AUTOINCREMENT, point INTEGER NOT NULL);
`;

export const dropGenerationTables = (g: number): string =>
  ['ledger', 'points', 'contents', 'vectors', 'removed'].map((table) => `DROP TABLE ${table}_${g};`).join('\n');

export interface FileOptions {
  readonly file: string;
  /** How long to wait for somebody else's lock. There is one writer, so whoever holds one is a stranger. */
  readonly busyMs: number;
  /** The file may not outgrow this; 0 for no bound but the disk's. */
  readonly maxBytes: number;
  /** Held by whoever may write; without it nobody else writes. */
  readonly fence?: Fence | undefined;
}

/** For the one writer: what it has written is on the disk when a commit returns. */
export const openForWriting = (options: FileOptions): Database =>
  opened(options, (database) => {
    database.get('PRAGMA journal_mode = WAL', []);
    database.exec('PRAGMA synchronous = FULL');
    database.exec('PRAGMA cache_size = -65536');
    // Fewer, larger rewrites of the same pages; the log stays below some 40 MB.
    database.get('PRAGMA wal_autocheckpoint = 8000', []);
    bringUp(options.file, database);
    if (options.maxBytes > 0) {
      const [pageBytes = 4096] = database.get<[number]>('PRAGMA page_size', []) ?? [];
      database.get(`PRAGMA max_page_count = ${Math.max(1, Math.floor(options.maxBytes / pageBytes))}`, []);
    }
  });

export const openForReading = (options: FileOptions): Database =>
  opened(options, (database) => {
    database.exec('PRAGMA query_only = 1');
    database.exec('PRAGMA cache_size = -32768');
  });

const opened = (options: FileOptions, prepare: (database: Database) => void): Database => {
  let database: Database | undefined;
  try {
    database = openDatabase(options.file);
    database.get(`PRAGMA busy_timeout = ${options.busyMs}`, []);
    prepare(database);
    return database;
  } catch (error) {
    database?.close();
    const known = reaction(`open ${options.file}`, error);
    // Whatever keeps a file from being opened, waiting does not mend it, apart from what asks for it.
    throw isKnown(known) ? known : new StopFlow(messageOf(known), { cause: error });
  }
};

/** From schema 1. What is there already gets its sum when it is written again: to read all of it now would take minutes. */
const addSums = (database: Database) => {
  database.exec('ALTER TABLE state ADD COLUMN sum INTEGER');
  for (const [g] of database.all<[number]>('SELECT number FROM generations', []))
    for (const table of ['ledger', 'points', 'contents', 'vectors'])
      database.exec(`ALTER TABLE ${table}_${g} ADD COLUMN sum INTEGER`);
};

const bringUp = (file: string, database: Database) => {
  const [version = 0] = database.get<[number]>('PRAGMA user_version', []) ?? [];
  if (version === SCHEMA_VERSION) return;
  if (version > SCHEMA_VERSION) {
    throw new StopFlow(
      `embedded store: open ${file}: it was written by a newer Tidemark (schema ${version}, this one reads up to ` +
        `${SCHEMA_VERSION}). Update Tidemark, or point it at another data directory`,
    );
  }
  database.exec('BEGIN IMMEDIATE');
  if (version === 0) database.exec(TABLES);
  else addSums(database);
  database.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`);
  database.exec('COMMIT');
};
