/**
 * State and store in one SQLite file, for a single process: nothing to install, durable at every answer. One thread
 * writes, another searches; this one only passes calls on. Why SQLite, and what it costs: docs/decisions.md.
 */

import type { Generation, Page, Point, State, Table, VectorStore } from '../../ports.ts';
import type { Fence } from '../../runtime/fence.ts';
import { besideOf } from '../../runtime/thread.ts';
import { checkAfterCrash } from './check.ts';
import { startWorker, type WorkerClient } from './client.ts';
import { entryOf, parseRows, type Rows, rowOf } from './rows.ts';
import type { SearcherCalls } from './searcher.ts';
import type { WriterCalls } from './writer.ts';

export interface EmbeddedOptions {
  /** Made when it is not there; its folder has to be. */
  readonly file: string;
  /** Unix milliseconds. */
  readonly now?: () => number;
  /** How long a call waits for a lock of somebody else before it throws `TryAgain`. */
  readonly busyMs?: number;
  /** The file may not outgrow this: calls that would make it throw `TryAgain`. 0 for no bound but the disk's. */
  readonly maxBytes?: number;
  /** Of the lock, once whose loss nothing is written. */
  readonly fence?: Fence | undefined;
  /** How long a search may go on; then its thread is ended, the search throws `TryAgain`, and the others go on in a new one. */
  readonly searchMs?: number;
  /** What was looked at before it was opened, as a process had left it without closing it. */
  readonly onChecked?: Parameters<typeof checkAfterCrash>[1];
}

export interface Embedded {
  readonly state: State;
  readonly store: VectorStore;
  /** Waits for the calls that are out; later ones throw `StopFlow`. */
  close(): Promise<void>;
}

/** Bounds a transaction, and with it how long the first of its calls waits for the last. */
const MAX_TRANSACTION_CALLS = 256;

type AnyCalls = Readonly<Record<string, (...args: never[]) => unknown>>;
type Ask<C extends AnyCalls> = <K extends keyof C & string>(
  name: K,
  ...args: Parameters<C[K]>
) => Promise<ReturnType<C[K]>>;

export const openEmbedded = async (options: EmbeddedOptions): Promise<Embedded> => {
  const { file, now = Date.now, busyMs = 5_000, maxBytes = 0, searchMs = 20_000, fence, onChecked } = options;
  await checkAfterCrash(file, onChecked ?? (() => undefined));
  const common = { file, busyMs, maxBytes, fence, now };
  const writer = await startWorker({
    ...common,
    worker: 'writer',
    thread: besideOf(import.meta.url, 'writer'),
    batchCalls: MAX_TRANSACTION_CALLS,
  });
  const write = callsOf<WriterCalls>(async () => writer);

  // Started by the first search: its index takes memory that a process which only writes can do without.
  let searcher: Promise<WorkerClient> | undefined;
  const search = callsOf<SearcherCalls>(() => {
    const thread = besideOf(import.meta.url, 'searcher');
    const asked = { worker: 'searcher', thread, batchCalls: 1, deadlineMs: searchMs };
    searcher ??= startWorker({ ...common, ...asked }).catch((error: unknown) => {
      searcher = undefined;
      throw error;
    });
    return searcher;
  });

  return {
    state: embeddedState(write),
    store: embeddedStore(write, search),
    async close() {
      const searching = await searcher?.catch(() => undefined);
      await searching?.close();
      await writer.close();
    },
  };
};

const callsOf =
  <C extends AnyCalls>(client: () => Promise<WorkerClient>): Ask<C> =>
  async (name, ...args) =>
    (await (await client()).call(name, args)) as ReturnType<C[typeof name]>;

const embeddedState = (ask: Ask<WriterCalls>): State => ({
  probe: () => ask('probe'),
  async read<T extends Table>(table: T, keys: readonly string[]) {
    const rows = parseRows(await ask('stateRead', table, keys));
    return new Map(rows.map((row) => [row[0], rowOf<T>(row)]));
  },
  page: async <T extends Table>(table: T, scope: string, cursor?: string) =>
    pageOf(await ask('statePage', table, scope, cursor), rowOf<T>),
  swap: (table, row, over) => ask('stateSwap', table, row, over),
  raise: (table, rows) => ask('stateRaise', table, rows),
  remove: (table, rows) => ask('stateRemove', table, rows),
});

const embeddedStore = (ask: Ask<WriterCalls>, askSearch: Ask<SearcherCalls>): VectorStore => ({
  probe: () => ask('probe'),
  generation: (name) => embeddedGeneration(name, ask, askSearch),
  create: (name, dimensions) => ask('create', name, dimensions),
  drop: (name) => ask('drop', name),
  generations: () => ask('generations'),
  active: () => ask('active'),
  activate: (name) => ask('activate', name),
});

const embeddedGeneration = (name: string, ask: Ask<WriterCalls>, askSearch: Ask<SearcherCalls>): Generation => ({
  async ledger(documents) {
    const rows = parseRows(await ask('ledger', name, documents));
    return new Map(rows.map((row) => [row[0], entryOf(row)]));
  },
  ledgerPage: async (cursor) => pageOf(await ask('ledgerPage', name, cursor), entryOf),
  record: (entry, over) => ask('record', name, entry, over),
  forget: (entries) => ask('forget', name, entries),
  vectors: async (hashes) => new Map(await ask('vectors', name, hashes)),
  raise: (document, seq, placements) => ask('raise', name, document, seq, placements),
  present: async (document, ids) => new Set(await ask('present', name, document, ids)),
  upsert: (points) => ask('upsert', name, points.map(withOwnBuffer)),
  prune: (document, seq, keep) => ask('prune', name, document, seq, keep),
  pointPage: (cursor) => ask('pointPage', name, cursor),
  pointsOf: (document) => ask('pointsOf', name, document),
  counts: () => ask('counts', name),
  search: (query) => askSearch('search', name, query),
});

const pageOf = <C, T>(page: Rows<C> & { readonly next: string | undefined }, of: (columns: C) => T): Page<T> => ({
  rows: parseRows(page).map(of),
  ...(page.next === undefined ? {} : { next: page.next }),
});

/** A vector that is part of a larger array would take all of it along to the other thread. */
const withOwnBuffer = (point: Point): Point =>
  point.vector.byteLength === point.vector.buffer.byteLength ? point : { ...point, vector: point.vector.slice() };
