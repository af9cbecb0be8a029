/** The calls of the `Generation` port about points and vectors, as they run in the writer's thread. */
import { StopFlow } from '../../errors.ts';
import { documentTerms, type Terms } from '../../lexical/terms.ts';
import type { Page, Placement, Point, StoredPoint } from '../../ports.ts';
import { parseDocument } from '../../records.ts';
import { DAY } from '../../units.ts';
import { type Blob, bytesOf, type Database, fromText, jsonOf, textOf, toBytes, toText } from './database.ts';
import { findGeneration, type GenerationTables } from './generations.ts';
import { documentNumber, releaseDocument } from './ledger.ts';
import { manyTexts } from './rows.ts';
import { sumOf } from './sums.ts';

const PAGE_ROWS = 5_000;
/** Bounds the memory that one statement takes. */
const INSERT_ROWS = 500;
/** Bounds how long a sweep of unused vectors holds up other calls. */
const SWEEP_ROWS = 1_000;
/** A search index that is further behind is built again. */
const REMOVALS_KEPT = 100_000;

export const floatsOf = (blob: Blob): Float32Array => new Float32Array(toBytes(blob));
const blobOf = (floats: Float32Array): Buffer => Buffer.from(floats.buffer, floats.byteOffset, floats.byteLength);

const blobOfTerms = ({ ids, weights }: Terms): Buffer =>
  Buffer.concat([
    Buffer.from(ids.buffer, ids.byteOffset, ids.byteLength),
    Buffer.from(weights.buffer, weights.byteOffset, weights.byteLength),
  ]);
export const termsOfBlob = (blob: Blob): Terms => {
  const bytes = toBytes(blob);
  const half = bytes.byteLength / 2;
  return { ids: new Uint32Array(bytes, 0, half / 4), weights: new Float32Array(bytes, half) };
};

/** What is embedded mostly ends with the text, which then is kept once. */
type Content =
  | { readonly text: string; readonly heading: readonly string[]; readonly lead: string }
  | { readonly text: string; readonly heading: readonly string[]; readonly embed: string };

const contentOf = ({ text, heading, embed }: Point): string =>
  JSON.stringify(
    (embed.endsWith(text)
      ? { text, heading, lead: embed.slice(0, embed.length - text.length) }
      : { text, heading, embed }) satisfies Content,
  );

export const HIT_COLUMNS = [
  ...[bytesOf('l.key'), bytesOf('p.id'), 'p.seq, p.start_line, p.end_line', bytesOf('p.commit_id')],
  ...[bytesOf('p.language'), bytesOf('v.hash'), bytesOf('c.content')],
].join();
export type HitColumns = readonly [
  key: Blob,
  id: Blob,
  seq: number,
  startLine: number,
  endLine: number,
  commit: Blob,
  language: Blob,
  hash: Blob,
  content: Blob,
];
export const pointOf = (row: HitColumns): StoredPoint => {
  const [key, id, seq, startLine, endLine, commit, language, hash, content] = row;
  const { text, heading, ...rest } = jsonOf<Content>(textOf(content));
  return {
    ...{ document: fromText(key), id: fromText(id), seq, startLine, endLine, commit: fromText(commit) },
    ...{ language: fromText(language), hash: fromText(hash), text, heading },
    embed: 'embed' in rest ? rest.embed : rest.lead + text,
  };
};

export const pointReads = (database: Database) => ({
  vectors(name: string, hashes: readonly string[]): [hash: string, vector: Float32Array][] {
    const { number: g } = findGeneration(database, name);
    return database
      .all<[Blob, Blob]>(
        `SELECT ${bytesOf('hash')}, floats FROM vectors_${g} WHERE hash IN (SELECT value FROM json_each(?))`,
        [manyTexts(hashes)],
      )
      .map(([hash, floats]) => [fromText(hash), floatsOf(floats)]);
  },
  present(name: string, document: string, ids: readonly string[]): string[] {
    const { number: g } = findGeneration(database, name);
    const number = documentNumber(database, g, document);
    if (number === undefined) return [];
    const [found = null] =
      database.get<[Blob]>(
        `SELECT ${bytesOf('json_group_array(json(id))')} FROM points_${g}
         WHERE document = ? AND id IN (SELECT value FROM json_each(?))`,
        [number, manyTexts(ids)],
      ) ?? [];
    return jsonOf(textOf(found));
  },
  pointPage(name: string, cursor: string | undefined): Page<{ document: string; id: string; seq: number }> {
    const { number: g } = findGeneration(database, name);
    const rows = database.all<[point: number, key: Blob, id: Blob, seq: number]>(
      `SELECT p.point, ${bytesOf('l.key')}, ${bytesOf('p.id')}, p.seq FROM points_${g} p JOIN ledger_${g} l USING (document)
       WHERE p.point > ? ORDER BY p.point LIMIT ${PAGE_ROWS}`,
      [Number(cursor ?? 0)],
    );
    const last = rows.at(-1);
    return {
      rows: rows.map(([, key, id, seq]) => ({ document: fromText(key), id: fromText(id), seq })),
      ...(last && rows.length === PAGE_ROWS ? { next: String(last[0]) } : {}),
    };
  },
  pointsOf(name: string, document: string): StoredPoint[] {
    const { number: g } = findGeneration(database, name);
    const number = documentNumber(database, g, document);
    if (number === undefined) return [];
    return database
      .all<HitColumns>(
        `SELECT ${HIT_COLUMNS} FROM points_${g} p JOIN ledger_${g} l USING (document)
         JOIN vectors_${g} v USING (vector) JOIN contents_${g} c USING (point) WHERE p.document = ?`,
        [number],
      )
      .map(pointOf);
  },
  counts(name: string): { documents: number; points: number } {
    const { number: g } = findGeneration(database, name);
    const [documents = 0, points = 0] =
      database.get<[number, number]>(
        `SELECT (SELECT count(*) FROM ledger_${g} WHERE status <> 'gone'), (SELECT count(*) FROM points_${g})`,
        [],
      ) ?? [];
    return { documents, points };
  },
});

