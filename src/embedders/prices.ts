/** What embedding costs, as far as is known. */
import type { EmbedderOptions } from '../config/embedder.ts';
import { priceOf as priceOfModel } from './models.ts';

const MILLION = 1_000_000;

export interface Price {
  readonly currency: string;
  readonly perMillionTokens: number;
}

/** `undefined` where nobody knows; what runs on this machine costs nothing. */
export const priceOf = (options: EmbedderOptions): Price | undefined => {
  const perMillionTokens = options.kind === 'openai' ? priceOfModel(options.model, MILLION) : 0;
  return perMillionTokens === undefined ? undefined : { currency: 'USD', perMillionTokens };
};
