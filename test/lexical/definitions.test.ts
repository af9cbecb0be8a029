import { expect, test } from 'vitest';
import { definedNames } from '../../src/lexical/definitions.ts';
import { symbolsOf } from '../../src/lexical/symbols.ts';

test.each([
  ['export const parseRef = (key: string) => key;', ['parseRef']],
  ['export default async function* pages() {', ['pages']],
  ['  async close() {', ['close']],
  ['  raise: (document, seq) => ask(document),', ['raise']],
  ['  get size() {', ['size']],
  ['export interface Hit {', ['Hit']],
  ['class Context:', ['Context']],
  ['    def invoke(self, ctx):', ['invoke']],
  ['def self.parse(text)', ['parse']],
  ['DEFAULT_PORT = 7717', ['DEFAULT_PORT']],
  ['func (mx *Mux) Mount(pattern string) {', ['Mount']],
  ['type Router interface {', ['Router']],
  ['pub(crate) fn longest<T>(a: T) -> T {', ['longest']],
  ['macro_rules! vec {', ['vec']],
  ['#define MAX_LINE 500', ['MAX_LINE']],
  ['  public static List<String> namesOf(int count) {', ['namesOf']],
  ['static int compare(const void *a, const void *b)', ['compare']],
  ['deploy() {', ['deploy']],
  ['  const local = 1;', []],
  ['  if (ready) {', []],
  ['  return parseRef(key);', []],
  ['import { parseRef } from "./records";', []],
  ['A sentence about a function that does this.', []],
  [`const data = "${'x'.repeat(600)}";`, []],
])('%s', (line, names) => {
  expect(definedNames(line)).toEqual(names);
});

test('a line that is made to be slow is not', () => {
  const hostile = ['a '.repeat(249), `${'('.repeat(499)}`, `${'a<'.repeat(249)}(`, `public ${'static '.repeat(70)}`];
  const began = performance.now();
  for (const line of hostile) for (let i = 0; i < 20; i += 1) definedNames(line);
  // Quadratic takes milliseconds, exponential would not come to an end.
  expect(performance.now() - began).toBeLessThan(10_000);
});

test.each([
  ['termWeight', ['termweight']],
  ['Context.invoke()', ['invoke']],
  ['std::vector', ['vector']],
  ['where is max_retry_count defined', ['max_retry_count']],
  ['how does Context find `fuse`', ['context', 'fuse']],
  ['HTTPServer and _private', ['httpserver', '_private']],
  ['How are offsets committed?', []],
  ['caf\u0065\u0301', ['caf\u00e9']],
  ['?!', []],
])('the names of code in: %s', (question, symbols) => {
  expect([...symbolsOf(question)]).toEqual(symbols);
});
