import { expect, test } from 'vitest';
import type { Hit } from '../../src/ports.ts';
import type { Arms } from '../../src/ranking/arms.ts';
import { DOUBT, fuse } from '../../src/ranking/fusion.ts';
import { point } from '../contracts/store-builders.ts';

const hit = (id: string, text = id): Hit => {
  const { vector: _, ...stored } = point({ id, text });
  return { point: stored, score: 1 };
};
/** Arms that are not named bring nothing. */
const arms = (some: Partial<Arms>): Arms => ({ dense: [], lexical: [], related: [], ...some });
const idsOf = (hits: readonly Hit[]) => hits.map(({ point: { id } }) => id);

test('fusion adds 1 / (60 + position) over the arms, positions counted from 0', () => {
  const asked = 'offset';
  const dense = [hit('a'), hit('b', 'an offset'), hit('c')];
  const fused = fuse(asked, arms({ dense, lexical: [hit('b', 'an offset'), hit('d', 'offsets')] }));
  expect(idsOf(fused)).toEqual(['b', 'a', 'd', 'c']);
  [1 / 61 + 1 / 60, 1 / 60, 1 / 61, 1 / 62].forEach((score, at) => {
    expect(fused[at]?.score).toBeCloseTo(score, 10);
  });
});

test('words count by the square of what the best of their hits meets of the question', () => {
  const dense = [hit('a')];
  const score = (asked: string) => fuse(asked, arms({ dense, lexical: [hit('l', 'commit offsets')] })).at(-1)?.score;
  expect(score('offsets committed')).toBeCloseTo(1 / 60, 10);
  expect(score('offsets sandwich')).toBeCloseTo(1 / 4 / 60, 10);
  expect(score('offsets sandwich elephant piano')).toBeCloseTo(1 / 16 / 60, 10);
});

test('words count for less where the passages were read beside the question', () => {
  const both = arms({ dense: [hit('a')], lexical: [hit('l', 'commit offsets')] });
  expect(fuse('offsets sandwich', both, DOUBT.read).at(-1)?.score).toBeCloseTo(1 / 16 / 60, 10);
  expect(fuse('offsets committed', both, DOUBT.read).at(-1)?.score).toBeCloseTo(1 / 60, 10);
});

test('related words count by what the words of the question leave unmet', () => {
  const related = [hit('r')];
  const lexical = [hit('l', 'commit offsets')];
  const score = (asked: string) => fuse(asked, arms({ lexical, related })).find(({ point }) => point.id === 'r')?.score;
  expect(score('sandwich elephant')).toBeCloseTo(0.3 / 60, 10);
  expect(score('offsets sandwich')).toBeCloseTo(0.15 / 60, 10);
  expect(score('offsets committed')).toBe(0);
});

test('a point is known by its document too', () => {
  const other = { ...hit('a'), point: { ...hit('a').point, document: 'other' } };
  expect(fuse('a', arms({ dense: [hit('a')], lexical: [other] }))).toHaveLength(2);
});

test('an arm that brings nothing leaves the other as it is', () => {
  expect(idsOf(fuse('?!', arms({ dense: [hit('a'), hit('b')] })))).toEqual(['a', 'b']);
  expect(idsOf(fuse('word', arms({ lexical: [hit('l', 'word')] })))).toEqual(['l']);
  expect(fuse('', arms({}))).toEqual([]);
});
