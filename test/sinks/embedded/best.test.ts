import { expect, test } from 'vitest';
import { best } from '../../../src/sinks/embedded/best.ts';

test('the best of many are those that sorting all of them puts first', () => {
  let seed = 1;
  const offers = Array.from({ length: 500 }, (_, item) => {
    seed = (Math.imul(seed, 48_271) >>> 0) % 2_147_483_647;
    return { item, score: seed % 40 };
  });
  const found = best(70);
  for (const { item, score } of offers) found.offer(item, score);
  expect(found.sorted()).toEqual(offers.sort((a, b) => b.score - a.score || a.item - b.item).slice(0, 70));
});
