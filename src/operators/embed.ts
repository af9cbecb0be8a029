import { batched } from '../calls/batch.ts';
import { asDeadLetter } from '../calls/dependency.ts';
import { StopFlow } from '../errors.ts';
import type { GenerationTools, Parts } from '../parts.ts';
import type { Generation, Point } from '../ports.ts';
import type { DocumentRecord } from '../records.ts';
import type { Chunked } from './chunk.ts';
import { stage } from './stage.ts';

export interface Embedded {
  readonly record: DocumentRecord;
  readonly points: readonly Point[];
  readonly embedded: number;
  readonly reused: number;
}

/** Embeds only contents that have no vector yet. Texts of all documents travel together, by tokens. */
export const embed = ({ limits, time }: Parts, { embedder, dependency }: GenerationTools, generation: Generation) => {
  const vectorOf = batched({
    run: (texts: readonly string[]) => embedder.embed(texts, 'passage'),
    size: (text) => embedder.tokens(text),
    maxSize: Math.min(limits.embedTokens, embedder.batch.tokens),
    maxItems: Math.min(limits.embedTexts, embedder.batch.texts),
    parallel: embedder.batch.parallel,
    wait: { ms: limits.embedWaitMs, time },
  });

  return stage('embed', async ({ record, pieces }: Chunked): Promise<Embedded> => {
    const contents = new Map(pieces.map(({ hash, embed }) => [hash, embed]));
    const vectors = new Map(contents.size > 0 ? await generation.vectors([...contents.keys()]) : []);
    const lacking = [...contents].filter(([hash]) => !vectors.has(hash));
    const item = { key: record.document, exhausted: asDeadLetter };
    const fresh = await Promise.all(
      lacking.map(async ([hash, text]) => [hash, await dependency.attempt(() => vectorOf(text), item)] as const),
    );
    for (const [hash, vector] of fresh) vectors.set(hash, vector);

    const { document, seq, commit } = record;
    const language = record.is === 'text' ? record.text.language : '';
    const points = pieces.map((piece): Point => {
      const vector = vectors.get(piece.hash);
      if (vector?.length !== embedder.dimensions) {
        throw new StopFlow(`the embedder has ${embedder.dimensions} dimensions, a vector ${vector?.length}`);
      }
      return { ...piece, document, seq, commit, language, vector };
    });
    return { record, points, embedded: fresh.length, reused: contents.size - fresh.length };
  });
};
