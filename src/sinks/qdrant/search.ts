/** Search: Qdrant ranks, and what the ledger does not name is left out of what it brings. */
import type { QdrantClient } from '@qdrant/js-client-rest';
import { StopFlow } from '../../errors.ts';
import { askedTerms } from '../../lexical/terms.ts';
import { globMatcher, neededBy } from '../../paths/glob.ts';
import type { Hit, Query } from '../../ports.ts';
import { parseDocument } from '../../records.ts';
import { DENSE, SPARSE } from './collections.ts';
import { oneOf } from './guards.ts';
import type { Ledger } from './ledger.ts';
import { anyWith, DOCUMENT_FIELDS, keyIn } from './payload.ts';
import type { Points } from './points.ts';
import type { Condition, Filter, Server } from './server.ts';

/** Asked for beyond the limit, so that a few that are left out cost no second question. */
const SPARE = 20;
const GROWTH = 4;

export interface SearchOptions {
  readonly server: Server;
  readonly collection: string;
  readonly ledger: Ledger['ledger'];
  readonly read: Points['read'];
  /** Looks at every vector instead of asking the index. */
  readonly exact: boolean;
}

interface Candidate {
  readonly id: string;
  readonly document: string;
  readonly score: number;
}

export const qdrantSearch =
  ({ server, collection, ledger, read, exact }: SearchOptions) =>
  async (query: Query): Promise<readonly Hit[]> => {
    const { limit, projects, languages, path } = query;
    if (!Number.isInteger(limit) || limit < 1) throw new RangeError(`Qdrant: search with the limit ${limit}`);
    if (projects?.length === 0 || languages?.length === 0) return [];
    const ask = rankedBy(query, exact);
    if (!ask) return [];
    const matches = path === undefined ? undefined : globMatcher(path);
    const isMatching = ({ document }: Candidate) => !matches || matches(parseDocument(document).path);
    const named = namedIn(ledger);

    for (let size = limit + SPARE; ; size *= GROWTH) {
      const { points } = await server.ask('search', (client) => client.query(collection, ask(size)));
      const candidates = points.map(({ id, score, payload }) => ({ id: String(id), document: keyIn(payload), score }));
      const kept = await firstOf(candidates.filter(isMatching), limit, named);
      if (kept.length < limit && points.length === size) continue;
      const found = kept.length > 0 ? await read(kept.map(({ id }) => id)) : new Map();
      return kept.flatMap(({ id, score }) => {
        const point = found.get(id);
        return point ? [{ score, point }] : [];
      });
    }
  };

type Ranked = NonNullable<Parameters<QdrantClient['query']>[1]>;

/** The question for so many candidates; `undefined` when it has nothing that could be found. */
const rankedBy = (query: Query, exact: boolean): ((size: number) => Ranked) | undefined => {
  const { mode, vector } = query;
  if (mode === 'dense' && !vector) throw new StopFlow(`Qdrant: ${mode} search with no vector`);
  const filter = filterOf(query);
  const shown = { with_payload: DOCUMENT_FIELDS };
  if (mode === 'dense') {
    const dense = { query: Array.from(vector ?? []), using: DENSE, filter, params: { exact } };
    return (size) => ({ ...dense, limit: size, ...shown });
  }
  const { ids, weights } = askedTerms(query);
  const lexical = { query: { indices: Array.from(ids), values: Array.from(weights) }, using: SPARSE, filter };
  return ids.length > 0 ? (size) => ({ ...lexical, limit: size, ...shown }) : undefined;
};

const filterOf = ({ projects, ref, languages, path }: Query): Filter => {
  const needed = path === undefined ? { names: [] } : neededBy(path);
  const must: Condition[] = [
    ...(projects ? [ofProjects(projects)] : []),
    ...(ref === undefined ? [] : [oneOf('ref', [ref])]),
    ...(languages ? [oneOf('language', languages)] : []),
    ...(needed.path === undefined ? [] : [oneOf('paths', [needed.path])]),
    ...[...needed.names, ...(needed.ending === undefined ? [] : [anyWith(needed.ending)])].map((name) =>
      oneOf('names', [name]),
    ),
  ];
  return { must };
};

/** An id stands for another project on another instance. */
const ofProjects = (keys: readonly string[]): Condition => {
  const byInstance = new Map<string, string[]>();
  for (const { instance, project } of keys.map(parseDocument))
    byInstance.set(instance, [...(byInstance.get(instance) ?? []), project]);
  return {
    should: [...byInstance].map(([instance, ids]) => ({
      must: [oneOf('instance', [instance]), oneOf('project', ids)],
    })),
  };
};

type Named = (candidates: readonly Candidate[]) => Promise<readonly Candidate[]>;

/**
 * Those whose id their document's ledger entry names. Others are what a writer in mid-apply has not announced yet, or
 * what a late one left behind; they must neither be shown nor take the place of what can be.
 */
const namedIn = (ledger: Ledger['ledger']): Named => {
  const chunks = new Map<string, ReadonlySet<string>>();
  return async (candidates) => {
    const unknown = new Set(candidates.map(({ document }) => document).filter((document) => !chunks.has(document)));
    const entries = await ledger([...unknown]);
    for (const document of unknown) chunks.set(document, new Set(entries.get(document)?.chunks));
    return candidates.filter(({ id, document }) => chunks.get(document)?.has(id));
  };
};

const firstOf = async (candidates: readonly Candidate[], limit: number, named: Named): Promise<Candidate[]> => {
  const kept: Candidate[] = [];
  for (let at = 0; kept.length < limit && at < candidates.length; at += limit)
    kept.push(...(await named(candidates.slice(at, at + limit))));
  return kept.slice(0, limit);
};
