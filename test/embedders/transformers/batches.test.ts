import fc from 'fast-check';
import { expect, it } from 'vitest';
import { batchesOf } from '../../../src/embedders/transformers/batches.ts';

const text = (length: number) => ({ ids: new Array<number>(length).fill(1) });
const lengths = (batches: ReturnType<typeof batchesOf>) => batches.map((batch) => batch.map(({ ids }) => ids.length));

it('texts of about one length are computed together, by their tokens and never by their number', () => {
  const batches = batchesOf([3, 90, 4, 100, 3].map(text), { batchTokens: 200, alone: false });
  expect(lengths(batches)).toEqual([
    [100, 90],
    [4, 3, 3],
  ]);
});

it('a text that is longer than a batch goes alone', () => {
  expect(lengths(batchesOf([500, 20].map(text), { batchTokens: 100, alone: false }))).toEqual([[500], [20]]);
});

it('every text goes alone where its vector would depend on the others', () => {
  expect(lengths(batchesOf([1, 2, 3].map(text), { batchTokens: 100, alone: true }))).toEqual([[3], [2], [1]]);
});

it('no batch has more tokens than it may, padded, and no text is lost', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 512 })), fc.integer({ min: 16, max: 4096 }), (all, batchTokens) => {
      const batches = lengths(batchesOf(all.map(text), { batchTokens, alone: false }));
      for (const batch of batches)
        if (batch.length > 1) expect(batch.length * Math.max(...batch)).toBeLessThanOrEqual(batchTokens);
      expect(batches.flat()).toEqual([...all].sort((a, b) => b - a));
    }),
  );
});
