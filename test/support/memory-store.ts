import { StopFlow } from '../../src/errors.ts';
import type { Generation, Hit, Page, Point, Query, VectorStore } from '../../src/ports.ts';
import { type LedgerEntry, parseDocument } from '../../src/records.ts';

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

const matches = ({ projects, ref, path, language }: Query, point: Point) => {
  const id = parseDocument(point.document);
  if (projects && !projects.includes(id.project)) return false;
  if (ref !== undefined && id.ref !== ref) return false;
  if (language !== undefined && point.language !== language) return false;
  if (path === undefined) return true;
  const pattern = path
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replace(/\*\*\/?|\*|\?/g, (glob) => (glob === '?' ? '[^/]' : glob === '*' ? '[^/]*' : '.*'));
  return new RegExp(`^${pattern}$`).test(id.path);
};

const words = (text: string) => text.toLowerCase().split(/\W+/).filter(Boolean);
const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0);

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
      return page(contents(name).points, cursor, pageSize);
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
      const { ledger, points } = contents(name);
      const named = [...points.values()].filter(
        (point) => ledger.get(point.document)?.chunks.includes(point.id) && matches(query, point),
      );
      const { vector } = query;
      const asked = words(query.text);
      const dense = (point: Point) => (vector ? dot(vector, point.vector) : 0);
      const lexical = (point: Point) => {
        const there = new Set(words(point.text));
        return asked.filter((word) => there.has(word)).length;
      };
      const rank = (score: (point: Point) => number) =>
        named
          .map((point) => ({ point, score: score(point) }))
          .filter((hit) => hit.score > 0)
          .sort((a, b) => b.score - a.score);
      const arms =
        query.mode === 'hybrid' ? [rank(dense), rank(lexical)] : [rank(query.mode === 'dense' ? dense : lexical)];
      const fused = new Map<string, Hit>();
      for (const arm of arms) {
        for (const [index, { point, score }] of arm.entries()) {
          const before = fused.get(point.id)?.score ?? 0;
          fused.set(point.id, { point, score: before + (arms.length > 1 ? 1 / (60 + index + 1) : score) });
        }
      }
      return [...fused.values()].sort((a, b) => b.score - a.score).slice(0, query.limit);
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
