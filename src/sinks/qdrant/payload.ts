/** How documents, points and ledger entries stand in payloads. docs/qdrant.md describes them for who asks Qdrant itself. */
import { createHash } from 'node:crypto';
import { isUnicode } from '../../paths/bytes.ts';
import type { LedgerEntry, StoredPoint } from '../../ports.ts';
import { documentKey, parseDocument } from '../../records.ts';

/** For strings unit by unit, as those of paths need not be Unicode. The same parts, the same id. */
export const idOf = (...parts: readonly (string | number)[]): string => {
  const hex = createHash('sha256').update(JSON.stringify(parts)).digest('hex');
  // Marked as a UUID of version 8, whose bits mean what we like.
  return [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `a${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    '-',
  );
};

/** Stands for a document where its key would be long: as the id of its entry, and in each of its points. */
export const idOfDocument = (key: string): string => idOf('document', key);

interface DocumentPayload {
  readonly instance: string;
  readonly project: string;
  readonly ref: string;
  readonly path: string;
  /** The key in JSON, where the others had to be made Unicode. */
  readonly key?: string;
}
export const DOCUMENT_FIELDS = ['instance', 'project', 'ref', 'path', 'key'];

const documentPayload = (key: string): DocumentPayload => {
  const { instance, project, ref, path } = parseDocument(key);
  const plain = { instance, project, ref, path };
  if (isUnicode(key) && documentKey(plain) === key) return plain;
  return {
    ...{ instance: unicode(instance), project: unicode(project), ref: unicode(ref), path: unicode(path) },
    key: JSON.stringify(key),
  };
};

/** The key of the document that a payload names. */
export const keyIn = (payload: Payload): string => {
  const { key, ...id } = payload as unknown as DocumentPayload;
  return key === undefined ? documentKey(id) : JSON.parse(key);
};

/** As it comes from the server, which keeps what it was given. */
export type Payload = Record<string, unknown> | null | undefined;

interface PointPayload extends DocumentPayload {
  /** What a raise, a look and a deletion know the document by. */
  readonly document: string;
  /** The path, and every folder above it. */
  readonly paths: readonly string[];
  /** Every part of the path; and for each that has an ending, an asterisk with that ending. */
  readonly names: readonly string[];
  readonly seq: number;
  readonly startLine: number;
  readonly endLine: number;
  readonly commit: string;
  readonly language: string;
  readonly heading: readonly string[];
  readonly text: string;
  readonly hash: string;
  /** What was embedded: the lead and the text, or something else altogether. */
  readonly lead?: string;
  readonly embed?: string;
}

export const pointPayload = (point: StoredPoint): PointPayload => {
  const { document, seq, startLine, endLine, commit, language, heading, text, hash, embed } = point;
  const where = documentPayload(document);
  return {
    ...where,
    ...placesOf(where.path),
    ...{ document: idOfDocument(document), seq, startLine, endLine, commit, language: unicode(language) },
    ...{ heading: heading.map(unicode), text: unicode(text), hash },
    ...(embed.endsWith(text)
      ? { lead: unicode(embed.slice(0, embed.length - text.length)) }
      : { embed: unicode(embed) }),
  };
};

export const pointIn = (id: string, payload: Payload): StoredPoint => {
  const { seq, startLine, endLine, commit, language, heading, text, hash, lead, embed } =
    payload as unknown as PointPayload;
  return {
    ...{ id, document: keyIn(payload), seq, startLine, endLine, commit, language, heading, text, hash },
    embed: embed ?? `${lead}${text}`,
  };
};

/** In `names`, for all parts of paths that end so. */
export const anyWith = (ending: string): string => `*${ending}`;

const placesOf = (path: string): Pick<PointPayload, 'paths' | 'names'> => {
  const parts = path.split('/');
  const endings = parts.flatMap((part) => {
    const dot = part.lastIndexOf('.');
    return dot < 0 ? [] : [anyWith(part.slice(dot))];
  });
  return {
    paths: parts.map((_, at) => parts.slice(0, at + 1).join('/')),
    names: [...new Set([...parts, ...endings])],
  };
};

export interface EntryPayload extends DocumentPayload, Omit<LedgerEntry, 'document'> {
  /** Of all the rest: no two entries of a document have the same. */
  readonly stamp: string;
}

export const entryPayload = ({ document, ...entry }: LedgerEntry): EntryPayload => {
  const payload = { ...documentPayload(document), ...entry, reason: unicode(entry.reason) };
  return {
    ...payload,
    stamp: idOf('entry', JSON.stringify(Object.entries(payload).sort(([a], [b]) => (a < b ? -1 : 1)))),
  };
};

export const entryIn = (payload: Payload): LedgerEntry => {
  const { instance, project, ref, path, key, stamp, ...entry } = payload as unknown as EntryPayload;
  return { document: keyIn(payload), ...entry };
};

/** Qdrant refuses half a surrogate pair. */
const unicode = (text: string): string => text.replace(/\p{Surrogate}/gu, '\ufffd');
