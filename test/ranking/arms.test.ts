import { expect, test } from 'vitest';
import type { Hit, Query } from '../../src/ports.ts';
import { armSize, armsOf } from '../../src/ranking/arms.ts';
import { point } from '../contracts/store-builders.ts';

test('an arm brings five times the limit, and fifty at least', () => {
  expect([1, 10, 11, 100].map(armSize)).toEqual([50, 50, 55, 500]);
});

test('a question is asked by its meaning, by its words, and by what may stand for them', async () => {
  const asked: Pick<Query, 'mode' | 'terms' | 'limit'>[] = [];
  const arms = await armsOf({ text: 'Wildcards?', limit: 50 }, async (by) => {
    asked.push(by);
    const { vector: _, ...stored } = point({ id: by.terms ? 'related' : by.mode });
    return [{ score: 1, point: stored }] satisfies Hit[];
  });
  expect(asked.map(({ mode, limit }) => [mode, limit])).toEqual([
    ['dense', 50],
    ['lexical', 50],
    ['lexical', 30],
  ]);
  expect(asked[2]?.terms?.get('glob')).toBe(1);
  for (const [arm, [hit]] of Object.entries(arms)) expect(hit?.point.id).toBe(arm);
});

test('what has no words is not widened', async () => {
  const arms = await armsOf({ text: '?!', limit: 50 }, async ({ terms }) => {
    expect(terms).toBeUndefined();
    return [];
  });
  expect(arms.related).toEqual([]);
});
