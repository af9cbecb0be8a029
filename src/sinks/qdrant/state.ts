/** The state as points without vectors: one collection for all tables. */
import { gathered } from '../../calls/batch.ts';
import type { Page, Row, Stamp, State, Table } from '../../ports.ts';
import { bearing, raising } from './guards.ts';
import { idOf, type Payload } from './payload.ts';
import { BYTES_PER_REQUEST, type Operation, REQUESTS_OUT, type Server } from './server.ts';

const PAGE_ROWS = 5_000;
const ROWS_PER_REQUEST = 1_000;

/** Strings that may hold anything stand as JSON, since Qdrant takes Unicode alone. */
interface RowPayload {
  readonly table: Table;
  readonly key: string;
  readonly scope: string;
  /** Of table and scope. */
  readonly within: string;
  readonly seq: number;
  readonly token: string;
  /** Of table, key, seq and token: what a write over exactly one row, and a removal, are guarded by. */
  readonly stamp: string;
  readonly value: string;
}

export interface StateOptions {
  readonly server: Server;
  readonly collection: string;
  /** Resolves when the collection is there. */
  readonly ready: () => Promise<void>;
}

export const qdrantState = ({ server, collection, ready }: StateOptions): State => {
  const write = (action: string, operations: readonly Operation[]) => server.write(action, collection, operations);

  const rows = gathered<string, Row<Table> | undefined>({
    run: async (ids) => {
      const points = await server.ask('read the state', (client, consistency) =>
        client.retrieve(collection, { ids: [...ids], with_payload: true, with_vector: false, ...consistency }),
      );
      const found = new Map(points.map(({ id, payload }) => [String(id), rowIn(payload)]));
      return ids.map((id) => found.get(id));
    },
    maxItems: ROWS_PER_REQUEST,
    parallel: REQUESTS_OUT,
  });

  const raise = gathered<RaisedRow, void>({
    run: async (items) => {
      await write('raise rows of the state', raising(items.map(({ table, row }) => pointOf(table, row))));
      return items.map(() => undefined);
    },
    size: ({ row }) => bytesOf(row),
    maxSize: BYTES_PER_REQUEST,
    maxItems: ROWS_PER_REQUEST,
    parallel: REQUESTS_OUT,
  });

  return {
    probe: async () => {
      await server.ask('probe', (client) => client.collectionExists(collection));
    },
    async read<T extends Table>(table: T, keys: readonly string[]) {
      await ready();
      const found = (await rows(keys.map((key) => idOf(table, key)))) as (Row<T> | undefined)[];
      return new Map(found.flatMap((row) => (row ? [[row.key, row]] : [])));
    },
    async page<T extends Table>(table: T, scope: string, cursor?: string): Promise<Page<Row<T>>> {
      await ready();
      const { points, next_page_offset: next } = await server.ask('page through the state', (client, consistency) =>
        client.scroll(collection, {
          filter: { must: [{ key: 'within', match: { value: idOf(table, scope) } }] },
          limit: PAGE_ROWS,
          with_payload: true,
          ...(cursor === undefined ? {} : { offset: cursor }),
          ...consistency,
        }),
      );
      return {
        rows: points.map(({ payload }) => rowIn(payload) as Row<T>),
        ...(typeof next === 'string' ? { next } : {}),
      };
    },
    async swap(table, row, over) {
      await ready();
      const point = pointOf(table, row);
      await write(`swap a row of ${table}`, [
        {
          upsert: over
            ? { points: [point], update_mode: 'update_only', update_filter: bearing([stampOf(table, row.key, over)]) }
            : { points: [point], update_mode: 'insert_only' },
        },
      ]);
      // Nothing in the answer tells a write that was left out from one that was done.
      const [standing] = await rows([point.id]);
      return standing?.seq === row.seq && standing.token === row.token;
    },
    async raise(table, some) {
      await ready();
      await raise(some.map((row) => ({ table, row })));
    },
    async remove(table, some) {
      await ready();
      for (let at = 0; at < some.length; at += ROWS_PER_REQUEST) {
        const stamps = some.slice(at, at + ROWS_PER_REQUEST).map((row) => stampOf(table, row.key, row));
        await write(`remove rows of ${table}`, [{ delete: { filter: bearing(stamps) } }]);
      }
    },
  };
};

interface RaisedRow {
  readonly table: Table;
  readonly row: Row<Table>;
}

const bytesOf = (row: Row<Table>): number => 500 + 2 * JSON.stringify(row).length;

const stampOf = (table: Table, key: string, { seq, token }: Stamp): string => idOf(table, key, seq, token);

const pointOf = (table: Table, row: Row<Table>) => ({
  id: idOf(table, row.key),
  vector: {},
  payload: {
    ...{ table, key: JSON.stringify(row.key), scope: JSON.stringify(row.scope), within: idOf(table, row.scope) },
    ...{ seq: row.seq, token: JSON.stringify(row.token), stamp: stampOf(table, row.key, row) },
    value: JSON.stringify(row.value),
  } satisfies RowPayload,
});

const rowIn = (payload: Payload): Row<Table> => {
  const { key, scope, seq, token, value } = payload as unknown as RowPayload;
  return { key: JSON.parse(key), scope: JSON.parse(scope), seq, token: JSON.parse(token), value: JSON.parse(value) };
};
