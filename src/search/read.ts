/** The text of a document out of the store, from one line to another: what search finds in, and not what lies elsewhere. */
import { isLowSurrogate } from '../chunker/long-line.ts';
import { NotFound, TryAgain } from '../errors.ts';
import type { Parts } from '../parts.ts';
import { pathFromBytes } from '../paths/bytes.ts';
import type { StoredPoint } from '../ports.ts';
import { documentKey, type LedgerEntry, parseDocument, parseRef, projectKey, refKey } from '../records.ts';
import { shownPath } from '../runs/documents.ts';
import { activeGeneration } from '../state/generations.ts';
import { rows } from '../state/pages.ts';
import { type MayRead, tellable } from './access.ts';
import { isStale } from './freshness.ts';
import { type FoundChunk, urlOf } from './hits.ts';
import { scopeOf } from './scope.ts';

/** Of the places that a path may stand for, so many are named. */
const NAMED = 10;

export interface PlaceQuery {
  readonly path: string;
  /** In base64, of a path that is not UTF-8. Goes before it. */
  readonly pathBytes?: string;
  /** By path or id. */
  readonly project?: string;
  readonly ref?: string;
  readonly mayRead?: MayRead | undefined;
}

export interface LineQuery extends PlaceQuery {
  readonly from: number;
  /** Of that line, the first character. */
  readonly column?: number;
  readonly lines: number;
}

export interface DocumentText
  extends Pick<FoundChunk, 'project' | 'ref' | 'path' | 'pathBytes' | 'blob' | 'commit' | 'head' | 'stale' | 'url'> {
  readonly startLine: number;
  readonly endLine: number;
  readonly totalLines: number;
  readonly startColumn: number;
  readonly text: string;
  /** The first line that is left. */
  readonly next: number | null;
  readonly nextColumn: number | null;
}

export const read = async (parts: Parts, asked: LineQuery): Promise<DocumentText> => {
  const { entry, points } = await indexedDocument(parts, asked);
  const { document, commit, indexedBlob } = entry;
  const id = parseDocument(document);
  const [wants, refs, projects] = await Promise.all([
    parts.state.read('wants', [document]),
    parts.state.read('refs', [refKey(id)]),
    parts.state.read('projects', [projectKey(id)]),
  ]);
  const all = linesOf(points);
  if (asked.from > all.length)
    throw new NotFound(`${asked.path} ends with line ${all.length}, and line ${asked.from} was asked for`);
  const [first = '', ...others] = all.slice(asked.from - 1, asked.from - 1 + asked.lines);
  const startColumn = columnOf(first, asked);
  const shown = [first.slice(startColumn - 1), ...others];
  const endLine = asked.from + shown.length - 1;
  const row = projects.get(projectKey(id))?.value;
  const at = { project: row?.path || id.project, ref: id.ref, path: id.path, startLine: asked.from, endLine };
  return {
    ...at,
    ...shownPath(id.path),
    totalLines: all.length,
    startColumn,
    text: shown.join('\n'),
    next: endLine < all.length ? endLine + 1 : null,
    nextColumn: endLine < all.length ? 1 : null,
    blob: indexedBlob,
    // Of the version that is shown, which an entry that failed does not have.
    commit: points[0]?.commit ?? commit,
    head: refs.get(refKey(id))?.value.planned ?? null,
    stale: isStale(wants.get(document), entry),
    url: urlOf(parts, row, { ...at, instance: id.instance }),
  };
};

/** Never inside a surrogate pair, whose two halves are no text. */
const columnOf = (line: string, { path, from, column = 1 }: LineQuery): number => {
  if (column > line.length + 1)
    throw new NotFound(`line ${from} of ${path} has ${line.length} characters, and character ${column} was asked for`);
  return isLowSurrogate(line.charCodeAt(column - 1)) ? Math.max(1, column - 1) : column;
};

export interface IndexedDocument {
  readonly generation: string;
  readonly entry: LedgerEntry;
  /** Those that the entry names, in the order of the text. */
  readonly points: readonly StoredPoint[];
}

/** The one document that the question means. Throws `NotFound` where it means none or several. */
export const indexedDocument = async (parts: Parts, asked: PlaceQuery): Promise<IndexedDocument> => {
  const generation = await activeGeneration(parts);
  if (generation === undefined) throw new TryAgain('nothing is indexed yet');
  const { path: shown, pathBytes, ...where } = asked;
  const path = pathBytes === undefined ? shown : pathFromBytes(Buffer.from(pathBytes, 'base64'));
  const scope = await scopeOf(parts, where);
  const keys: string[] = [];
  for await (const { key } of rows(parts.state, 'refs', 'refs')) {
    const id = parseRef(key);
    if (scope.projects?.has(projectKey(id)) === false || (asked.ref !== undefined && asked.ref !== id.ref)) continue;
    keys.push(documentKey({ ...id, path }));
  }
  const store = parts.store.generation(generation);
  const found = [...(await store.ledger(keys)).values()].filter(({ status }) => status !== 'gone');
  const projectOf = ({ document }: LedgerEntry) => projectKey(parseDocument(document));
  const tells = await tellable(await parts.state.read('projects', [...new Set(found.map(projectOf))]), asked.mayRead);
  const entries = found.filter((one) => tells(projectOf(one)));
  const [entry, other] = entries;
  if (!entry) throw new NotFound(`there is no document ${shown}`);
  if (other) throw new NotFound(await severalOf(parts, shown, entries));
  if (entry.chunks.length === 0)
    throw new NotFound(`${shown} has no text in the index: ${entry.reason || entry.status}`);
  const points = new Map((await store.pointsOf(entry.document)).map((point) => [point.id, point]));
  return { generation, entry, points: entry.chunks.flatMap((id) => points.get(id) ?? []) };
};

const severalOf = async ({ state }: Parts, path: string, entries: readonly LedgerEntry[]): Promise<string> => {
  const ids = entries.map(({ document }) => parseDocument(document));
  const projects = await state.read('projects', [...new Set(ids.map(projectKey))]);
  const places = ids.map((id) => `${projects.get(projectKey(id))?.value.path || id.project} on ${id.ref}`);
  const more = places.length > NAMED ? ', …' : '';
  return `${path} stands in several places, and \`project\` and \`ref\` say which: ${places.slice(0, NAMED).join(', ')}${more}`;
};

/** Blank lines stand in no chunk. A line that is too long for one chunk stands in several, a part in each. */
export const linesOf = (points: readonly Pick<StoredPoint, 'startLine' | 'text'>[]): readonly string[] => {
  const lines: string[] = [];
  for (const { startLine, text } of points)
    for (const [at, line] of text.split('\n').entries()) {
      lines[startLine - 1 + at] = (lines[startLine - 1 + at] ?? '') + line;
    }
  return Array.from(lines, (line) => line ?? '');
};
