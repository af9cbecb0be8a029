/** Hits with all that is joined to them: project, blob, whether they still hold, and where to look. */

import type { Parts } from '../parts.ts';
import type { Hit, Lines } from '../ports.ts';
import type { Ranked } from '../ranking/rerank.ts';
import { type LedgerEntry, type ProjectRow, parseDocument, projectKey, type RefId, refKey } from '../records.ts';
import { shownPath } from '../runs/documents.ts';
import { type MayRead, tellable } from './access.ts';
import { isStale } from './freshness.ts';

export interface Passage {
  readonly project: string;
  readonly ref: string;
  /** With U+FFFD for bytes that are not UTF-8, which `pathBytes` then has in base64. */
  readonly path: string;
  readonly pathBytes?: string;
  readonly startLine: number;
  readonly endLine: number;
}

export interface FoundChunk extends Passage {
  readonly score: number;
  readonly language: string;
  readonly heading: readonly string[];
  readonly text: string;
  readonly blob: string | null;
  /** At which this document was indexed. */
  readonly commit: string;
  /** Of its branch, as far as Tidemark knows; `null` until its first plan has ended, and when the branch is gone. */
  readonly head: string | null;
  /** This document has changed, and the change is on its way or has failed. A commit that leaves it alone makes nothing stale. */
  readonly stale: boolean;
  readonly url: string | null;
  /** Where the same text stands as well: other branches, copies of the file. */
  readonly copies: readonly Passage[];
}

export const joined = async (
  parts: Parts,
  generation: string,
  { ranked, mayRead }: { readonly ranked: readonly Ranked[]; readonly mayRead?: MayRead | undefined },
): Promise<readonly FoundChunk[]> => {
  const { state, store } = parts;
  const all = ranked.flatMap((hit) => [hit, ...hit.copies]).map(({ point }) => parseDocument(point.document));
  const documents = [...new Set(ranked.map(({ point }) => point.document))];
  const ids = documents.map(parseDocument);
  const [ledger, wants, refs, projects] = await Promise.all([
    store.generation(generation).ledger(documents),
    state.read('wants', documents),
    state.read('refs', [...new Set(ids.map(refKey))]),
    state.read('projects', [...new Set(all.map(projectKey))]),
  ]);
  const rowOf = ({ point }: Hit) => projects.get(projectKey(parseDocument(point.document)))?.value;
  const tells = await tellable(projects, mayRead);
  const isShown = (hit: Hit) => tells(projectKey(parseDocument(hit.point.document)));
  return ranked.filter(isShown).map((hit) => {
    const { document } = hit.point;
    const entry = ledger.get(document);
    const head = refs.get(refKey(parseDocument(document)))?.value.planned ?? null;
    const stale = isStale(wants.get(document), entry);
    const copies = hit.copies.filter(isShown).map((copy) => passageOf(copy, rowOf(copy)));
    return { ...hitOf(parts, hit, entry, rowOf(hit)), head, stale, copies };
  });
};

const passageOf = ({ point }: Hit, row: ProjectRow | undefined): Passage => {
  const { project, ref, path } = parseDocument(point.document);
  const { startLine, endLine } = point;
  return { project: row?.path || project, ref, ...shownPath(path), startLine, endLine };
};

const hitOf = (parts: Parts, hit: Hit, entry: LedgerEntry | undefined, row: ProjectRow | undefined) => {
  const { heading, text, commit, language, document } = hit.point;
  const place = passageOf(hit, row);
  const { instance, path } = parseDocument(document);
  const blob = entry?.indexedBlob ?? null;
  return {
    score: hit.score,
    ...place,
    language,
    heading,
    text,
    blob,
    commit,
    url: urlOf(parts, row, { ...place, instance, path }),
  };
};

/** Where the lines are shown, as their source says. */
export const urlOf = (
  { sources }: Pick<Parts, 'sources'>,
  row: ProjectRow | undefined,
  { instance, ...lines }: Lines & Pick<RefId, 'instance'>,
): string | null => (row?.url ? sources.get(instance)?.port.urlOf(row.url, lines) : undefined) ?? null;
