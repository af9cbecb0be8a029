/** A question to the active generation, and hits with all that is joined to them: project, blob and place to look. */
import { rows } from './clock/rows.ts';
import { TryAgain } from './errors.ts';
import type { Parts } from './parts.ts';
import { isUnicode } from './paths.ts';
import type { Hit, Query } from './ports.ts';
import { type ProjectRow, parseDocument, projectKey } from './records.ts';
import { shownPath } from './runs/documents.ts';
import { activeGeneration } from './runs/generations.ts';
import { projectNames } from './runs/projects.ts';

export interface SearchQuery {
  readonly text: string;
  readonly mode: Query['mode'];
  readonly limit: number;
  /** By path or id. */
  readonly project?: string;
  readonly ref?: string;
  readonly path?: string;
  readonly language?: string;
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
  const { state, store, time } = parts;
  const { text, mode, limit, project, ref, path, language } = asked;
  const beganAt = time.now();
  const name = await activeGeneration(parts);
  if (name === undefined)
    throw new TryAgain('nothing is indexed yet: `tidemark serve` or `tidemark backfill` indexes the repository');
  const generation = store.generation(name);
  const only = project === undefined ? await visibleIds(parts) : await idsOf(parts, project);
  const found = await generation.search({
    mode,
    text,
    limit,
    ...(mode === 'lexical' ? {} : { vector: await vectorOf(parts, name, text) }),
    ...(only === undefined ? {} : { projects: only }),
    ...(ref === undefined ? {} : { ref }),
    ...(path === undefined ? {} : { path }),
    ...(language === undefined ? {} : { language }),
  });
  const documents = [...new Set(found.map(({ point }) => point.document))];
  const keys = [...new Set(documents.map((document) => projectKey(parseDocument(document))))];
  const [ledger, projects] = await Promise.all([generation.ledger(documents), state.read('projects', keys)]);
  const hits = found.flatMap((hit) => {
    const { document } = hit.point;
    const row = projects.get(projectKey(parseDocument(document)))?.value;
    // Read after the search, so that what was hidden in between is not shown.
    return row?.hidden === undefined ? [hitOf(hit, ledger.get(document)?.indexedBlob ?? null, row)] : [];
  });
  return { query: text, mode, generation: name, tookMs: time.now() - beganAt, hits };
};

const vectorOf = async (parts: Parts, generation: string, text: string): Promise<Float32Array> => {
  const { embedder, dependency } = await parts.shape(generation);
  const [vector = new Float32Array(embedder.dimensions)] = await dependency.attempt(() =>
    embedder.embed([text], 'query'),
  );
  return vector;
};

/** Where one is hidden, the others: the limit on hits is to be theirs. */
const visibleIds = async ({ state }: Parts): Promise<readonly string[] | undefined> => {
  const visible: string[] = [];
  let hidden = 0;
  for await (const { key, value } of rows(state, 'projects', 'projects')) {
    if (value.hidden === undefined) visible.push(parseDocument(key).project);
    else hidden += 1;
  }
  return hidden > 0 ? visible : undefined;
};

/** Ids of the projects that are called so. One that nobody has heard of matches nothing, as itself. */
const idsOf = async ({ state }: Parts, wanted: string): Promise<readonly string[]> => {
  const ids = new Set<string>();
  for await (const { key, value } of rows(state, 'projects', 'projects')) {
    const id = parseDocument(key);
    if (projectNames(id, value.path).includes(wanted)) ids.add(id.project);
  }
  return ids.size > 0 ? [...ids] : [wanted];
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
