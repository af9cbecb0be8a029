/**
 * Counts tokens exactly as the embedder makes them, inside the chunker's thread: loads vocabularies, never a model.
 */

import type { TokenCounter } from '../chunker/token-counter.ts';
import type { EmbedderOptions } from '../config/embedder.ts';
import { tokenCounter as approximate } from '../content/tokens.ts';
import { staticTokens } from './static/files.ts';
import { transformersTokens } from './transformers/tokens.ts';

/** A promise, since a kind may have to load its tokenizer's package first. */
export const tokenCounter = async (options: EmbedderOptions): Promise<TokenCounter> => {
  switch (options.kind) {
    case 'static': {
      const { count } = staticTokens();
      return Object.assign((text: string) => count(text), { additive: true, between: count });
    }
    case 'transformers':
      return transformersTokens(options);
    case 'openai':
      // No token reaches across white space.
      return Object.assign(approximate(), { additive: true });
  }
};
