import { expect, test } from 'vitest';
import type { Hit } from '../../src/ports.ts';
import { rerank } from '../../src/ranking/rerank.ts';
import { documentKey } from '../../src/records.ts';
import { point } from '../contracts/store-builders.ts';

let made = 0;
const hit = (path: string, text: string, score: number, ref = 'main'): Hit => {
  made += 1;
  const document = documentKey({ instance: 'git', project: 'p', ref, path });
  const { vector: _, ...stored } = point({ id: `${made}`, document, text });
  return { point: stored, score };
};
const pathsOf = (hits: readonly Hit[]) => hits.map(({ point: { document } }) => document.split('\0').at(-1));

test('what defines the asked name stands before what uses it', () => {
  const hits = [
    hit('src/a.ts', 'parseRef(key); parseRef(other);', 1),
    hit('src/b.ts', 'export const parseRef = (key: string) => key;', 0.4),
  ];
  for (const asked of ['parseRef', 'records.parseRef', 'parseRef()', 'where is parseRef', 'what does `parseref` do'])
    expect(pathsOf(rerank(asked, hits, 10))[0]).toBe('src/b.ts');
  expect(pathsOf(rerank('refs that are parsed', hits, 10))[0]).toBe('src/a.ts');
});

test('a name all of whose parts are asked for, and a file that is called so, count for something', () => {
  const alike = [hit('a.py', 'x = open()', 1), hit('b.py', 'def open_stream(name):', 0.9)];
  expect(pathsOf(rerank('how a stream is opened', alike, 10))[0]).toBe('b.py');
  const called = [hit('a.py', 'x', 1), hit('open_stream.py', 'y', 0.9)];
  expect(pathsOf(rerank('streams that are open', called, 10))[0]).toBe('open_stream.py');
});

test('tests, examples, change logs and vendored copies stand behind, unless they are asked for', () => {
  for (const aside of [
    'test/a.ts',
    'pkg/a_test.go',
    'src/a.spec.ts',
    '_examples/x/main.go',
    'CHANGELOG.md',
    'tests/t.py',
  ]) {
    const hits = [hit(aside, 'one', 1), hit('src/a.ts', 'two', 0.7)];
    expect(pathsOf(rerank('how it works', hits, 10))).toEqual(['src/a.ts', aside]);
    expect(pathsOf(rerank('tests and examples of how it works', hits, 10))[0]).toBe(aside);
  }
  const vendored = [hit('third_party/x/a.c', 'one', 1), hit('src/a.c', 'two', 0.5)];
  expect(pathsOf(rerank('tests of it', vendored, 10))[0]).toBe('src/a.c');
  const plain = [hit('src/contest/latest.ts', 'one', 1), hit('src/a.ts', 'two', 0.7)];
  expect(pathsOf(rerank('how it works', plain, 10))[0]).toBe('src/contest/latest.ts');
});

test('a file with several hits goes before one with a single hit that is as good', () => {
  const hits = [hit('a.ts', 'one', 1), hit('b.ts', 'two', 1), hit('b.ts', 'three', 0.5), hit('b.ts', 'four', 0.5)];
  expect(pathsOf(rerank('something', hits, 2))).toEqual(['b.ts', 'a.ts']);
});

test('almost the same text is one hit with its copies, shown where it is worth most', () => {
  const lines = Array.from({ length: 10 }, (_, i) => `line ${i}`);
  const text = lines.join('\n');
  const edited = [...lines.slice(1), 'another'].map((line) => `  ${line}`).join('\n\n');
  const hits = [
    hit('vendor/a.ts', text, 1),
    hit('src/a.ts', text, 0.9),
    hit('src/a.ts', edited, 0.8, 'dev'),
    hit('src/other.ts', 'another\nline 1\nline 2', 0.7),
  ];
  const ranked = rerank('anything', hits, 10);
  expect(pathsOf(ranked)).toEqual(['src/a.ts', 'src/other.ts']);
  expect(pathsOf(ranked[0]?.copies ?? [])).toEqual(['src/a.ts', 'vendor/a.ts']);
});

test('no file fills the page while others have something', () => {
  const hits = [
    ...Array.from({ length: 20 }, (_, i) => hit('big.ts', `part ${i}`, 1 - i / 1_000)),
    ...Array.from({ length: 7 }, (_, i) => hit(`small${i}.ts`, `own ${i}`, 0.01)),
  ];
  const page = pathsOf(rerank('question', hits, 10));
  expect(page.filter((path) => path === 'big.ts')).toHaveLength(3);
  expect(rerank('question', hits.slice(0, 20), 10)).toHaveLength(10);
});

test('there is no floor: the worst of hits is one, and nothing stays nothing', () => {
  expect(rerank('x', [hit('a.ts', 'a', 1e-9)], 10)).toHaveLength(1);
  expect(rerank('x', [], 10)).toEqual([]);
});

test('the same hits are put in the same order', () => {
  const hits = Array.from({ length: 60 }, (_, i) => hit(`f${i % 9}.ts`, `const value${i} = ${i};`, 1 / (60 + i)));
  expect(rerank('value7', hits, 20)).toEqual(rerank('value7', hits, 20));
});
