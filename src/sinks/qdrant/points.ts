/** The points of a generation, and the steps of an apply that concern them. */

import { gathered } from '../../calls/batch.ts';
import { documentTerms } from '../../lexical/terms.ts';
import type { Generation, Page, Placement, Point, StoredPoint } from '../../ports.ts';
import { parseDocument } from '../../records.ts';
import { DENSE, SPARSE } from './collections.ts';
import { below, oneOf, raising } from './guards.ts';
import type { KeptVectors } from './ledger.ts';
import { DOCUMENT_FIELDS, idOfDocument, keyIn, type Payload, pointIn, pointPayload } from './payload.ts';
import { BYTES_PER_REQUEST, type Filter, type Operation, REQUESTS_OUT, type Server } from './server.ts';

const PAGE_ROWS = 5_000;
const IDS_PER_REQUEST = 1_000;
/** More would be no faster, and writing them as JSON would hold the event loop for longer. */
const POINTS_PER_REQUEST = 64;
const HASHES_PER_REQUEST = 256;
const DOCUMENTS_PER_REQUEST = 64;

export type Points = Pick<
  Generation,
  'vectors' | 'raise' | 'present' | 'upsert' | 'prune' | 'pointPage' | 'pointsOf'
> & {
  count(): Promise<number>;
  /** Those of the ids that are there. */
  read(ids: readonly string[]): Promise<ReadonlyMap<string, StoredPoint>>;
};

export interface PointsOptions {
  readonly server: Server;
  readonly collection: string;
  readonly kept: KeptVectors;
}

