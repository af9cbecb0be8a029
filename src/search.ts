/** A question to the active generation, and hits with all that is joined to them: project, blob and place to look. */
import { rows } from './clock/rows.ts';
import { TryAgain } from './errors.ts';
import type { Parts } from './parts.ts';
import { isUnicode } from './paths.ts';
import type { Hit, Query } from './ports.ts';
import { isClosed, type ProjectRow, parseDocument, projectKey } from './records.ts';
import { shownPath } from './runs/documents.ts';
import { activeGeneration } from './runs/generations.ts';
import { projectNames } from './runs/projects.ts';

/** Searches after which what is left of the hits is the answer: each leaves out the projects that the one before met. */
const DENYING_ROUNDS = 5;

export interface SearchQuery {
  readonly text: string;
  readonly mode: Query['mode'];
  readonly limit: number;
  /** By path or id. */
  readonly project?: string;
  readonly ref?: string;
  readonly path?: string;
  readonly language?: string;
  /** Only of projects whose code this user may read. */
  readonly as?: Reader;
}

/** Somebody on whose behalf a trusted caller searches. */
export interface Reader {
  mayRead(project: { readonly instance: string; readonly project: string }, visibility: string): Promise<boolean>;
}

export interface FoundChunk {
  readonly score: number;
  readonly project: string;
  readonly ref: string;
  /** With U+FFFD for bytes that are not UTF-8, which `pathBytes` then has in base64. */
  readonly path: string;
  readonly pathBytes?: string;
  readonly startLine: number;
  readonly endLine: number;
  readonly heading: readonly string[];
  readonly text: string;
  readonly blob: string | null;
  readonly commit: string;
  readonly url: string | null;
}

export interface Found {
  readonly query: string;
  readonly mode: Query['mode'];
  readonly generation: string;
  readonly tookMs: number;
  readonly hits: readonly FoundChunk[];
}

export const search = async (parts: Parts, asked: SearchQuery): Promise<Found> => {
  const { store, time } = parts;
  const { text, mode, limit, project, ref, path, language, as } = asked;
  const beganAt = time.now();
  const name = await activeGeneration(parts);
  if (name === undefined)
    throw new TryAgain('nothing is indexed yet: `tidemark serve` or `tidemark backfill` indexes the repository');
  const generation = store.generation(name);
  const query = {
    mode,
    text,
    limit,
    ...(mode === 'lexical' ? {} : { vector: await vectorOf(parts, name, text) }),
    ...(ref === undefined ? {} : { ref }),
    ...(path === undefined ? {} : { path }),
    ...(language === undefined ? {} : { language }),
  };
  const denied = new Set<string>();
  let hits: readonly FoundChunk[] = [];
  for (let round = 0; round < DENYING_ROUNDS; round += 1) {
    const projects = await searchedIds(parts, { project, denied, closed: as !== undefined });
    const found = await generation.search({ ...query, ...(projects === undefined ? {} : { projects }) });
    const documents = [...new Set(found.map(({ point }) => point.document))];
    const keys = [...new Set(documents.map((document) => projectKey(parseDocument(document))))];
    const ledger = await generation.ledger(documents);
    // Last, so that what was hidden or made private in between is not shown.
    const shown = await shownProjects(parts, keys, as);
    hits = found.flatMap((hit) => {
      const row = shown.get(projectKey(parseDocument(hit.point.document)));
      return row ? [hitOf(hit, ledger.get(hit.point.document)?.indexedBlob ?? null, row.value)] : [];
    });
    const refused = keys.filter((key) => !shown.has(key));
    if (refused.length === 0) break;
    // Their hits have taken the places of others.
    for (const key of refused) denied.add(key);
  }
  return { query: text, mode, generation: name, tookMs: time.now() - beganAt, hits };
};

/** Of these projects those that may be shown, each with its row; whoever has no row is shown to those who see everything. */
const shownProjects = async (
  { state }: Parts,
  keys: readonly string[],
  as: Reader | undefined,
): Promise<ReadonlyMap<string, { readonly value: ProjectRow | undefined }>> => {
  const isSeen = async (row: ProjectRow | undefined, key: string): Promise<boolean> => {
    if (row?.hidden !== undefined) return false;
    if (!as) return true;
    return row !== undefined && !isClosed(row) && (await as.mayRead(parseDocument(key), row.visibility));
  };
  const before = await state.read('projects', keys);
  const seen = await Promise.all(keys.map((key) => isSeen(before.get(key)?.value, key)));
  if (!as) return new Map(keys.filter((_, at) => seen[at]).map((key) => [key, { value: before.get(key)?.value }]));
  // Asking took its time: a row that has changed meanwhile was not what was asked about.
  const after = await state.read('projects', keys);
  const isSame = (key: string) => before.get(key)?.seq === after.get(key)?.seq;
  return new Map(
    keys.filter((key, at) => seen[at] && isSame(key)).map((key) => [key, { value: after.get(key)?.value }]),
  );
};

interface Searched {
  /** By path or id. */
  readonly project: string | undefined;
  readonly denied: ReadonlySet<string>;
  /** Whether only projects with a row are searched. */
  readonly closed: boolean;
}

/** Ids of the projects that are searched, so that the limit on hits is theirs; `undefined` where that is all of them. */
const searchedIds = async (
  { state }: Parts,
  { project, denied, closed }: Searched,
): Promise<readonly string[] | undefined> => {
  const ids: string[] = [];
  let others = closed || denied.size > 0;
  for await (const { key, value } of rows(state, 'projects', 'projects')) {
    const id = parseDocument(key);
    if (project !== undefined && !projectNames(id, value.path).includes(project)) continue;
    if (value.hidden === undefined && !denied.has(key)) ids.push(id.project);
    else others = true;
  }
  // One that nobody has heard of matches nothing, as itself.
  if (project !== undefined) return ids.length > 0 ? ids : [project];
  return others ? ids : undefined;
};

const vectorOf = async (parts: Parts, generation: string, text: string): Promise<Float32Array> => {
  const { embedder, dependency } = await parts.shape(generation);
  const [vector = new Float32Array(embedder.dimensions)] = await dependency.attempt(() =>
    embedder.embed([text], 'query'),
  );
  return vector;
};

const hitOf = ({ score, point }: Hit, blob: string | null, row: ProjectRow | undefined): FoundChunk => {
  const { project, ref, path } = parseDocument(point.document);
  const { startLine, endLine, heading, text, commit } = point;
  const at = { project: row?.path || project, ref, path, startLine, endLine };
  return { score, ...at, ...shownPath(path), heading, text, blob, commit, url: urlOf(row, at) };
};

/** To exactly these lines in GitLab; a plain repository has no pages. */
const urlOf = (
  row: ProjectRow | undefined,
  { ref, path, startLine, endLine }: Pick<FoundChunk, 'ref' | 'path' | 'startLine' | 'endLine'>,
): string | null => {
  if (!row?.url || !isUnicode(ref + path)) return null;
  const place = [...ref.split('/'), ...path.split('/')].map(encodeURIComponent).join('/');
  return `${row.url}/-/blob/${place}#L${startLine}-${endLine}`;
};
