/** Every kind of embedder, one line each. */
import type { EmbedderOptions } from '../config.ts';
import type { Embedder } from '../ports.ts';
import { hashEmbedder, hashShape } from './hash.ts';
import { staticEmbedder, staticShape } from './static.ts';

export interface Embedding {
  readonly embedder: Embedder;
  /** All that shapes a vector: two embedders of one shape give one vector for one text. Part of the fingerprint. */
  readonly shape: Readonly<Record<string, unknown>>;
}

/** Nothing is loaded before the first call. */
export const embedderOf = (options: EmbedderOptions): Embedding => {
  switch (options.kind) {
    case 'static':
      return { embedder: staticEmbedder(), shape: staticShape };
    case 'hash':
      return { embedder: hashEmbedder(options), shape: hashShape(options) };
  }
};
