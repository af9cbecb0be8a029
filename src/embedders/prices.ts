/** What embedding costs, as far as this file knows; one line for each kind or model that costs something. */
import type { EmbedderOptions } from '../config.ts';

export interface Price {
  readonly currency: string;
  readonly perMillionTokens: number;
}

/** `undefined` where nobody knows; nothing costs nothing. */
export const priceOf = ({ kind }: EmbedderOptions): Price | undefined => {
  switch (kind) {
    case 'static':
    case 'hash':
      return { currency: 'USD', perMillionTokens: 0 };
  }
};
