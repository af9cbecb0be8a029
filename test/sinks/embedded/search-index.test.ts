import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Allowed,
  type IndexedPoint,
  type SearchIndex,
  searchIndex,
} from '../../../src/sinks/embedded/search-index.ts';
import { matrix } from '../../../src/vectors/matrix.ts';

const DIMENSIONS = 5;
const ALL: Allowed = { document: undefined, languages: undefined };
const TERMS = 40;

/** Repeats with its seed. */
const chance = (seed: number) => () => {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) | 0;
  return (seed >>> 0) / 2 ** 32;
};

const randomPoint = (row: number, random: () => number): IndexedPoint => {
  const ids = Uint32Array.from(
    new Set(Array.from({ length: 1 + Math.floor(random() * 6) }, () => Math.floor(random() ** 2 * TERMS))),
  );
  return {
    row,
    document: Math.floor(row / 3),
    language: row % 4 === 0 ? 'markdown' : 'typescript',
    vector: Float32Array.from({ length: DIMENSIONS }, () => random() - 0.5),
    terms: { ids, weights: Float32Array.from(ids, () => 0.1 + random()) },
  };
};

/** What both answer to the same questions: dense, lexical, filtered by document and by language. */
const answers = (index: SearchIndex, random: () => number) => {
  const filters: Allowed[] = [
    ALL,
    { document: (document) => document % 2 === 0, languages: undefined },
    { document: undefined, languages: ['markdown', 'cobol'] },
  ];
  return filters.flatMap((allowed) => {
    const query = Float32Array.from({ length: DIMENSIONS }, () => random() - 0.5);
    const ids = Uint32Array.from(new Set([0, 1, 2].map(() => Math.floor(random() * TERMS))));
    const terms = { ids, weights: Float32Array.from(ids, () => 0.5 + random()) };
    return [index.dense(query, 30, allowed), index.lexical(terms, 30, allowed)].map((candidates) =>
      candidates.map(({ row, score }) => ({ row, score: Math.round(score * 1e4) })),
    );
  });
};

describe('the search index', () => {
  test('after any adding and removing it answers as one that is built anew', () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.array(
          fc.record({ add: fc.integer({ min: 0, max: 3_000 }), remove: fc.float({ min: 0, max: 1, noNaN: true }) }),
          {
            minLength: 1,
            maxLength: 4,
          },
        ),
        (seed, rounds) => {
          const random = chance(seed);
          const index = searchIndex(DIMENSIONS);
          const live = new Map<number, IndexedPoint>();
          let row = 0;
          for (const { add, remove } of rounds) {
            for (let i = 0; i < add; i += 1) {
              row += 1;
              const point = randomPoint(row, random);
              live.set(row, point);
              index.add(point);
            }
            // Neighbours go together, so that some segments empty and others stay.
            for (const one of [...live.keys()]) {
              if (Math.sin(one / 700 + seed) * 0.5 + 0.5 >= remove && random() < 0.9) continue;
              live.delete(one);
              index.remove(one);
            }
            index.remove(-5);
          }
          const rebuilt = searchIndex(DIMENSIONS);
          for (const point of live.values()) rebuilt.add(point);
          expect(index.points()).toBe(live.size);
          expect(answers(index, chance(seed + 1))).toEqual(answers(rebuilt, chance(seed + 1)));
        },
      ),
      { numRuns: 25 },
    );
  });

  test('vectors of any length are compared by their direction', () => {
    const index = searchIndex(2);
    const none = { ids: new Uint32Array(), weights: new Float32Array() };
    const add = (row: number, ...vector: number[]) =>
      index.add({ row, document: 1, language: 'text', vector: Float32Array.from(vector), terms: none });
    add(1, 100, 100);
    add(2, 0.01, 0);
    add(3, 0, 0);
    const found = index.dense(Float32Array.of(7, 0), 3, ALL);
    expect(found.map(({ row }) => row)).toEqual([2, 1, 3]);
    expect(found[0]?.score).toBeCloseTo(1, 6);
    expect(found[1]?.score).toBeCloseTo(Math.SQRT1_2, 6);
    expect(index.lexical({ ids: Uint32Array.of(1), weights: Float32Array.of(1) }, 3, ALL)).toEqual([]);
  });
});

test.each([1, 3, 8, 31, 256, 384, 1_000])(
  'with %i dimensions the products are those of the plain sum',
  (dimensions) => {
    const random = chance(dimensions);
    const rows = 9;
    const floats = matrix(dimensions, rows);
    const vector = () => Float32Array.from({ length: dimensions }, () => random() - 0.5);
    const blocks = [floats.block(), floats.block()];
    floats.release(blocks.pop() ?? 0);
    blocks.push(floats.block(), floats.block());
    const vectors = blocks.map(() => Array.from({ length: rows }, vector));
    blocks.forEach((block, b) => {
      vectors[b]?.forEach((one, row) => {
        floats.set(block, row, one);
      });
    });
    const query = vector();
    blocks.forEach((block, b) => {
      const expected = (vectors[b] ?? []).map((one) => one.reduce((sum, value, i) => sum + value * (query[i] ?? 0), 0));
      const products = floats.products(block, rows, query);
      expected.forEach((sum, row) => {
        expect(products[row]).toBeCloseTo(sum, 4);
      });
      expect(floats.row(block, 4)).toEqual(vectors[b]?.[4]);
    });
  },
);
