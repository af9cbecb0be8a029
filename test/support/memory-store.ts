import { StopFlow } from '../../src/errors.ts';
import { inverseFrequency } from '../../src/lexical/bm25.ts';
import { askedTerms, documentTerms } from '../../src/lexical/terms.ts';
import { globMatcher } from '../../src/paths/glob.ts';
import type { Generation, Hit, Page, Point, Query, VectorStore } from '../../src/ports.ts';
import { type LedgerEntry, parseDocument, projectKey } from '../../src/records.ts';

export interface Contents {
  readonly dimensions: number;
  readonly ledger: Map<string, LedgerEntry>;
  readonly points: Map<string, Point>;
  readonly vectors: Map<string, Float32Array>;
}

const page = <T>(all: ReadonlyMap<string, T>, cursor: string | undefined, size: number): Page<T> => {
  const keys = [...all.keys()].filter((key) => cursor === undefined || key > cursor).sort();
  const rows = keys.slice(0, size).map((key) => all.get(key) as T);
  const last = keys[size - 1];
  return keys.length > size && last !== undefined ? { rows, next: last } : { rows };
};

const matches = ({ projects, ref, path, languages }: Query, point: Point) => {
  const id = parseDocument(point.document);
  if (projects && !projects.includes(projectKey(id))) return false;
  if (ref !== undefined && id.ref !== ref) return false;
  if (languages && !languages.includes(point.language)) return false;
  return path === undefined || globMatcher(path)(id.path);
};

const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0);

interface Scored {
  readonly point: Point;
  readonly score: number;
}

const bestFirst = (scored: readonly Scored[]) => scored.toSorted((a, b) => b.score - a.score);

const byMeaning = (points: readonly Point[], vector: Float32Array): Scored[] => {
  const length = Math.hypot(...vector) || 1;
  return bestFirst(points.map((point) => ({ point, score: dot(vector, point.vector) / length })));
};

const byWords = (points: readonly Point[], query: Query): Scored[] => {
  const asked = askedTerms(query);
  const weights = points.map(({ embed, document }) => {
    const terms = documentTerms(embed, parseDocument(document).path);
    return new Map([...terms.ids].map((id, at) => [id, terms.weights[at] ?? 0]));
  });
  const rarity = new Map(
    [...asked.ids].map((id, at) => {
      const holding = weights.filter((of) => of.has(id)).length;
      return [id, (asked.weights[at] ?? 0) * inverseFrequency(points.length, holding)];
    }),
  );
  const scored = points.map((point, at) => {
    const of = weights[at];
    return { point, score: [...rarity].reduce((sum, [id, rare]) => sum + rare * (of?.get(id) ?? 0), 0) };
  });
  return bestFirst(scored.filter(({ score }) => score > 0));
};

/** `inspect` shows what a generation holds, to whoever checks from outside. */
export const memoryStore = ({
  pageSize = 100,
  changed = (_name: string, _document: string) => {},
} = {}): VectorStore & { inspect(name: string): Contents | undefined } => {
  const generations = new Map<string, Contents>();
  let alias: string | undefined;
  const contents = (name: string) => {
    const found = generations.get(name);
    if (!found) throw new StopFlow(`generation ${name} is not there`);
    return found;
  };

  const generation = (name: string): Generation => ({
    async ledger(documents) {
      const { ledger } = contents(name);
      return new Map(
        documents.flatMap((document) => [
          ...(ledger.has(document) ? [[document, ledger.get(document) as LedgerEntry] as const] : []),
        ]),
      );
    },
    async ledgerPage(cursor) {
      return page(contents(name).ledger, cursor, pageSize);
    },
    async record(entry, over) {
      const { ledger } = contents(name);
      const standing = ledger.get(entry.document);
      const mayStand = over === 'lower' || over.read?.seq === standing?.seq;
      if (standing && standing.seq >= entry.seq) return standing;
      if (!mayStand) return standing;
      ledger.set(entry.document, entry);
      changed(name, entry.document);
      return entry;
    },
    async forget(entries) {
      const { ledger } = contents(name);
      for (const { document, seq } of entries) {
        const standing = ledger.get(document);
        if (standing?.status === 'gone' && standing.seq === seq) ledger.delete(document);
      }
    },
    async vectors(hashes) {
      const { vectors } = contents(name);
      return new Map(
        hashes.flatMap((hash) => (vectors.has(hash) ? [[hash, vectors.get(hash) as Float32Array] as const] : [])),
      );
    },
    async raise(document, seq, placements) {
      const { points } = contents(name);
      for (const { id, startLine, endLine, commit } of placements) {
        const point = points.get(id);
        if (point?.document === document && point.seq < seq)
          points.set(id, { ...point, seq, startLine, endLine, commit });
      }
    },
    async present(document, ids) {
      const { points } = contents(name);
      return new Set(ids.filter((id) => points.get(id)?.document === document));
    },
    async upsert(added) {
      const { points, vectors, dimensions } = contents(name);
      for (const point of added) {
        if (point.vector.length !== dimensions) {
          throw new StopFlow(`generation ${name} has ${dimensions} dimensions, a point ${point.vector.length}`);
        }
        const standing = points.get(point.id);
        if (!standing || standing.seq < point.seq) points.set(point.id, point);
        vectors.set(point.hash, point.vector);
      }
    },
    async prune(document, seq, keep) {
      const { points } = contents(name);
      for (const point of points.values()) {
        if (point.document === document && point.seq <= seq && !keep.includes(point.id)) points.delete(point.id);
      }
      changed(name, document);
    },
    async pointPage(cursor) {
      const { rows, ...rest } = page(contents(name).points, cursor, pageSize);
      return { ...rest, rows: rows.map(({ document, id, seq }) => ({ document, id, seq })) };
    },
    async pointsOf(document) {
      const mine = [...contents(name).points.values()].filter((point) => point.document === document);
      return mine.map(({ vector: _, ...rest }) => rest);
    },
    async counts() {
      const { ledger, points } = contents(name);
      return { documents: [...ledger.values()].filter(({ status }) => status !== 'gone').length, points: points.size };
    },
    async search(query) {
      const { ledger, points, dimensions } = contents(name);
      const { mode, vector, limit } = query;
      if (mode !== 'lexical' && vector?.length !== dimensions) {
        throw new StopFlow(`generation ${name} has ${dimensions} dimensions, the query ${vector?.length}`);
      }
      const named = [...points.values()].filter(
        (point) => ledger.get(point.document)?.chunks.includes(point.id) && matches(query, point),
      );
      const ranked = mode === 'dense' && vector ? byMeaning(named, vector) : byWords(named, query);
      return ranked.slice(0, limit).map(({ point: { vector: _, ...point }, score }): Hit => ({ score, point }));
    },
  });

  return {
    async probe() {},
    generation,
    async create(name, dimensions) {
      const there = generations.get(name);
      if (!there) generations.set(name, { dimensions, ledger: new Map(), points: new Map(), vectors: new Map() });
      else if (there.dimensions !== dimensions) {
        throw new StopFlow(`generation ${name} has ${there.dimensions} dimensions, not ${dimensions}`);
      }
    },
    async drop(name) {
      generations.delete(name);
    },
    async generations() {
      return [...generations.keys()];
    },
    async active() {
      return alias;
    },
    async activate(name) {
      contents(name);
      alias = name;
    },
    inspect: (name) => generations.get(name),
  };
};
