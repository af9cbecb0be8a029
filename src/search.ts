/** A question to the active generation, and hits with all that is joined to them: project, blob and place to look. */
import { rows } from './clock/rows.ts';
import type { FileKind } from './converters/format.ts';
import { languagesOf } from './converters/kinds.ts';
import { TryAgain } from './errors.ts';
import type { Parts } from './parts.ts';
import { isUnicode } from './paths.ts';
import type { Hit, Query } from './ports.ts';
import { armSize, fuse } from './ranking/fusion.ts';
import { type Ranked, rerank } from './ranking/rerank.ts';
import { type ProjectRow, parseDocument, projectKey } from './records.ts';
import { shownPath } from './runs/documents.ts';
import { activeGeneration } from './runs/generations.ts';
import { projectNames } from './runs/projects.ts';

export type SearchMode = Query['mode'] | 'hybrid';

type OneOrMore<T> = T | readonly T[];

export interface SearchQuery {
  readonly text: string;
  readonly mode: SearchMode;
  readonly limit: number;
  /** By path or id. */
  readonly project?: OneOrMore<string>;
  /** All projects in it and in its subgroups. */
  readonly group?: OneOrMore<string>;
  readonly ref?: string;
  readonly path?: string;
  readonly language?: OneOrMore<string>;
  readonly kind?: OneOrMore<FileKind>;
}

export interface Place {
  readonly project: string;
  readonly ref: string;
  /** With U+FFFD for bytes that are not UTF-8, which `pathBytes` then has in base64. */
  readonly path: string;
  readonly pathBytes?: string;
  readonly startLine: number;
  readonly endLine: number;
}

export interface FoundChunk extends Place {
  readonly score: number;
  readonly language: string;
  readonly heading: readonly string[];
  readonly text: string;
  readonly blob: string | null;
  readonly commit: string;
  readonly url: string | null;
  /** Where the same text stands as well: other branches, copies of the file. */
  readonly copies: readonly Place[];
}

export interface Found {
  readonly query: string;
  readonly mode: SearchMode;
  readonly generation: string;
  readonly tookMs: number;
  readonly hits: readonly FoundChunk[];
}

/** Hybrid hits are put in order for readers of code; the other two modes show what their arm says. */
export const search = async (parts: Parts, asked: SearchQuery): Promise<Found> => {
  const { text, mode } = asked;
  const beganAt = parts.time.now();
  const generation = await activeGeneration(parts);
  if (generation === undefined)
    throw new TryAgain('nothing is indexed yet: `tidemark serve` or `tidemark backfill` indexes the repository');
  const found = await candidates(parts, generation, asked);
  const ranked = mode === 'hybrid' ? await inOrder(parts, asked, found) : found.map(alone);
  const hits = await joined(parts, generation, ranked);
  return { query: text, mode, generation, tookMs: parts.time.now() - beganAt, hits };
};

/** Before they are put in order for readers: of a hybrid search all that its arms have brought. */
export const candidates = async (parts: Parts, generation: string, asked: SearchQuery): Promise<readonly Hit[]> => {
  const { text, mode, limit, ref, path } = asked;
  const projects = await projectKeys(parts, asked);
  const languages = languagesFor(asked);
  const filters = {
    ...(projects === undefined ? {} : { projects }),
    ...(ref === undefined ? {} : { ref }),
    ...(path === undefined ? {} : { path }),
    ...(languages === undefined ? {} : { languages }),
  };
  const store = parts.store.generation(generation);
  const lexical = (size: number) => store.search({ mode: 'lexical', text, limit: size, ...filters });
  const dense = async (size: number) => {
    const vector = await vectorOf(parts, generation, text);
    return store.search({ mode: 'dense', text, vector, limit: size, ...filters });
  };
  if (mode === 'dense') return dense(limit);
  if (mode === 'lexical') return lexical(limit);
  const [byMeaning, byWords] = await Promise.all([dense(armSize(limit)), lexical(armSize(limit))]);
  return fuse(text, { dense: byMeaning, lexical: byWords });
};

const alone = (hit: Hit): Ranked => ({ ...hit, copies: [] });

/** What a reranker reads: that costs by the passage, and what the rules put further down is seldom the best. */
const READ = 30;