export const qdrantPoints = ({ server, collection, kept }: PointsOptions): Points => {
  const write = (action: string, operations: readonly Operation[]) => server.write(action, collection, operations);
  const retrieve = (action: string, ids: readonly string[], fields: readonly string[], vectors = false) =>
    server.ask(action, (client, consistency) =>
      client.retrieve(collection, {
        ids: [...ids],
        with_payload: fields.length > 0 ? [...fields] : true,
        with_vector: vectors ? [DENSE] : false,
        ...consistency,
      }),
    );

  const scroll = (filter: Filter | undefined, fields: readonly string[], offset?: string, vectors = false) =>
    server.ask('page through points', (client, consistency) =>
      client.scroll(collection, {
        limit: vectors ? HASHES_PER_REQUEST : PAGE_ROWS,
        with_payload: fields.length > 0 ? [...fields] : true,
        with_vector: vectors ? [DENSE] : false,
        ...(filter ? { filter } : {}),
        ...(offset === undefined ? {} : { offset }),
        ...consistency,
      }),
    );

  const scrollAll = async (filter: Filter, fields: readonly string[]) => {
    const found: Read[] = [];
    let offset: string | undefined;
    do {
      const { points, next_page_offset: next } = await scroll(filter, fields, offset);
      found.push(...points.map(readOf));
      offset = typeof next === 'string' ? next : undefined;
    } while (offset !== undefined);
    return found;
  };

  /**
   * Sets lines, of points that bear the seq already. What an operation sets is the same for all its points, and one for
   * each of them takes twice as long as writing them back whole.
   */
  const move = async (items: readonly Raised[]) => {
    const whole = await server.ask('read moved points', (client, consistency) =>
      client.retrieve(collection, { ids: idsOf(items), with_payload: true, with_vector: true, ...consistency }),
    );
    const points = new Map(whole.map((point) => [String(point.id), point]));
    const sameSeq = groupedBy(items, ({ seq }) => String(seq));
    const operations = sameSeq.map((some) => ({
      upsert: {
        points: some.flatMap(({ seq, placement: { id, startLine, endLine } }) => {
          const { vector, payload } = points.get(id) ?? {};
          return payload?.seq === seq
            ? [{ id, vector: (vector ?? {}) as Record<string, number[]>, payload: { ...payload, startLine, endLine } }]
            : [];
        }),
        update_mode: 'update_only' as const,
        update_filter: { must: [{ key: 'seq', range: { gte: some[0].seq, lte: some[0].seq } }] },
      },
    }));
    // Meanwhile all of them may have gone, or have been raised further.
    await write(
      'move points',
      operations.filter(({ upsert }) => upsert.points.length > 0),
    );
  };

  const raise = gathered<Raised, void>({
    run: async (items) => {
      const sameVersion = groupedBy(items, ({ seq, placement: { commit } }) => `${seq} ${commit}`);
      await write('raise points', sameVersion.map(raiseOf));
      const there = new Map(
        (await retrieve('look at raised points', idsOf(items), ['document', 'seq', 'startLine', 'endLine']))
          .map(readOf)
          .map(({ id, payload }) => [id, payload]),
      );
      const moved = items.filter(({ document, seq, placement: { id, startLine, endLine } }) => {
        const payload = there.get(id);
        if (payload?.document !== document || payload.seq !== seq) return false;
        return payload.startLine !== startLine || payload.endLine !== endLine;
      });
      for (let at = 0; at < moved.length; at += POINTS_PER_REQUEST)
        await move(moved.slice(at, at + POINTS_PER_REQUEST));
      return items.map(() => undefined);
    },
    maxItems: IDS_PER_REQUEST,
    parallel: REQUESTS_OUT,
  });

  const documentsOf = gathered<string, string | undefined>({
    run: async (ids) => {
      const found = new Map(
        (await retrieve('look for points', ids, ['document'])).map(readOf).map(({ id, payload }) => [id, payload]),
      );
      return ids.map((id) => found.get(id)?.document as string | undefined);
    },
    maxItems: IDS_PER_REQUEST,
    parallel: REQUESTS_OUT,
  });

  const upsert = gathered<Point, void>({
    run: async (points) => {
      await write('upsert points', raising(points.map(written)));
      return points.map(() => undefined);
    },
    size: bytesOf,
    maxSize: BYTES_PER_REQUEST,
    maxItems: POINTS_PER_REQUEST,
    parallel: REQUESTS_OUT,
  });

  /** Looks first: mostly nothing is to go, and a look holds up nobody. */
  const prune = gathered<Pruned, void>({
    run: async (items) => {
      const documents = [...new Set(items.map(({ document }) => document))];
      const there = await scrollAll({ must: [oneOf('document', documents)] }, ['document', 'seq']);
      const doomed = items.flatMap(({ document, seq, keep }) => {
        const ids = there.flatMap(({ id, payload }) =>
          payload.document === document && (payload.seq as number) <= seq && !keep.has(id) ? [id] : [],
        );
        return ids.length > 0 ? [{ seq, ids }] : [];
      });
      if (doomed.length > 0) {
        const ids = doomed.flatMap((one) => one.ids);
        for (let at = 0; at < ids.length; at += HASHES_PER_REQUEST) {
          const some = await retrieve('read deleted points', ids.slice(at, at + HASHES_PER_REQUEST), ['hash'], true);
          await kept.keep(new Map(some.map(readOf).map(({ payload, dense }) => [payload.hash as string, dense])));
        }
        // By the seq again: a point may have been raised since it was looked at.
        const should = doomed.map(({ seq, ids }) => ({ must: [{ has_id: ids }, { key: 'seq', range: { lte: seq } }] }));
        await write('delete points', [{ delete: { filter: { should } } }]);
      }
      return items.map(() => undefined);
    },
    maxItems: DOCUMENTS_PER_REQUEST,
    parallel: REQUESTS_OUT,
  });

  const vectors = gathered<string, Float32Array | undefined>({
    run: async (hashes) => {
      const found = new Map<string, Float32Array>();
      // Thousands of points may share a content, and would fill page after page if they were asked for all along.
      for (let missing: readonly string[] = hashes; missing.length > 0; ) {
        const { points } = await scroll({ must: [oneOf('hash', missing)] }, ['hash'], undefined, true);
        for (const { payload, dense } of points.map(readOf)) found.set(payload.hash as string, dense);
        missing = points.length < HASHES_PER_REQUEST ? [] : missing.filter((hash) => !found.has(hash));
      }
      const gone = await kept.find(hashes.filter((hash) => !found.has(hash)));
      return hashes.map((hash) => found.get(hash) ?? gone.get(hash));
    },
    maxItems: HASHES_PER_REQUEST,
    parallel: REQUESTS_OUT,
  });

  return {
    async vectors(hashes) {
      const found = await vectors(hashes);
      return new Map(found.flatMap((vector, at) => (vector ? [[hashes[at] as string, vector]] : [])));
    },
    async raise(document, seq, placements) {
      await raise(placements.map((placement) => ({ document: idOfDocument(document), seq, placement })));
    },
    async present(document, ids) {
      const mine = idOfDocument(document);
      const found = await documentsOf(ids);
      return new Set(ids.filter((_, at) => found[at] === mine));
    },
    async upsert(points) {
      await upsert(points);
    },
    async prune(document, seq, keep) {
      await prune([{ document: idOfDocument(document), seq, keep: new Set(keep) }]);
    },
    async pointPage(cursor): Promise<Page<{ document: string; id: string; seq: number }>> {
      const { points, next_page_offset: next } = await scroll(undefined, [...DOCUMENT_FIELDS, 'seq'], cursor);
      return {
        rows: points.map(readOf).map(({ id, payload }) => ({
          document: keyIn(payload),
          id,
          seq: payload.seq as number,
        })),
        ...(typeof next === 'string' ? { next } : {}),
      };
    },
    async pointsOf(document) {
      const found = await scrollAll({ must: [oneOf('document', [idOfDocument(document)])] }, []);
      return found.map(({ id, payload }) => pointIn(id, payload));
    },
    async count() {
      const { count } = await server.ask('count points', (client) => client.count(collection, { exact: true }));
      return count;
    },
    async read(ids) {
      const found = (await retrieve('read points', ids, [])).map(readOf);
      return new Map(found.map(({ id, payload }) => [id, pointIn(id, payload)]));
    },
  };
};

