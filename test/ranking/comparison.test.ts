import { expect, test } from 'vitest';
import type { Hit } from '../../src/ports.ts';
import { compared } from '../../src/ranking/comparison.ts';
import { point } from '../contracts/store-builders.ts';

const hit = (id: string): Hit => {
  const { vector: _, ...stored } = point({ id, embed: id });
  return { point: stored, score: 1 };
};
const idsOf = (hits: readonly Hit[]) => hits.map(({ point: { id } }) => id);
const many = (name: string, count: number) => Array.from({ length: count }, (_, at) => hit(`${name}${at}`));

test('what any arm has found is put in order by how near its text is to the question', async () => {
  const scores = new Map([
    ['a', 0.2],
    ['b', 0.9],
    ['c', 0.5],
    ['e', 0.7],
  ]);
  const asked: string[] = [];
  const lexical = [hit('c'), hit('b')];
  const related = [hit('e')];
  const found = { dense: [hit('a'), hit('b')], lexical, related };
  const arms = await compared('question', found, async (question, passages) => {
    asked.push(question, ...passages);
    return passages.map((passage) => scores.get(passage) ?? Number.NaN);
  });
  expect(asked).toEqual(['question', 'a', 'c', 'e', 'b']);
  expect(arms.dense.map(({ point: { id }, score }) => [id, score])).toEqual([
    ['b', 0.9],
    ['e', 0.7],
    ['c', 0.5],
    ['a', 0.2],
  ]);
  expect(arms.lexical).toBe(lexical);
  expect(arms.related).toBe(related);
});

test('fifty of each arm are read, and the others follow in the order they had', async () => {
  const dense = many('d', 53);
  const lexical = [hit('d51'), ...many('l', 60)];
  let read = 0;
  const arms = await compared('question', { dense, lexical, related: [] }, async (_, passages) => {
    read = passages.length;
    return passages.map((_, at) => at);
  });
  expect(read).toBe(100);
  expect(idsOf(arms.dense.slice(0, 2))).toEqual(['l48', 'd49']);
  expect(idsOf(arms.dense.slice(99))).toEqual(['d0', 'd50', 'd52']);
});

test('equals stay as they were', async () => {
  const dense = many('d', 9);
  const arms = await compared('question', { dense, lexical: [], related: [] }, async (_, passages) =>
    passages.map(() => 0),
  );
  expect(idsOf(arms.dense)).toEqual(idsOf(dense));
});

test('long passages are read as far as 28,000 characters reach, the best of all arms first', async () => {
  const long = (name: string) =>
    many(name, 9).map((one) => ({ ...one, point: { ...one.point, embed: 'x'.repeat(9_000) } }));
  const found = { dense: long('d'), lexical: long('l'), related: long('r') };
  const arms = await compared('question', found, async (_, passages) => passages.map(() => 1));
  expect(idsOf(arms.dense)).toEqual(['d0', 'l0', 'r0', 'd1', 'd2', 'd3', 'd4', 'd5', 'd6', 'd7', 'd8']);
});
