import { createHash } from 'node:crypto';
import type { GenerationTools } from '../parts.ts';
import { pathToBytes } from '../paths/bytes.ts';
import type { Chunk } from '../ports.ts';
import { type DocumentRecord, parseDocument } from '../records.ts';
import { stage } from './stage.ts';

/** A chunk with what makes it the same point again. */
export interface Piece extends Chunk {
  readonly id: string;
  readonly hash: string;
}

export interface Chunked {
  readonly record: DocumentRecord;
  readonly pieces: readonly Piece[];
}

/** The namespace of point ids; changing it would orphan every point. */
const NAMESPACE = Buffer.from('9f6c1d7e5a0b4c839d2e7f4a61b8c0d5', 'hex');

/** UUIDv5 of the document, of exactly what is embedded, and of how often that came before in the document. */
export const pointId = (document: string, hash: string, occurrence: number): string => {
  const digest = createHash('sha1')
    .update(NAMESPACE)
    .update(pathToBytes(document))
    .update(`\0${hash}\0${occurrence}`)
    .digest();
  digest[6] = ((digest[6] as number) & 0x0f) | 0x50;
  digest[8] = ((digest[8] as number) & 0x3f) | 0x80;
  const hex = digest.toString('hex', 0, 16);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
};

export const pieces = (document: string, chunks: readonly Chunk[]): Piece[] => {
  const seen = new Map<string, number>();
  return chunks.map((chunk) => {
    const hash = createHash('sha256').update(chunk.embed).digest('hex');
    const occurrence = seen.get(hash) ?? 0;
    seen.set(hash, occurrence + 1);
    return { ...chunk, hash, id: pointId(document, hash, occurrence) };
  });
};

export const chunk = ({ chunker }: GenerationTools) =>
  stage('chunk', async (record: DocumentRecord): Promise<Chunked> => {
    if (record.is !== 'text') return { record, pieces: [] };
    const chunks = await chunker.chunk(parseDocument(record.document).path, record.text);
    return { record, pieces: pieces(record.document, chunks) };
  });
