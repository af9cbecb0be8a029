/**
 * What search by meaning says of a question, said again by an embedder that can afford to read the passages: of those that
 * any arm has found, so that what the words have found is judged by its meaning too. The store is not asked again.
 */
import type { Embedder, Hit } from '../ports.ts';
import type { Arms } from './arms.ts';
import { keyOf } from './fusion.ts';

/** Of each arm. What comes after them was not near, and reading costs by the passage. */
const READ = 50;
/** Of all that is read, since reading costs by the character: 5 to 15 ms of the built-in embedder. */
const CHARACTERS = 28_000;

export const compared = async (text: string, arms: Arms, compare: NonNullable<Embedder['compare']>): Promise<Arms> => {
  const hits = toRead(arms);
  const read = [...hits.values()];
  const scores = await compare(
    text,
    read.map(({ point }) => point.embed),
  );
  const best = read.map(({ point }, at) => ({ point, score: scores[at] ?? 0 })).toSorted((a, b) => b.score - a.score);
  return { ...arms, dense: [...best, ...arms.dense.filter((hit) => !hits.has(keyOf(hit)))] };
};

/** The best of all arms in turn, by their keys, as far as the characters reach. */
const toRead = ({ dense, lexical, related }: Arms): ReadonlyMap<string, Hit> => {
  const hits = new Map<string, Hit>();
  let characters = 0;
  for (let at = 0; at < READ; at += 1) {
    for (const hit of [dense[at], lexical[at], related[at]]) {
      if (!hit || hits.has(keyOf(hit))) continue;
      characters += hit.point.embed.length;
      if (characters > CHARACTERS) return hits;
      hits.set(keyOf(hit), hit);
    }
  }
  return hits;
};
