import { expect, test } from 'vitest';
import { inverseFrequency, termWeight } from '../../src/ranking/bm25.ts';
import { best } from '../../src/sinks/best.ts';
import { globPattern } from '../../src/sinks/glob.ts';

test('a weight saturates with repetition and falls with length; a term that all points have still counts a little', () => {
  // At the average length of 256 normalisation drops out: 2.2 tf / (tf + 1.2).
  expect(termWeight(1, 256)).toBeCloseTo(1, 10);
  expect(termWeight(1_000, 256)).toBeLessThan(2.2);
  expect(termWeight(1, 512)).toBeLessThan(1);
  expect(inverseFrequency(10, 10)).toBeGreaterThan(0);
  expect(inverseFrequency(10, 1)).toBeCloseTo(Math.log(9.5 / 1.5 + 1), 10);
});

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

test.each([
  ['*.ts', 'src/deep/a.ts', true],
  ['*.ts', 'a.tsx', false],
  ['/a.ts', 'src/a.ts', false],
  ['/a.ts', 'a.ts', true],
  ['src', 'src/deep/a.ts', true],
  ['src/', 'lib/src/a.ts', true],
  ['src/*.ts', 'src/deep/a.ts', false],
  ['src/**/*.ts', 'src/a.ts', true],
  ['src/**/*.ts', 'src/x/y/a.ts', true],
  ['**/test/**', 'a/test/b/c.ts', true],
  ['{src,docs}/*.{ts,md}', 'docs/a.md', true],
  ['{src,docs}/*.{ts,md}', 'lib/a.md', false],
  ['[!a-c].md', 'd.md', true],
  ['[!a-c].md', 'b.md', false],
  ['a?c', 'a/c', false],
  ['d?c', 'd\udc80c', true],
  ['a{b', 'a{b', true],
  ['a\\*b', 'a*b', true],
  ['a\\*b', 'axb', false],
  ['a.b+c(d)', 'a.b+c(d)', true],
  ['a.b', 'axb', false],
])('the glob %s and %s: %s', (glob, path, matches) => {
  expect(globPattern(glob).test(path)).toBe(matches);
});
