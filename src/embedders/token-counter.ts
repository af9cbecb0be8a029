/**
 * Counts tokens exactly as the embedder makes them, inside the chunker's thread: loads vocabularies, never a model.
 * No token reaches across white space, so a text has as many as its lines have together.
 */

import type { EmbedderOptions } from '../config/embedder.ts';
import { tokenCounter as approximate } from '../content/tokens.ts';
import { hashTokens } from './hash.ts';
import { staticTokens } from './static-files.ts';
import { transformersTokens } from './transformers-tokens.ts';

/** A promise, since a kind may have to load its tokenizer's package first. */
export const tokenCounter = async (options: EmbedderOptions): Promise<(text: string) => number> => {
  switch (options.kind) {
    case 'static':
      return staticTokens().count;
    case 'transformers':
      return transformersTokens(options);
    case 'openai':
      return approximate();
    case 'hash':
      return hashTokens;
  }
};
