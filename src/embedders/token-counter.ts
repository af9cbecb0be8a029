/**
 * Counts tokens exactly as the embedder makes them, inside the chunker's thread: loads vocabularies, never a model.
 * No token reaches across white space, so a text has as many as its lines have together.
 */
import type { EmbedderOptions } from '../config.ts';
import { hashTokens } from './hash.ts';
import { staticTokens } from './static-files.ts';

/** A promise, since a kind may have to load its tokenizer's package first. */
export const tokenCounter = async ({ kind }: Pick<EmbedderOptions, 'kind'>): Promise<(text: string) => number> => {
  switch (kind) {
    case 'static':
      return staticTokens().count;
    case 'hash':
      return hashTokens;
  }
};
