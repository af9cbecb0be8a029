/**
 * A server that runs a cross-encoder: Text Embeddings Inference, or one of the many that answer as Cohere does. A question
 * waits for it, so a server that has failed is left alone for a while.
 */
import { z } from 'zod';
import type { RerankerOptions } from '../config/reranker.ts';
import { messageOf, StopFlow, TryAgain } from '../errors.ts';
import type { Reranker, Time } from '../ports.ts';
import { SECOND } from '../units.ts';
import { endpointOf, modelServer } from './model-server.ts';

const REST_MS = 10 * SECOND;

const at = z.int().nonnegative();
const ANSWERS = {
  tei: z.array(z.object({ index: at, score: z.number() })),
  cohere: z
    .object({ results: z.array(z.object({ index: at, relevance_score: z.number() })) })
    .transform(({ results }) => results.map(({ index, relevance_score: score }) => ({ index, score }))),
};

export const serverReranker = (
  { kind, url, model, apiKey, timeoutSeconds }: RerankerOptions,
  { now }: Pick<Time, 'now'>,
): Reranker => {
  const endpoint = endpointOf(url, { base: kind === 'tei' ? '' : '/v1', last: 'rerank' });
  const of = { what: 'the reranker', section: 'reranker' };
  const { name, post, close } = modelServer({ ...of, endpoint, apiKey, timeoutSeconds });
  let failed: { readonly until: number; readonly why: string } | undefined;

  const asked = (query: string, passages: readonly string[]) =>
    kind === 'tei'
      ? { query, texts: passages, truncate: true }
      : { model, query, documents: passages, top_n: passages.length };

  const scores = async (question: string, passages: readonly string[]): Promise<readonly number[]> => {
    const answer = ANSWERS[kind].safeParse(await post(asked(question, passages)));
    if (!answer.success)
      throw new StopFlow(`${name} answers without scores: are reranker.kind and reranker.url right?`, {
        cause: answer.error,
      });
    const byPassage = new Map(answer.data.map(({ index, score }) => [index, score]));
    return passages.map((_, index) => {
      const score = byPassage.get(index);
      if (score === undefined) throw new TryAgain(`${name} left out a passage`);
      return score;
    });
  };

  return {
    async score(question, passages) {
      if (passages.length === 0) return [];
      if (failed && now() < failed.until) throw new TryAgain(`not asked again yet: ${failed.why}`);
      try {
        const found = await scores(question, passages);
        failed = undefined;
        return found;
      } catch (error) {
        failed = { until: now() + REST_MS, why: messageOf(error) };
        throw error;
      }
    },
    async close() {
      close();
    },
  };
};
