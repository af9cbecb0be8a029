/** What is asked of an embedding server, and what its answer holds. */
import { z } from 'zod';
import type { OpenaiOptions } from '../config/embedder.ts';
import { StopFlow } from '../errors.ts';
import { endpointOf, modelServer } from './model-server.ts';

export type Counts = (tokens: number) => void;

export interface OpenaiClient {
  /** For messages: the host that answers. */
  readonly name: string;
  /** The vectors in the order of the texts; none for a text that was left out. */
  embed(
    body: Readonly<Record<string, unknown>> & { readonly input: readonly string[] },
  ): Promise<readonly (Float32Array | undefined)[]>;
  close(): void;
}

const answerSchema = z.object({
  data: z.array(
    z.object({ index: z.int().nonnegative().optional(), embedding: z.union([z.string(), z.array(z.unknown())]) }),
  ),
  usage: z.object({ total_tokens: z.number().optional(), prompt_tokens: z.number().optional() }).nullish(),
});

export const openaiClient = (
  { url, apiKey, timeoutSeconds }: Pick<OpenaiOptions, 'url' | 'apiKey' | 'timeoutSeconds'>,
  counted: Counts,
): OpenaiClient => {
  const endpoint = endpointOf(url, { base: '/v1', last: 'embeddings' });
  const of = { what: 'the embedding server', section: 'embedder' };
  const { name, post, close } = modelServer({ ...of, endpoint, apiKey, timeoutSeconds });
  return {
    name,
    async embed(body) {
      const answer = answerSchema.safeParse(await post(body));
      if (!answer.success)
        throw new StopFlow(`${name} answers without embeddings: is embedder.url right?`, { cause: answer.error });
      const { data, usage } = answer.data;
      counted(usage?.total_tokens ?? usage?.prompt_tokens ?? 0);
      const vectors: (Float32Array | undefined)[] = new Array(body.input.length).fill(undefined);
      for (const [at, { index = at, embedding }] of data.entries()) vectors[index] = numbersOf(embedding);
      return vectors;
    },
    close,
  };
};

/** Little endian, as every machine that Node runs on. What is no number becomes NaN, and is refused by whoever checks. */
const numbersOf = (embedding: string | readonly unknown[]): Float32Array => {
  if (typeof embedding !== 'string')
    return Float32Array.from(embedding, (value) => (typeof value === 'number' ? value : Number.NaN));
  const bytes = Buffer.from(embedding, 'base64');
  return new Float32Array(Uint8Array.from(bytes).buffer, 0, bytes.length >> 2);
};
