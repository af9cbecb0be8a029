/** The `embedder` section: what turns chunks into vectors. */
import { z } from 'zod';
import { file, oneOf, option, secret, text, url, whole } from './options.ts';

const prefixes = option(
  z
    .strictObject({
      passage: option(z.string().default('').meta({ expected: 'text' }), 'What goes before every chunk.', {
        example: 'passage: ',
      }),
      query: option(z.string().default('').meta({ expected: 'text' }), 'What goes before every question.', {
        example: 'query: ',
      }),
    })
    .optional(),
  'Instructions that the model was trained with.',
  { otherwise: "the model's own, where Tidemark knows it; else none" },
);

const dimensions = option(whole(1, 65_536).optional(), 'Numbers a vector.', {
  otherwise: "the model's own, where Tidemark knows it",
  example: 768,
});

const maxTokens = option(whole(16, 131_072).optional(), 'The longest text that the model takes, in its tokens.', {
  otherwise: "the model's own, where Tidemark knows it",
  example: 512,
});

const transformers = z.strictObject({
  kind: option(z.literal('transformers'), 'An ONNX model, by Transformers.js, in this process.'),
  model: option(
    text().default('Xenova/all-MiniLM-L6-v2'),
    'Its name on the hub, or a directory that starts with `./`, `../` or `/`, relative to the file that says so. `TIDEMARK_EMBEDDER_MODEL` goes before.',
    { example: './models/all-MiniLM-L6-v2', reaches: 'model' },
  ),
  revision: option(text().default('main'), 'The branch, tag or commit to download. A commit never changes.', {
    example: '751bff37182d3f1213fa05d7196b954e230abad9',
  }),
  dtype: option(
    oneOf('fp32', 'fp16', 'q8', 'int8', 'uint8', 'q4', 'q4f16', 'bnb4').default('fp32'),
    'Which of the files of weights. `q8` is twice as fast or more, and its vectors differ between kinds of processor.',
    { example: 'q8' },
  ),
  pooling: option(oneOf('mean', 'cls').optional(), 'How one vector is made of those of the tokens.', {
    otherwise: "the model's own, where Tidemark knows it",
    example: 'mean',
  }),
  prefixes,
  dimensions,
  maxTokens,
  threads: option(whole(1, 256).optional(), 'Threads that one batch is computed by.', {
    otherwise: 'as many as the process has processors',
    example: 4,
  }),
  batchTokens: option(
    whole(16, 65_536).default(1024),
    'Tokens computed at once, with padding. More takes more memory and is seldom faster.',
    { example: 2048 },
  ),
  cache: option(file().optional(), 'The directory of what is downloaded. Relative to the file that says so.', {
    otherwise: '`tidemark/models` in `$XDG_CACHE_HOME`, or in `~/.cache`',
    example: '/var/lib/tidemark/models',
  }),
  hub: option(url('https', 'http').default('https://huggingface.co'), 'Where models are downloaded from.', {
    example: 'https://hub.example.com',
    reaches: 'hub',
  }),
});

/** Covered where they are shown: some servers take a key among them. */
const fields = z.record(z.string(), z.json()).meta({ expected: 'a section with any fields', secret: true });

const openai = z.strictObject({
  kind: option(z.literal('openai'), 'A server that answers as OpenAI does.'),
  url: option(
    url('https', 'http').default('https://api.openai.com/v1'),
    'Up to what stands before `/embeddings`, or with that, as Azure has it. `TIDEMARK_EMBEDDER_URL` goes before.',
    { example: 'http://tei:8080/v1' },
  ),
  model: option(
    text().default('text-embedding-3-small'),
    'As the server calls it. `TIDEMARK_EMBEDDER_MODEL` goes before.',
    {
      example: 'BAAI/bge-small-en-v1.5',
    },
  ),
  apiKey: option(secret().optional(), 'Its API key, which is kept nowhere. `TIDEMARK_EMBEDDER_API_KEY` goes before.', {
    otherwise: 'none',
    example: '${OPENAI_API_KEY}',
  }),
  dimensions: option(
    whole(1, 65_536).optional(),
    'Numbers a vector. Fewer than the model has are asked for, where Tidemark knows the model.',
    { otherwise: "the model's own, where Tidemark knows it", example: 1024 },
  ),
  prefixes,
  maxTokens,
  extra: option(
    z
      .strictObject({
        passage: option(fields.default({}), 'For chunks.', { example: { input_type: 'passage' } }),
        query: option(fields.default({}), 'For questions.', { example: { input_type: 'query' } }),
      })
      .prefault({}),
    'Fields that the server wants beside those of OpenAI.',
  ),
  batch: option(
    z
      .strictObject({
        texts: option(whole(1, 2048).default(32), 'Texts a request.', { example: 256 }),
        tokens: option(whole(16, 1_000_000).default(32_768), 'And their tokens together, by their bytes.', {
          example: 8192,
        }),
      })
      .prefault({}),
    'How much goes into one request.',
  ),
  parallel: option(whole(1, 64).default(4), 'Requests side by side.', { example: 8 }),
  timeoutSeconds: option(whole(1, 3600).default(60), 'How long one request may take.', { example: 300 }),
});

export const embedderSchema = z.discriminatedUnion('kind', [
  z
    .strictObject({ kind: option(z.literal('static'), 'The built-in model: works offline, at once, by meaning.') })
    .meta({ description: 'The built-in model. Needs nothing, and has no options.' }),
  transformers.meta({
    description:
      'An ONNX model in this process, by Transformers.js, an optional dependency. Which model when: [embedders](embedders.md).',
  }),
  openai.meta({
    description:
      'Any server with OpenAI’s `/v1/embeddings`: OpenAI, Azure, Text Embeddings Inference, vLLM, Ollama and others. See [embedders](embedders.md).',
  }),
]);

export type EmbedderOptions = z.output<typeof embedderSchema>;
export type TransformersOptions = z.output<typeof transformers>;
export type OpenaiOptions = z.output<typeof openai>;
