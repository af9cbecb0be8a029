/** The `reranker` section: what reads question and passage together. */
import { z } from 'zod';
import { oneOf, option, secret, text, url, whole } from './options.ts';

export const rerankerSchema = z.strictObject({
  kind: option(
    oneOf('cohere', 'tei'),
    'How it is asked: as Cohere, which Jina, vLLM, Infinity and llama.cpp answer to as well, or as Text Embeddings Inference.',
    { example: 'tei' },
  ),
  url: option(url('https', 'http'), 'Up to what stands before `/rerank`, or with that.', {
    otherwise: 'none: it has to be said',
    example: 'http://tei:8080',
  }),
  model: option(text().optional(), 'As the server calls it, where it has several.', {
    otherwise: "the server's own",
    example: 'BAAI/bge-reranker-v2-m3',
  }),
  apiKey: option(secret().optional(), 'Its API key, which is kept nowhere.', {
    otherwise: 'none',
    example: '${RERANKER_API_KEY}',
  }),
  passages: option(whole(2, 200).default(30), 'How many of the best hits it reads. It costs by the passage.', {
    example: 50,
  }),
  timeoutSeconds: option(whole(1, 60).default(3), 'How long a question waits for it, and then is answered without.', {
    example: 10,
  }),
});

export type RerankerOptions = z.output<typeof rerankerSchema>;
