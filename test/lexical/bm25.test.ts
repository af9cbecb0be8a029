import { expect, test } from 'vitest';
import { inverseFrequency, termWeight } from '../../src/lexical/bm25.ts';

test('a weight saturates with repetition and falls with length; a term that all points have still counts a little', () => {
  // At the average length of 256 normalisation drops out: 2.2 tf / (tf + 1.2).
  expect(termWeight(1, 256)).toBeCloseTo(1, 10);
  expect(termWeight(1_000, 256)).toBeLessThan(2.2);
  expect(termWeight(1, 512)).toBeLessThan(1);
  expect(inverseFrequency(10, 10)).toBeGreaterThan(0);
  expect(inverseFrequency(10, 1)).toBeCloseTo(Math.log(9.5 / 1.5 + 1), 10);
});
