/** The ledger of a generation as points without vectors. Beside its entries stand vectors that outlive their points. */
import { gathered } from '../../calls/batch.ts';
import type { Generation, LedgerEntry, Over, Page } from '../../ports.ts';
import { DAY, HOUR } from '../../units.ts';
import { bearing, oneOf, raising } from './guards.ts';
import { entryIn, entryPayload, idOf, idOfDocument } from './payload.ts';
import { BYTES_PER_REQUEST, type Operation, REQUESTS_OUT, type Server } from './server.ts';

const SWEEP_EVERY_MS = HOUR;
/** An entry of a large text names thousands of chunks. */
const PAGE_ROWS = 500;
const ENTRIES_PER_REQUEST = 500;
const VECTORS_PER_REQUEST = 256;

const STATUSES = ['indexed', 'skipped', 'failed', 'gone'] satisfies LedgerEntry['status'][];

/** A vector whose point was deleted, for who brings the same content back within a day. */
interface KeptPayload {
  readonly hash: string;
  /** Its floats in base64, so that they come back bit by bit. */
  readonly kept: string;
  readonly keptAt: number;
}

export interface KeptVectors {
  keep(vectors: ReadonlyMap<string, Float32Array>): Promise<void>;
  find(hashes: readonly string[]): Promise<ReadonlyMap<string, Float32Array>>;
}

export interface Ledger extends Pick<Generation, 'ledger' | 'ledgerPage' | 'record' | 'forget'> {
  /** Of the entries that are not gone. */
  count(): Promise<number>;
  readonly kept: KeptVectors;
}

export interface LedgerOptions {
  readonly server: Server;
  readonly collection: string;
  readonly now: () => number;
}

export const qdrantLedger = ({ server, collection, now }: LedgerOptions): Ledger => {
  let sweepAt = 0;
  const write = (action: string, operations: readonly Operation[]) => server.write(action, collection, operations);
  const retrieve = (action: string, ids: readonly string[]) =>
    server.ask(action, (client, consistency) =>
      client.retrieve(collection, { ids: [...ids], with_payload: true, with_vector: false, ...consistency }),
    );

  const entries = gathered<string, LedgerEntry | undefined>({
    run: async (documents) => {
      const points = await retrieve('read the ledger', documents.map(idOfDocument));
      const found = new Map(points.map(({ payload }) => entryIn(payload)).map((entry) => [entry.document, entry]));
      return documents.map((document) => found.get(document));
    },
    maxItems: ENTRIES_PER_REQUEST,
    parallel: REQUESTS_OUT,
  });

  const record = gathered<Recorded, void>({
    run: async (items) => {
      const lower = items.filter(({ over }) => over === 'lower');
      await write('record in the ledger', [
        ...raising(lower.map(({ entry }) => pointOf(entry))),
        ...items.flatMap(({ entry, over }) => (over === 'lower' ? [] : overRead(entry, over.read))),
      ]);
      return items.map(() => undefined);
    },
    size: ({ entry }) => 1_000 + 40 * entry.chunks.length,
    maxSize: BYTES_PER_REQUEST,
    parallel: REQUESTS_OUT,
  });

  const ledger: Ledger['ledger'] = async (documents) => {
    const found = await entries(documents);
    return new Map(found.flatMap((entry) => (entry ? [[entry.document, entry]] : [])));
  };

  const keep: KeptVectors['keep'] = async (vectors) => {
    const keptAt = now();
    const points = [...vectors].map(([hash, vector]) => ({
      id: idOfKept(hash),
      vector: {},
      payload: { hash, kept: base64(vector), keptAt } satisfies KeptPayload,
    }));
    for (let at = 0; at < points.length; at += VECTORS_PER_REQUEST)
      await write('keep vectors', [{ upsert: { points: points.slice(at, at + VECTORS_PER_REQUEST) } }]);
    // Where nothing is deleted any more, nothing grows either.
    if (keptAt < sweepAt) return;
    await write('sweep kept vectors', [
      { delete: { filter: { must: [{ key: 'keptAt', range: { lt: keptAt - DAY } }] } } },
    ]);
    sweepAt = keptAt + SWEEP_EVERY_MS;
  };

  return {
    ledger,
    async ledgerPage(cursor): Promise<Page<LedgerEntry>> {
      const { points, next_page_offset: next } = await server.ask('page through the ledger', (client, consistency) =>
        client.scroll(collection, {
          filter: { must: [oneOf('status', STATUSES)] },
          limit: PAGE_ROWS,
          with_payload: true,
          ...(cursor === undefined ? {} : { offset: cursor }),
          ...consistency,
        }),
      );
      return {
        rows: points.map(({ payload }) => entryIn(payload)),
        ...(typeof next === 'string' ? { next } : {}),
      };
    },
    async record(entry, over) {
      await record([{ entry, over }]);
      // Nothing in the answer tells a write that was left out from one that was done.
      const [standing] = await entries([entry.document]);
      return standing;
    },
    async forget(asked) {
      const standing = await ledger(asked.map(({ document }) => document));
      const stamps = asked.flatMap(({ document, seq }) => {
        const entry = standing.get(document);
        return entry?.status === 'gone' && entry.seq === seq ? [entryPayload(entry).stamp] : [];
      });
      for (let at = 0; at < stamps.length; at += ENTRIES_PER_REQUEST) {
        const some = stamps.slice(at, at + ENTRIES_PER_REQUEST);
        await write('forget entries of the ledger', [{ delete: { filter: bearing(some) } }]);
      }
    },
    async count() {
      const alive = STATUSES.filter((status) => status !== 'gone');
      const { count } = await server.ask('count the ledger', (client) =>
        client.count(collection, { filter: { must: [oneOf('status', alive)] }, exact: true }),
      );
      return count;
    },
    kept: {
      keep,
      async find(hashes) {
        if (hashes.length === 0) return new Map();
        const points = await retrieve('read kept vectors', hashes.map(idOfKept));
        const found = points.map(({ payload }) => payload as unknown as KeptPayload);
        return new Map(found.map(({ hash, kept }) => [hash, floatsOf(kept)]));
      },
    },
  };
};

interface Recorded {
  readonly entry: LedgerEntry;
  readonly over: Over;
}

const pointOf = (entry: LedgerEntry) => ({
  id: idOfDocument(entry.document),
  vector: {},
  payload: { ...entryPayload(entry) },
});

const overRead = (entry: LedgerEntry, read: LedgerEntry | undefined): Operation[] => {
  const points = [pointOf(entry)];
  if (!read) return [{ upsert: { points, update_mode: 'insert_only' } }];
  if (read.seq >= entry.seq) return [];
  return [{ upsert: { points, update_mode: 'update_only', update_filter: bearing([entryPayload(read).stamp]) } }];
};

const idOfKept = (hash: string): string => idOf('kept', hash);

const base64 = (floats: Float32Array): string =>
  Buffer.from(floats.buffer, floats.byteOffset, floats.byteLength).toString('base64');
const floatsOf = (text: string): Float32Array => new Float32Array(Uint8Array.from(Buffer.from(text, 'base64')).buffer);
