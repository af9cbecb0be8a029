/** The lists that a hybrid search is made of. */
import type { Hit, Query } from '../ports.ts';
import { thesaurus } from './thesaurus.ts';

export interface Arms {
  readonly dense: readonly Hit[];
  readonly lexical: readonly Hit[];
  /** By the question's words and what may stand for them. */
  readonly related: readonly Hit[];
}

/** How many hits an arm brings. Cut at the limit, the arms would hardly overlap and fusion would choose between strangers. */
export const armSize = (limit: number): number => Math.max(50, 5 * limit);

/** Of another arm's size: beyond it they are not read beside the question any more. */
const RELATED_SHARE = 0.6;

/** `limit` is of an arm. */
export const armsOf = async (
  { text, limit }: Pick<Query, 'text' | 'limit'>,
  ask: (by: Pick<Query, 'mode' | 'terms' | 'limit'>) => Promise<readonly Hit[]>,
): Promise<Arms> => {
  const terms = thesaurus().widened(text);
  const [dense, lexical, related] = await Promise.all([
    ask({ mode: 'dense', limit }),
    ask({ mode: 'lexical', limit }),
    terms.size > 0 ? ask({ mode: 'lexical', terms, limit: Math.ceil(RELATED_SHARE * limit) }) : [],
  ]);
  return { dense, lexical, related };
};
