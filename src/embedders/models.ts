/**
 * What is known of models without asking anybody, by the last part of their names: `BAAI/bge-small-en-v1.5` on a server
 * and `Xenova/bge-small-en-v1.5` on the hub are one model. What the configuration says goes before.
 */

export interface Prefixes {
  readonly passage: string;
  readonly query: string;
}

export interface KnownModel {
  readonly dimensions: number;
  /** What it was trained with, special tokens included. */
  readonly maxTokens: number;
  /** Only of models that also run in this process. */
  readonly pooling?: 'mean' | 'cls';
  readonly prefixes: Prefixes;
  /** Whether a server can be asked for fewer dimensions. */
  readonly shortens?: boolean;
  /**
   * Dollars for a million tokens, without a discount for batches. Checked on 2026-11-21 against stored copies: OpenAI's
   * pages of its models for text-embedding-3, lists of third parties for ada-002 and Mistral (which agree). Azure asks its
   * own, by region and contract.
   */
  readonly price?: number;
}

const NONE: Prefixes = { passage: '', query: '' };
const E5: Prefixes = { passage: 'passage: ', query: 'query: ' };
const NOMIC: Prefixes = { passage: 'search_document: ', query: 'search_query: ' };
const SENTENCE: Prefixes = { passage: '', query: 'Represent this sentence for searching relevant passages: ' };

const mean = (dimensions: number, maxTokens: number, prefixes = NONE): KnownModel => ({
  ...{ dimensions, maxTokens, prefixes },
  pooling: 'mean',
});
const cls = (dimensions: number, prefixes: Prefixes): KnownModel => ({
  ...{ dimensions, prefixes },
  maxTokens: 512,
  pooling: 'cls',
});
const sold = (dimensions: number, maxTokens: number, price: number, shortens: boolean): KnownModel => ({
  ...{ dimensions, maxTokens, price, shortens },
  prefixes: NONE,
});

const models: Readonly<Record<string, KnownModel>> = {
  'all-minilm-l6-v2': mean(384, 256),
  'all-minilm-l12-v2': mean(384, 128),
  'all-minilm': mean(384, 256),
  'all-mpnet-base-v2': mean(768, 384),
  'multi-qa-minilm-l6-cos-v1': mean(384, 512),
  'paraphrase-multilingual-minilm-l12-v2': mean(384, 128),
  'e5-small-v2': mean(384, 512, E5),
  'e5-base-v2': mean(768, 512, E5),
  'e5-large-v2': mean(1024, 512, E5),
  'multilingual-e5-small': mean(384, 512, E5),
  'multilingual-e5-base': mean(768, 512, E5),
  'multilingual-e5-large': mean(1024, 512, E5),
  'gte-small': mean(384, 512),
  'gte-base': mean(768, 512),
  'gte-large': mean(1024, 512),
  'nomic-embed-text-v1': mean(768, 8192, NOMIC),
  'nomic-embed-text-v1.5': mean(768, 8192, NOMIC),
  'nomic-embed-text': mean(768, 2048, NOMIC),
  'jina-embeddings-v2-small-en': mean(512, 8192),
  'jina-embeddings-v2-base-en': mean(768, 8192),
  'jina-embeddings-v2-base-code': mean(768, 8192),
  'bge-small-en-v1.5': cls(384, SENTENCE),
  'bge-base-en-v1.5': cls(768, SENTENCE),
  'bge-large-en-v1.5': cls(1024, SENTENCE),
  'bge-m3': { ...cls(1024, NONE), maxTokens: 8192 },
  'mxbai-embed-large-v1': cls(1024, SENTENCE),
  'mxbai-embed-large': cls(1024, SENTENCE),
  'snowflake-arctic-embed-xs': cls(384, SENTENCE),
  'snowflake-arctic-embed-s': cls(384, SENTENCE),
  'snowflake-arctic-embed-m': cls(768, SENTENCE),
  'text-embedding-3-small': sold(1536, 8191, 0.02, true),
  'text-embedding-3-large': sold(3072, 8191, 0.13, true),
  'text-embedding-ada-002': sold(1536, 8191, 0.1, false),
  'mistral-embed': sold(1024, 8192, 0.1, false),
};

/** A tag, as in `nomic-embed-text:latest`, is the server's own, and `-ONNX` says how the same weights are stored. */
export const knownModel = (name: string): KnownModel | undefined => {
  const plain = (name.split(/[\\/]/).at(-1) ?? '')
    .toLowerCase()
    .replace(/:.*$/, '')
    .replace(/-onnx$/, '');
  return Object.hasOwn(models, plain) ? models[plain] : undefined;
};

/** What embedding so many tokens costs, in dollars; `undefined` where nobody sells it, or Tidemark does not know. */
export const priceOf = (model: string, tokens: number): number | undefined => {
  const price = knownModel(model)?.price;
  return price === undefined ? undefined : (price * tokens) / 1e6;
};
