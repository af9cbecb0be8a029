import { expect, test } from 'vitest';
import { best } from '../../src/sinks/best.ts';
import { globPattern } from '../../src/sinks/glob.ts';
import { armSize, fuse, inverseFrequency, termWeight } from '../../src/sinks/ranking.ts';

test('fusion adds 1 / (60 + position) over the arms, positions counted from 0', () => {
  const fused = fuse([
    { items: ['a', 'b', 'c'], weight: 1 },
    { items: ['c', 'a'], weight: 1 },
  ]);
  expect(fused.map(({ item }) => item)).toEqual(['a', 'c', 'b']);
  expect(fused.map(({ score }) => score)).toEqual([1 / 60 + 1 / 61, 1 / 62 + 1 / 60, 1 / 61]);
});

test('a weight divides the position of its arm, as the server has it', () => {
  const fused = fuse([
    { items: ['a', 'b'], weight: 0.5 },
    { items: ['b'], weight: 2 },
  ]);
  expect(fused).toEqual([
    { item: 'b', score: 1 / (2 / 0.5 + 59) + 1 / (1 / 2 + 59) },
    { item: 'a', score: 1 / (1 / 0.5 + 59) },
  ]);
});

test('of equals fusion puts the one first that the earlier arm named', () => {
  const arms = [['dense'], ['lexical']].map((items) => ({ items, weight: 1 }));
  expect(fuse(arms).map(({ item }) => item)).toEqual(['dense', 'lexical']);
  expect(fuse([])).toEqual([]);
});

test('an arm brings five times the limit, and fifty at least', () => {
  expect([1, 10, 11, 100].map(armSize)).toEqual([50, 50, 55, 500]);
});

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
