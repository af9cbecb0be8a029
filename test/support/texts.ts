/** Texts of all kinds for properties: Markdown, code, data, prose, and what nobody would write. */
import fc from 'fast-check';
import type { Text } from '../../src/records.ts';

const word = fc.oneof(
  fc.constantFrom('offset', 'commit', 'the', 'store', 'ledger', 'reads', 'is', 'a', 'partition', 'retryBackoffMs'),
  fc.string({ minLength: 1, maxLength: 12 }),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 6 }),
);
const sentence = fc.array(word, { minLength: 1, maxLength: 14 }).map((words) => words.join(' '));
const longLine = fc
  .tuple(sentence, fc.integer({ min: 20, max: 200 }), fc.constantFrom(' ', '', ','))
  .map(([part, times, between]) => Array.from({ length: times }, () => part).join(between));

const line = fc.oneof(
  { weight: 12, arbitrary: sentence },
  { weight: 4, arbitrary: fc.constantFrom('', '  ', '\t') },
  {
    weight: 3,
    arbitrary: fc.tuple(fc.constantFrom('    ', '\t', '  '), sentence).map(([indent, text]) => indent + text),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.integer({ min: 1, max: 7 }), sentence).map(([n, text]) => `${'#'.repeat(n)} ${text}`),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '---',
      '===',
      '```',
      '~~~',
      '```ts',
      '* * *',
      '----',
      '|===',
      '====',
      '.Title',
      '[source]',
      '==  ==',
      '+--+--+',
      '+==+==+',
      '| a | b |',
      '|---|---|',
      '}',
      '});',
      'end',
      '// note',
    ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.constantFrom('- ', '1. ', '  * ', '| '), sentence).map(([mark, text]) => mark + text),
  },
  { weight: 1, arbitrary: longLine },
);

const languages = ['markdown', 'asciidoc', 'restructuredtext', 'text', 'typescript', 'python', 'yaml', 'json'];

const anyLines: fc.Arbitrary<Text> = fc
  .tuple(
    fc.array(line, { minLength: 1, maxLength: 120 }),
    fc.constantFrom(...languages),
    fc.constantFrom('\n', '\n', '\r\n'),
  )
  .map(([lines, language, ending]) => ({ content: lines.join(ending), language, mediaType: 'text/plain' }));

/** How languages with a grammar write what all of them have. An empty `end` is none. */
interface Dialect {
  readonly comment: string;
  readonly type: (name: string) => string;
  readonly method: (name: string) => string;
  readonly statement: (name: string, value: string) => string;
  readonly end: string;
}

const braces = (type: string, method: string, statement: string): Dialect => ({
  comment: '//',
  type: (name) => `${type} ${name} {`,
  method: (name) => method.replace('NAME', name),
  statement: (name, value) => statement.replace('NAME', name).replace('VALUE', value),
  end: '}',
});

const dialects: Readonly<Record<string, Dialect>> = {
  c: braces('struct', 'int NAME(int a) {', 'NAME = call(VALUE);'),
  cpp: braces('namespace', 'int NAME(int a) {', 'auto NAME = call(VALUE);'),
  csharp: braces('class', 'public int NAME(int a) {', 'var NAME = Call(VALUE);'),
  go: braces('func', 'NAME := func() {', 'NAME = call(VALUE)'),
  java: braces('class', 'int NAME(int a) {', 'int NAME = call(VALUE);'),
  javascript: braces('class', 'NAME(a) {', 'const NAME = call(VALUE);'),
  python: {
    comment: '#',
    type: (name) => `class ${name}:`,
    method: (name) => `def ${name}(self):`,
    statement: (name, value) => `${name} = call(${value})`,
    end: '',
  },
  ruby: {
    comment: '#',
    type: (name) => `class ${name}`,
    method: (name) => `def ${name}(a)`,
    statement: (name, value) => `${name} = call(${value})`,
    end: 'end',
  },
  rust: braces('mod', 'fn NAME(a: u8) {', 'let NAME = call(VALUE);'),
  typescript: braces('class', 'NAME(a: number): number {', 'const NAME = call(VALUE);'),
};

const name = fc.stringMatching(/^[A-Z][a-z]{2,9}$/);
const inside = (indent: string, lines: readonly string[]) => lines.map((one) => (one === '' ? '' : indent + one));

const anyCode: fc.Arbitrary<Text> = fc.constantFrom(...Object.keys(dialects)).chain((language) => {
  const { comment, type, method, statement, end } = dialects[language] as Dialect;
  const ends = end === '' ? [] : [end];
  const statements = fc.array(
    fc.oneof(
      { weight: 6, arbitrary: fc.tuple(name, fc.nat()).map(([left, right]) => statement(left, `${right}`)) },
      { weight: 1, arbitrary: fc.constant('') },
      { weight: 1, arbitrary: name.map((one) => `${comment} ${one} is said here`) },
      { weight: 1, arbitrary: line },
    ),
    { minLength: 1, maxLength: 25 },
  );
  const remark = fc.array(
    name.map((one) => `${comment} ${one} it is`),
    { maxLength: 4 },
  );
  const methods = fc
    .tuple(remark, name, statements)
    .map(([said, called, body]) => [...said, method(called), ...inside('  ', body), ...ends, '']);
  const types = fc
    .tuple(remark, name, fc.array(methods, { minLength: 1, maxLength: 6 }))
    .map(([said, called, body]) => [...said, type(called), ...inside('  ', body.flat()), ...ends, '']);
  return fc
    .array(fc.oneof(types, methods, statements), { minLength: 1, maxLength: 5 })
    .map((parts) => ({ content: parts.flat().join('\n'), language, mediaType: 'text/plain' }));
});

export const anyText: fc.Arbitrary<Text> = fc.oneof(anyLines, anyCode);

/** The same numbers for the same seed, so that what is measured today is measured tomorrow. */
export const randomOf = (seed: number): (() => number) => {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
};

const VOCABULARY =
  'offset commit store ledger reads topic consumer partition value when each group of the a is to config error retry backoff window tree blob plan change index vector chunk model search query rank hybrid dense'.split(
    ' ',
  );

export const sentenceOf = (random: () => number): string =>
  Array.from(
    { length: 4 + Math.floor(random() * 12) },
    () => VOCABULARY[Math.floor(random() * VOCABULARY.length)],
  ).join(' ');
