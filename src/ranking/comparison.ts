/**
 * What search by meaning says of a question, said again by an embedder that can afford to read the passages: of those that
 * either arm has found, so that what the words have found is judged by its meaning too. The store is not asked again.
 */
import type { Embedder } from '../ports.ts';
import { type Arms, keyOf } from './fusion.ts';

/** Of each arm. What comes after them was not near, and reading costs by the passage. */
const READ = 50;

export const compared = async (
  text: string,
  { dense, lexical }: Arms,
  compare: NonNullable<Embedder['compare']>,
): Promise<Arms> => {
  const hits = new Map([...dense.slice(0, READ), ...lexical.slice(0, READ)].map((hit) => [keyOf(hit), hit]));
  const read = [...hits.values()];
  const scores = await compare(
    text,
    read.map(({ point }) => point.embed),
  );
  const best = read.map(({ point }, at) => ({ point, score: scores[at] ?? 0 })).toSorted((a, b) => b.score - a.score);
  return { dense: [...best, ...dense.slice(READ).filter((hit) => !hits.has(keyOf(hit)))], lexical };
};