/** What a raise changes of a point, with its sum. */
const placementColumns = ({ id, startLine, endLine, commit }: Placement, seq: number) => {
  const columns = [toText(id), seq, startLine, endLine, toText(commit)] as const;
  return [...columns, sumOf(...columns)];
};

/** A document's row, and those of its points. */
interface Standing {
  readonly number: number;
  readonly points: ReadonlyMap<string, { readonly point: number; readonly seq: number; readonly vector: number }>;
}

/**
 * The blobs of many rows as one, of which each row takes its part: a call of the driver costs more than a row. Behind a
 * byte that nobody takes, since the driver makes null of what is empty.
 */
const inOne = (blobs: readonly Buffer[]) => {
  let at = 2;
  const places = blobs.map(({ length }) => {
    const place = [at, length];
    at += length;
    return place;
  });
  return { blob: Buffer.concat([Buffer.of(0), ...blobs]), places };
};

export const pointWrites = (database: Database, now: () => number) => {
  /** The numbers of the vectors by hash; each has one use more for each point. */
  const useVectors = (g: number, points: readonly Point[]): ReadonlyMap<string, number> => {
    const { blob, places } = inOne(points.map(({ vector }) => blobOf(vector)));
    const rows = points.map(({ hash, vector }, at) => [toText(hash), ...(places[at] ?? []), sumOf(blobOf(vector))]);
    const used = database.all<[hash: Blob, vector: number]>(
      `INSERT INTO vectors_${g} (hash, uses, floats, sum)
       SELECT r.value ->> 0, 1, substr(?, r.value ->> 1, r.value ->> 2), r.value ->> 3 FROM json_each(?) r WHERE true
       ON CONFLICT (hash) DO UPDATE SET uses = uses + 1, unused_at = NULL RETURNING ${bytesOf('hash')}, vector`,
      [blob, JSON.stringify(rows)],
    );
    return new Map(used.map(([hash, vector]) => [fromText(hash), vector]));
  };

  const removePoint = (g: number, point: number, vector: number) => {
    database.run(`DELETE FROM points_${g} WHERE point = ?`, [point]);
    database.run(`DELETE FROM contents_${g} WHERE point = ?`, [point]);
    database.run(`INSERT INTO removed_${g} (point) VALUES (?)`, [point]);
    database.run(`UPDATE vectors_${g} SET uses = uses - 1, unused_at = CASE uses WHEN 1 THEN ? END WHERE vector = ?`, [
      now(),
      vector,
    ]);
  };

  const insertPoints = (g: number, document: number, points: readonly Point[]) => {
    const vectors = useVectors(g, points);
    const rows = points.map((point) => [
      ...placementColumns(point, point.seq),
      toText(point.language),
      vectors.get(point.hash),
    ]);
    const inserted = database.all<[id: Blob, point: number]>(
      `INSERT INTO points_${g} (document, id, seq, start_line, end_line, commit_id, sum, language, vector)
       SELECT ?, r.value ->> 0, r.value ->> 1, r.value ->> 2, r.value ->> 3, r.value ->> 4, r.value ->> 5, r.value ->> 6,
       r.value ->> 7 FROM json_each(?) r RETURNING ${bytesOf('id')}, point`,
      [document, JSON.stringify(rows)],
    );
    const numbers = new Map(inserted.map(([id, point]) => [fromText(id), point]));
    const terms = points.map((point) => blobOfTerms(documentTerms(point.embed, parseDocument(point.document).path)));
    const { blob, places } = inOne(terms);
    const contents = points.map((point, at) => {
      const content = contentOf(point);
      const sum = sumOf(terms[at] ?? '', content, toText(point.language), toText(point.hash));
      return [numbers.get(point.id), content, ...(places[at] ?? []), sum];
    });
    database.run(
      `INSERT INTO contents_${g} (point, terms, content, sum)
       SELECT r.value ->> 0, substr(?, r.value ->> 2, r.value ->> 3), r.value ->> 1, r.value ->> 4 FROM json_each(?) r`,
      [blob, JSON.stringify(contents)],
    );
  };

  const standing = (g: number, key: string): Standing => {
    const known = documentNumber(database, g, key);
    if (known === undefined) return { number: addDocument(g, key), points: new Map() };
    const rows = database.all<[id: Blob, point: number, seq: number, vector: number]>(
      `SELECT ${bytesOf('id')}, point, seq, vector FROM points_${g} WHERE document = ?`,
      [known],
    );
    const points = rows.map(([id, point, seq, vector]) => [fromText(id), { point, seq, vector }] as const);
    return { number: known, points: new Map(points) };
  };

  const addDocument = (g: number, document: string): number => {
    const [number = 0] =
      database.get<[number]>(`INSERT INTO ledger_${g} (key) VALUES (?) RETURNING document`, [toText(document)]) ?? [];
    return number;
  };

  return {
    raise(name: string, document: string, seq: number, placements: readonly Placement[]): void {
      const { number: g } = findGeneration(database, name);
      const number = documentNumber(database, g, document);
      if (number === undefined) return;
      const rows = placements.map((placement) => placementColumns(placement, seq));
      database.run(
        `UPDATE points_${g} SET seq = r.value ->> 1, start_line = r.value ->> 2, end_line = r.value ->> 3,
         commit_id = r.value ->> 4, sum = r.value ->> 5
         FROM json_each(?) r WHERE document = ? AND points_${g}.id = r.value ->> 0 AND seq < ?`,
        [JSON.stringify(rows), number, seq],
      );
    },
    upsert(name: string, points: readonly Point[]): void {
      const generation = findGeneration(database, name);
      const { number: g } = generation;
      checkDimensions(name, generation, points);
      for (const [document, mine] of newestOf(points)) {
        const { number, points: there } = standing(g, document);
        const fresh = mine.filter(({ id, seq }) => (there.get(id)?.seq ?? -1) < seq);
        for (const { id } of fresh) {
          const before = there.get(id);
          if (before) removePoint(g, before.point, before.vector);
        }
        for (let from = 0; from < fresh.length; from += INSERT_ROWS)
          insertPoints(g, number, fresh.slice(from, from + INSERT_ROWS));
      }
    },
    prune(name: string, document: string, seq: number, keep: readonly string[]): void {
      const { number: g } = findGeneration(database, name);
      const number = documentNumber(database, g, document);
      if (number === undefined) return;
      // Compared inside SQLite, as mostly nothing is to go and then nothing crosses over.
      const points = database.all<[point: number, vector: number]>(
        `SELECT point, vector FROM points_${g} WHERE document = ? AND seq <= ? AND instr(?, id) = 0`,
        [number, seq, JSON.stringify(keep)],
      );
      for (const [point, vector] of points) removePoint(g, point, vector);
      if (points.length > 0) releaseDocument(database, g, number);
    },
    /** Removes what nobody needs any more; whether more is left than one call removes. */
    sweep(): boolean {
      const generations = database.all<[number]>('SELECT number FROM generations', []);
      return generations
        .map(([g]) => {
          const [last = 0] = database.get<[number | null]>(`SELECT max(step) FROM removed_${g}`, []) ?? [];
          database.run(`DELETE FROM removed_${g} WHERE step <= ?`, [(last ?? 0) - REMOVALS_KEPT]);
          const swept = database.run(
            `DELETE FROM vectors_${g} WHERE vector IN
             (SELECT vector FROM vectors_${g} WHERE uses = 0 AND unused_at < ? LIMIT ${SWEEP_ROWS})`,
            [now() - DAY],
          );
          return swept === SWEEP_ROWS;
        })
        .includes(true);
    },
  };
};

/** By document, each point once. */
const newestOf = (points: readonly Point[]): [document: string, points: Point[]][] => {
  const documents = new Map<string, Map<string, Point>>();
  for (const point of points) {
    const mine = documents.get(point.document) ?? new Map<string, Point>();
    documents.set(point.document, mine);
    if ((mine.get(point.id)?.seq ?? -1) < point.seq) mine.set(point.id, point);
  }
  return [...documents].map(([document, mine]) => [document, [...mine.values()]]);
};

const checkDimensions = (name: string, { dimensions }: GenerationTables, points: readonly Point[]) => {
  for (const { id, vector } of points) {
    if (vector.length === dimensions) continue;
    throw new StopFlow(
      `embedded store: upsert point ${id} with ${vector.length} dimensions into generation ${JSON.stringify(name)}, ` +
        `which has ${dimensions}`,
    );
  }
};
