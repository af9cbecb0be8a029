import { expect, test } from 'vitest';
import { measured } from '../../bench/retrieval/measures.ts';
import { answersOf } from '../../bench/retrieval/questions.ts';

const CODE = `import x from 'x';

/** Adds. */
// Really.
export const add = (
  a: number,
) => {

  return a;
};

const other = 1;`;
const DOCS = '# Title\n\nIntro\n\n## One\n\ntext\n\n### Deeper\n\nmore\n\n## Two\n';

const placeOf = (path: string, at: string) => {
  const files = new Map([
    ['a.ts', CODE],
    ['a.md', DOCS],
  ]);
  const [answer] = answersOf({ ask: 'q', kind: 'k', answers: [{ path, at }] }, (file) => files.get(file));
  return answer && `${answer.startLine}-${answer.endLine}`;
};

test('an answer reaches from the comment above the line that names it to the end of its block or section', () => {
  expect(placeOf('a.ts', 'export const add')).toBe('3-10');
  expect(placeOf('a.ts', 'const other')).toBe('12-12');
  expect(placeOf('a.ts', 'Adds.')).toBe('3-4');
  expect(placeOf('a.md', '## One')).toBe('5-12');
  expect(placeOf('a.md', '### Deeper')).toBe('9-12');
  expect(placeOf('a.ts', '2-4')).toBe('2-4');
  expect(placeOf('a.ts', '*')).toBe('1-12');
});

test('an answer that is not there any more is an error', () => {
  expect(() => placeOf('a.ts', 'export const gone')).toThrow('a.ts has no "export const gone"');
  expect(() => placeOf('gone.ts', '*')).toThrow('gone.ts');
});

test('a hit meets an answer when they share a line; further chunks of the same answer bring nothing', () => {
  const answers = [
    { path: 'a', startLine: 10, endLine: 20 },
    { path: 'b', startLine: 1, endLine: 5 },
  ];
  const hit = (path: string, startLine: number, endLine: number) => ({ path, startLine, endLine, copies: [] });
  const miss = hit('a', 1, 9);
  const ideal = 1 + 1 / Math.log2(3);
  expect(measured([miss, hit('a', 20, 30), hit('a', 11, 12)], answers)).toEqual({
    recall5: 1,
    recall10: 1,
    mrr: 1 / 2,
    ndcg: 1 / Math.log2(3) / ideal,
  });
  expect(measured([...Array(5).fill(miss), hit('b', 5, 6)], answers)).toMatchObject({ recall5: 0, recall10: 1 });
  expect(measured([...Array(10).fill(miss), hit('b', 5, 6)], answers).recall10).toBe(0);
  expect(measured([{ ...miss, copies: [hit('b', 2, 2)] }], answers).mrr).toBe(1);
});
