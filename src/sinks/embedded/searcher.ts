/**
 * Search over an embedded store, in its own thread with its own connection, so that neither the writer nor the main
 * thread waits for it. The index of a generation is read at its first search; later ones read what has come and gone.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { StopFlow } from '../../errors.ts';
import { askedTerms } from '../../lexical/terms.ts';
import { globMatcher } from '../../paths/glob.ts';
import type { Hit, Query } from '../../ports.ts';
import { type DocumentId, parseDocument, projectKey } from '../../records.ts';
import { MINUTE } from '../../units.ts';
import { type Blob, bytesOf, type Database, fromText, reaction } from './database.ts';
import { findGeneration, type GenerationTables } from './generations.ts';
import { type Answer, type Calls, type FromWorker, toFailure } from './messages.ts';
import { floatsOf, HIT_COLUMNS, type HitColumns, pointOf, termsOfBlob } from './points.ts';
import { type FileOptions, openForReading } from './schema.ts';
import { type Allowed, type Candidate, type SearchIndex, searchIndex } from './search-index.ts';

/** What the main thread may ask for. */
export interface SearcherCalls extends Record<string, (...args: never[]) => unknown> {
  search(generation: string, query: Query): readonly Hit[];
}

interface Following {
  readonly index: SearchIndex;
  /** By number, so that a filter asks no question of the database. */
  readonly documents: Map<number, DocumentId>;
  /** The last point and the last removal that the index has. */
  point: number;
  step: number;
}

const READ_ROWS = 2_000;
/** While somebody searches, the index follows the writer by itself, so that no search has to catch up with much. */
const FOLLOW_MS = 200;
const FOLLOW_FOR_MS = MINUTE;

const searcher = (database: Database) => {
  const indexes = new Map<number, Following>();

  /** In one read transaction, so that index, points and ledger are of the same moment. */
  const atOneMoment = <T>(action: () => T): T => {
    database.exec('BEGIN');
    try {
      return action();
    } finally {
      if (database.inTransaction()) database.exec('ROLLBACK');
    }
  };

  const followed = ({ number, dimensions }: GenerationTables): Following => {
    let following = indexes.get(number);
    if (following && !caughtUp(database, number, following)) following = undefined;
    if (!following) {
      following = { index: searchIndex(dimensions), documents: new Map(), point: 0, step: 0 };
      following.step = lastStep(database, number);
      addNewPoints(database, number, following);
    }
    indexes.set(number, following);
    return following;
  };

  return {
    search(name: string, query: Query): readonly Hit[] {
      return atOneMoment(() => {
        const generation = findGeneration(database, name);
        check(query, name, generation);
        return found(database, generation.number, followed(generation), query);
      });
    },
    /** Follows the writer, and gives back the memory of generations that were dropped. */
    follow() {
      atOneMoment(() => {
        const there = new Map(
          database
            .all<[number, number]>('SELECT number, dimensions FROM generations', [])
            .map(([number, dimensions]) => [number, dimensions]),
        );
        for (const number of indexes.keys()) {
          const dimensions = there.get(number);
          if (dimensions === undefined) indexes.delete(number);
          else followed({ number, dimensions });
        }
      });
    },
  };
};

const check = ({ mode, vector, limit }: Query, name: string, { dimensions }: GenerationTables) => {
  if (!Number.isInteger(limit) || limit < 1) throw new RangeError(`embedded store: search with the limit ${limit}`);
  if (mode === 'lexical') return;
  if (vector?.length === dimensions) return;
  throw new StopFlow(
    `embedded store: ${mode} search with ${vector ? `${vector.length} dimensions` : 'no vector'} in generation ` +
      `${JSON.stringify(name)}, which has ${dimensions}`,
  );
};

const lastStep = (database: Database, g: number): number =>
  database.get<[number | null]>(`SELECT max(step) FROM removed_${g}`, [])?.[0] ?? 0;

/** False when removals that the index has not seen were cut off. */
const caughtUp = (database: Database, g: number, following: Following): boolean => {
  const [first] = database.get<[number | null]>(`SELECT min(step) FROM removed_${g}`, []) ?? [];
  if (typeof first === 'number' && first > following.step + 1) return false;
  const removed = database.all<[step: number, point: number]>(
    `SELECT step, point FROM removed_${g} WHERE step > ? ORDER BY step`,
    [following.step],
  );
  for (const [step, point] of removed) {
    following.index.remove(point);
    following.step = step;
  }
  // Documents without points are not told from others here; what they leave behind is bounded instead.
  if (following.documents.size > 2 * following.index.points() + 10_000) return false;
  addNewPoints(database, g, following);
  return true;
};

