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
  { weight: 1, arbitrary: fc.constantFrom('---', '===', '```', '~~~', '```ts', '* * *', '}', '});', 'end', '// note') },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.constantFrom('- ', '1. ', '  * ', '| '), sentence).map(([mark, text]) => mark + text),
  },
  { weight: 1, arbitrary: longLine },
);

const languages = ['markdown', 'text', 'typescript', 'python', 'yaml', 'json'];

export const anyText: fc.Arbitrary<Text> = fc
  .tuple(
    fc.array(line, { minLength: 1, maxLength: 120 }),
    fc.constantFrom(...languages),
    fc.constantFrom('\n', '\n', '\r\n'),
  )
  .map(([lines, language, ending]) => ({ content: lines.join(ending), language, mediaType: 'text/plain' }));

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
