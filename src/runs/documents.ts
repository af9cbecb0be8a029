import type { Parts } from '../parts.ts';
import { isUnicode, pathToBytes } from '../paths/bytes.ts';
import { globMatcher } from '../paths/glob.ts';
import type { Generation } from '../ports.ts';
import { documentKey, type LedgerEntry, parseDocument, parseRef } from '../records.ts';
import { activeGeneration } from '../state/generations.ts';
import { ledgerPages, rows } from '../state/pages.ts';
import { projectFilter } from '../state/projects.ts';

/** A live ledger entry as scripts get it. */
export interface DocumentRow {
  readonly instance: string;
  readonly project: string;
  readonly ref: string;
  /** With U+FFFD for bytes that are not UTF-8, which `pathBytes` then has in base64. */
  readonly path: string;
  readonly pathBytes?: string;
  readonly status: 'indexed' | 'skipped' | 'failed';
  readonly reason: string;
  readonly blob: string | null;
  readonly seq: number;
  readonly chunks: number;
  /** The run that brought it here, if one did. */
  readonly run: string | null;
  readonly at: string;
}

export interface ShownChunk {
  readonly id: string;
  readonly startLine: number;
  readonly endLine: number;
  readonly heading: readonly string[];
  readonly text: string;
}

export interface ShownDocument extends DocumentRow {
  /** They stand in the order of the text. */
  readonly chunkList: readonly ShownChunk[];
}

export interface DocumentFilter {
  readonly project?: string;
  readonly ref?: string;
  /** A glob over the path. */
  readonly path?: string;
  readonly status?: DocumentRow['status'];
}

/** A path as JSON can carry it. */
export const shownPath = (path: string): { readonly path: string; readonly pathBytes?: string } => {
  if (isUnicode(path)) return { path };
  const bytes = pathToBytes(path);
  return { path: bytes.toString('utf8'), pathBytes: bytes.toString('base64') };
};

const rowOf = (entry: LedgerEntry): DocumentRow | undefined => {
  const { document, status, reason, blob, seq, chunks, run, at } = entry;
  if (status === 'gone') return undefined;
  const { instance, project, ref, path } = parseDocument(document);
  return {
    ...{ instance, project, ref, ...shownPath(path), status, reason, blob, seq },
    ...{ chunks: chunks.length, run: run ?? null, at: new Date(at).toISOString() },
  };
};

/** Lists what the active generation holds, page by page. */
export async function* listDocuments(parts: Parts, filter: DocumentFilter = {}): AsyncGenerator<DocumentRow> {
  const active = await activeGeneration(parts);
  if (active === undefined) return;
  const inProject = await projectFilter(parts, filter.project);
  const matches = filter.path === undefined ? undefined : globMatcher(filter.path);
  for await (const page of ledgerPages(parts.store.generation(active))) {
    for (const entry of page) {
      const id = parseDocument(entry.document);
      if (!inProject(id) || (filter.ref !== undefined && id.ref !== filter.ref)) continue;
      if (matches && !matches(id.path)) continue;
      if (filter.status !== undefined && entry.status !== filter.status) continue;
      const row = rowOf(entry);
      if (row) yield row;
    }
  }
}

/** The documents of this very path, one for each branch of each project that has it, with their chunks. */
export const showDocument = async (
  parts: Parts,
  path: string,
  { project, ref }: Pick<DocumentFilter, 'project' | 'ref'> = {},
): Promise<readonly ShownDocument[]> => {
  const active = await activeGeneration(parts);
  if (active === undefined) return [];
  const inProject = await projectFilter(parts, project);
  const keys: string[] = [];
  for await (const { key } of rows(parts.state, 'refs', 'refs')) {
    const id = parseRef(key);
    if (inProject(id) && (ref === undefined || id.ref === ref)) keys.push(documentKey({ ...id, path }));
  }
  const generation = parts.store.generation(active);
  const shown: ShownDocument[] = [];
  for (const entry of (await generation.ledger(keys)).values()) {
    const row = rowOf(entry);
    if (row) shown.push({ ...row, chunkList: await chunksOf(generation, entry) });
  }
  return shown;
};

/** Those that the entry names: others are on their way in or out. */
const chunksOf = async (generation: Generation, { document, chunks }: LedgerEntry): Promise<readonly ShownChunk[]> => {
  const points = new Map((await generation.pointsOf(document)).map((point) => [point.id, point]));
  return chunks.flatMap((id) => {
    const point = points.get(id);
    if (!point) return [];
    const { startLine, endLine, heading, text } = point;
    return [{ id, startLine, endLine, heading, text }];
  });
};