const addNewPoints = (database: Database, g: number, following: Following) => {
  for (;;) {
    const rows = database.all<[number, number, Blob, Blob, Blob, Blob]>(
      `SELECT p.point, p.document, ${bytesOf('l.key')}, ${bytesOf('p.language')}, v.floats, c.terms
       FROM points_${g} p JOIN ledger_${g} l USING (document) JOIN vectors_${g} v USING (vector)
       JOIN contents_${g} c USING (point)
       WHERE p.point > ? ORDER BY p.point LIMIT ${READ_ROWS}`,
      [following.point],
    );
    for (const [row, document, key, language, floats, terms] of rows) {
      if (!following.documents.has(document)) following.documents.set(document, parseDocument(fromText(key)));
      following.index.add({
        ...{ row, document, language: fromText(language) },
        ...{ vector: floatsOf(floats), terms: termsOfBlob(terms) },
      });
      following.point = row;
    }
    if (rows.length < READ_ROWS) return;
    // An index of millions of points takes longer to read than any search may take.
    post({ getting: 'on' });
  }
};

/** Asked for beyond the limit, so that a few that are left out cost no second look. */
const SPARE = 20;

/**
 * The best whose id their document's ledger entry names. Others are what a writer in mid-apply has not announced yet, or
 * what a late one left behind; they must neither be shown nor take the place of what can be.
 */
const found = (database: Database, g: number, following: Following, query: Query): readonly Hit[] => {
  const { index, documents } = following;
  const { mode, vector, limit } = query;
  const allowed = allowedBy(documents, query);
  const arm =
    mode === 'dense' && vector
      ? (size: number) => index.dense(vector, size, allowed)
      : (size: number) => index.lexical(askedTerms(query), size, allowed);
  for (let size = limit + SPARE; ; size *= 2) {
    const candidates = arm(size);
    const hits: Hit[] = [];
    for (let from = 0; hits.length < limit && from < candidates.length; from += limit)
      hits.push(...named(database, g, candidates.slice(from, from + limit)));
    if (hits.length >= limit || candidates.length < size) return hits.slice(0, limit);
  }
};

const named = (database: Database, g: number, candidates: readonly Candidate[]): readonly Hit[] => {
  const rows = database.all<[point: number, ...HitColumns]>(
    `SELECT p.point, ${HIT_COLUMNS} FROM json_each(?) asked CROSS JOIN points_${g} p ON p.point = asked.value
     JOIN ledger_${g} l USING (document) JOIN vectors_${g} v USING (vector) JOIN contents_${g} c USING (point)
     WHERE instr(l.chunks, p.id) > 0`,
    [JSON.stringify(candidates.map(({ row }) => row))],
  );
  const points = new Map(rows.map(([row, ...columns]) => [row, pointOf(columns)]));
  return candidates.flatMap(({ row, score }) => {
    const point = points.get(row);
    return point ? [{ score, point }] : [];
  });
};

const allowedBy = (documents: ReadonlyMap<number, DocumentId>, query: Query): Allowed => {
  const { ref, path, languages } = query;
  if (!query.projects && ref === undefined && path === undefined) return { document: undefined, languages };
  const projects = query.projects && new Set(query.projects);
  const matches = path === undefined ? undefined : globMatcher(path);
  const answers = new Map<number, boolean>();
  const ask = (document: number): boolean => {
    const parts = documents.get(document);
    if (!parts || (projects && !projects.has(projectKey(parts)))) return false;
    return (ref === undefined || parts.ref === ref) && (!matches || matches(parts.path));
  };
  return {
    document(document) {
      const known = answers.get(document);
      if (known !== undefined) return known;
      const answer = ask(document);
      answers.set(document, answer);
      return answer;
    },
    languages,
  };
};

const post = (message: FromWorker) => parentPort?.postMessage(message);

const start = () => {
  const database = openForReading(workerData as FileOptions);
  const { search, follow } = searcher(database);
  let searchedAt = 0;
  let timer: NodeJS.Timeout | undefined;

  const answer = (id: number, [name, query]: readonly unknown[]): Answer => {
    try {
      return { id, value: search(name as string, query as Query) };
    } catch (error) {
      return { id, failure: toFailure(reaction('search', error)) };
    }
  };
  const keepFollowing = () => {
    timer ??= setInterval(() => {
      if (performance.now() - searchedAt > FOLLOW_FOR_MS) {
        clearInterval(timer);
        timer = undefined;
        return;
      }
      try {
        follow();
      } catch {
        // The next search catches up by itself, and throws what still stands in the way.
        clearInterval(timer);
        timer = undefined;
      }
    }, FOLLOW_MS);
  };

  parentPort?.on('message', (message: Calls | 'close') => {
    if (message === 'close') {
      clearInterval(timer);
      database.close();
      parentPort?.close();
      return;
    }
    post({ answers: message.calls.map(({ id, args }) => answer(id, args)) });
    searchedAt = performance.now();
    keepFollowing();
  });
};

try {
  start();
  post({ started: undefined });
} catch (error) {
  post({ started: toFailure(error) });
}