interface Raised {
  readonly document: string;
  readonly seq: number;
  readonly placement: Placement;
}

interface Pruned {
  readonly document: string;
  readonly seq: number;
  readonly keep: ReadonlySet<string>;
}

interface Read {
  readonly id: string;
  readonly payload: NonNullable<Payload>;
  /** Empty where it was not asked for. */
  readonly dense: Float32Array;
}

const readOf = ({ id, payload, vector }: { id: string | number; payload?: Payload; vector?: unknown }): Read => {
  const dense = (vector as Record<string, number[]> | null | undefined)?.[DENSE] ?? [];
  return { id: String(id), payload: payload ?? {}, dense: Float32Array.from(dense) };
};

const groupedBy = <T>(items: readonly T[], keyOf: (item: T) => string): [T, ...T[]][] => {
  const groups = new Map<string, [T, ...T[]]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group) group.push(item);
    else groups.set(keyOf(item), [item]);
  }
  return [...groups.values()];
};

const idsOf = (items: readonly Raised[]): string[] => items.map(({ placement }) => placement.id);

const raiseOf = (items: [Raised, ...Raised[]]): Operation => {
  const { seq, placement } = items[0];
  const documents = [...new Set(items.map(({ document }) => document))];
  return {
    set_payload: {
      payload: { seq, commit: placement.commit },
      filter: { must: [{ has_id: idsOf(items) }, oneOf('document', documents), below(seq)] },
    },
  };
};

const written = (point: Point) => {
  const { ids, weights } = documentTerms(point.embed, parseDocument(point.document).path);
  return {
    id: point.id,
    vector: {
      [DENSE]: Array.from(point.vector),
      [SPARSE]: { indices: Array.from(ids), values: Array.from(weights) },
    },
    payload: { ...pointPayload(point) },
  };
};

/** Of JSON: a number of a vector has some twenty digits, a character up to three bytes. */
const bytesOf = ({ text, embed, vector }: Point): number =>
  2_000 + 20 * vector.length + 6 * (text.length + embed.length);
