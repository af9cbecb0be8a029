/** Every kind of embedder, one line each. */

import { withCredentials, withoutCredentials, withoutSecretFields, withSecretFields } from '../config/credentials.ts';
import type { EmbedderOptions } from '../config/embedder.ts';
import type { Embedder } from '../ports.ts';
import { besideOf } from '../runtime/thread.ts';
import { openaiEmbedder, openaiVectorSpace } from './openai.ts';
import type { Counts } from './openai-client.ts';
import { staticEmbedder, staticVectorSpace } from './static/static.ts';
import { transformersEmbedder, transformersVectorSpace } from './transformers/transformers.ts';

/** The module that counts tokens as an embedder does, for a thread that has no other part of it. */
export const tokenCounting = besideOf(import.meta.url, 'token-counter');

export interface Embedding {
  readonly embedder: Embedder;
  /** All that changes a vector: two embedders of one vector space give one vector for one text. Part of the fingerprint. */
  readonly vectorSpace: Readonly<Record<string, unknown>>;
}

/** Nothing is loaded, and nobody is asked, before the first call. `counted` hears of tokens that may have to be paid for. */
export const embedderOf = (options: EmbedderOptions, counted: Counts): Embedding => {
  switch (options.kind) {
    case 'static':
      return { embedder: staticEmbedder(), vectorSpace: staticVectorSpace };
    case 'transformers':
      return { embedder: transformersEmbedder(options), vectorSpace: transformersVectorSpace(options) };
    case 'openai':
      return { embedder: openaiEmbedder(options, counted), vectorSpace: openaiVectorSpace(options) };
  }
};

/** What may be written down: options without secrets. */
export const withoutSecrets = (options: EmbedderOptions): EmbedderOptions => {
  if (options.kind === 'transformers') return { ...options, hub: withoutCredentials(options.hub) };
  if (options.kind !== 'openai') return options;
  const { url, extra } = options;
  const { passage, query } = extra;
  return {
    ...{ ...options, url: withoutCredentials(url), apiKey: undefined },
    extra: { passage: withoutSecretFields(passage), query: withoutSecretFields(query) },
  };
};

/** Options that were written down, with what only the configuration knows: where both mean the same server, its secrets. */
export const withSecrets = (options: EmbedderOptions, configured: EmbedderOptions): EmbedderOptions => {
  if (options.kind === 'transformers' && configured.kind === 'transformers' && sameServer(options.hub, configured.hub))
    return { ...options, hub: withCredentials(options.hub, configured.hub) };
  if (options.kind !== 'openai' || configured.kind !== 'openai' || !sameServer(options.url, configured.url))
    return options;
  const { extra } = configured;
  return {
    ...{ ...options, url: withCredentials(options.url, configured.url), apiKey: options.apiKey ?? configured.apiKey },
    extra: {
      passage: withSecretFields(options.extra.passage, extra.passage),
      query: withSecretFields(options.extra.query, extra.query),
    },
  };
};

const sameServer = (one: string, other: string): boolean => new URL(one).host === new URL(other).host;