const inOrder = async (
  { reranker }: Parts,
  { text, limit }: SearchQuery,
  found: readonly Hit[],
): Promise<readonly Ranked[]> => {
  if (!reranker) return rerank(text, found, limit);
  const { port, dependency } = reranker;
  const ranked = rerank(text, found, Math.max(limit, READ));
  const passages = ranked.map(({ point }) => point.embed);
  const scores = await dependency.attempt(() => port.score(text, passages));
  return ranked
    .map((hit, at) => ({ ...hit, score: scores[at] ?? Number.NEGATIVE_INFINITY }))
    .toSorted((a, b) => b.score - a.score)
    .slice(0, limit);
};

const joined = async (
  { state, store }: Parts,
  generation: string,
  ranked: readonly Ranked[],
): Promise<readonly FoundChunk[]> => {
  const all = ranked.flatMap((hit) => [hit, ...hit.copies]).map(({ point }) => point.document);
  const keys = [...new Set(all.map((document) => projectKey(parseDocument(document))))];
  const documents = [...new Set(ranked.map(({ point }) => point.document))];
  const [ledger, projects] = await Promise.all([
    store.generation(generation).ledger(documents),
    state.read('projects', keys),
  ]);
  const rowOf = ({ point }: Hit) => projects.get(projectKey(parseDocument(point.document)))?.value;
  // Read after the search, so that what was hidden in between is not shown.
  const isShown = (hit: Hit) => rowOf(hit)?.hidden === undefined;
  return ranked.filter(isShown).map((hit) => {
    const copies = hit.copies.filter(isShown).map((copy) => placeOf(copy, rowOf(copy)));
    return { ...hitOf(hit, ledger.get(hit.point.document)?.indexedBlob ?? null, rowOf(hit)), copies };
  });
};

const listOf = <T>(given: OneOrMore<T> | undefined): readonly T[] | undefined =>
  given === undefined || Array.isArray(given) ? (given as readonly T[] | undefined) : [given as T];

const languagesFor = ({ language, kind }: SearchQuery): readonly string[] | undefined => {
  const [languages, kinds] = [listOf(language), listOf(kind)];
  const ofKinds = kinds && languagesOf(kinds);
  return languages && ofKinds ? languages.filter((one) => ofKinds.includes(one)) : (languages ?? ofKinds);
};

const vectorOf = async (parts: Parts, generation: string, text: string): Promise<Float32Array> => {
  const { embedder, dependency } = await parts.shape(generation);
  const [vector = new Float32Array(embedder.dimensions)] = await dependency.attempt(() =>
    embedder.embed([text], 'query'),
  );
  return vector;
};

/**
 * Keys of the projects that are called so and in such groups, without those that are hidden, as the limit on hits is to be
 * the others'; `undefined` when that leaves out none. A name that nobody has heard of matches nothing.
 */
const projectKeys = async ({ state }: Parts, asked: SearchQuery): Promise<readonly string[] | undefined> => {
  const [names, groups] = [listOf(asked.project), listOf(asked.group)];
  const keys: string[] = [];
  let all = true;
  for await (const { key, value } of rows(state, 'projects', 'projects')) {
    const called = projectNames(parseDocument(key), value.path);
    const wanted =
      value.hidden === undefined &&
      (!names || names.some((name) => called.includes(name))) &&
      (!groups || groups.some((group) => value.groups.some((one) => one === group || one.startsWith(`${group}/`))));
    if (wanted) keys.push(key);
    else all = false;
  }
  return all && !names && !groups ? undefined : keys;
};

const placeOf = ({ point }: Hit, row: ProjectRow | undefined): Place => {
  const { project, ref, path } = parseDocument(point.document);
  const { startLine, endLine } = point;
  return { project: row?.path || project, ref, ...shownPath(path), startLine, endLine };
};

const hitOf = (hit: Hit, blob: string | null, row: ProjectRow | undefined): Omit<FoundChunk, 'copies'> => {
  const { heading, text, commit, language, document } = hit.point;
  const place = placeOf(hit, row);
  const { path } = parseDocument(document);
  return { score: hit.score, ...place, language, heading, text, blob, commit, url: urlOf(row, { ...place, path }) };
};

/** To exactly these lines in GitLab; a plain repository has no pages. */
const urlOf = (
  row: ProjectRow | undefined,
  { ref, path, startLine, endLine }: Pick<Place, 'ref' | 'path' | 'startLine' | 'endLine'>,
): string | null => {
  if (!row?.url || !isUnicode(ref + path)) return null;
  const place = [...ref.split('/'), ...path.split('/')].map(encodeURIComponent).join('/');
  return `${row.url}/-/blob/${place}#L${startLine}-${endLine}`;
};
