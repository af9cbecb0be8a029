import { expect, test } from 'vitest';
import type { Hit } from '../../src/ports.ts';
import { armSize, DOUBT, fuse } from '../../src/ranking/fusion.ts';
import { point } from '../contracts/store-builders.ts';

const hit = (id: string, text = id): Hit => {
  const { vector: _, ...stored } = point({ id, text });
  return { point: stored, score: 1 };
};
const idsOf = (hits: readonly Hit[]) => hits.map(({ point: { id } }) => id);

test('an arm brings five times the limit, and fifty at least', () => {
  expect([1, 10, 11, 100].map(armSize)).toEqual([50, 50, 55, 500]);
});

test('fusion adds 1 / (60 + position) over the arms, positions counted from 0', () => {
  const asked = 'offset';
  const fused = fuse(asked, {
    dense: [hit('a'), hit('b', 'an offset'), hit('c')],
    lexical: [hit('b', 'an offset'), hit('d', 'offsets')],
  });
  expect(idsOf(fused)).toEqual(['b', 'a', 'd', 'c']);
  [1 / 61 + 1 / 60, 1 / 60, 1 / 61, 1 / 62].forEach((score, at) => {
    expect(fused[at]?.score).toBeCloseTo(score, 10);
  });
});

test('words count by the square of what the best of their hits meets of the question', () => {
  const dense = [hit('a')];
  const score = (asked: string) => fuse(asked, { dense, lexical: [hit('l', 'commit offsets')] }).at(-1)?.score;
  expect(score('offsets committed')).toBeCloseTo(1 / 60, 10);
  expect(score('offsets sandwich')).toBeCloseTo(1 / 4 / 60, 10);
  expect(score('offsets sandwich elephant piano')).toBeCloseTo(1 / 16 / 60, 10);
});

test('words count for less where the passages were read beside the question', () => {
  const arms = { dense: [hit('a')], lexical: [hit('l', 'commit offsets')] };
  expect(fuse('offsets sandwich', arms, DOUBT.read).at(-1)?.score).toBeCloseTo(1 / 16 / 60, 10);
  expect(fuse('offsets committed', arms, DOUBT.read).at(-1)?.score).toBeCloseTo(1 / 60, 10);
});

test('a point is known by its document too', () => {
  const other = { ...hit('a'), point: { ...hit('a').point, document: 'other' } };
  expect(fuse('a', { dense: [hit('a')], lexical: [other] })).toHaveLength(2);
});

test('an arm that brings nothing leaves the other as it is', () => {
  expect(idsOf(fuse('?!', { dense: [hit('a'), hit('b')], lexical: [] }))).toEqual(['a', 'b']);
  expect(idsOf(fuse('word', { dense: [], lexical: [hit('l', 'word')] }))).toEqual(['l']);
  expect(fuse('', { dense: [], lexical: [] })).toEqual([]);
});
