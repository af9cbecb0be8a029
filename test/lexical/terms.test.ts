import { describe, expect, test } from 'vitest';
import { termWeight } from '../../src/lexical/bm25.ts';
import { stem } from '../../src/lexical/stem.ts';
import { documentTerms, queryTerms, termId, termsOf } from '../../src/lexical/terms.ts';

/** The weights by term, for the words asked for. */
const weightsOf = (embed: string, path: string, words: readonly string[]) => {
  const { ids, weights } = documentTerms(embed, path);
  return words.map((word) => weights[ids.indexOf(termId(word))]);
};

describe('terms of an identifier', () => {
  test.each([
    ['readFileSync', ['readfilesync', 'read', 'file', 'sync']],
    ['HTTPServer2', ['httpserver2', 'http', 'server', '2']],
    ['max_retry_count', ['max_retry_count', 'max', 'retri', 'count']],
    ['SCREAMING_CASE', ['screaming_case', 'scream', 'case']],
    ['__init__', ['init']],
    ['kafka.groupId', ['kafka.groupid', 'kafka', 'groupid', 'group', 'id']],
    ['1.18.3', ['1.18.3', '1', '18', '3']],
    ['offsets', ['offset']],
    ['the', []],
    ['Übergröße', ['übergröße']],
    ['変更管理', ['変更', '更管', '管理']],
    ['x'.repeat(65), []],
  ])('%s', (word, terms) => {
    expect(termsOf(word)).toEqual(terms);
  });
});

describe('terms of a text', () => {
  test('the file counts twice, its last three folders once', () => {
    const [low, folder, far] = weightsOf('', 'far/src/deep/operators/low.test.ts', ['low', 'oper', 'far']);
    // low.test, low, test, each twice; src, deep, operators.
    expect(low).toBeCloseTo(termWeight(2, 9), 6);
    expect(folder).toBeCloseTo(termWeight(1, 9), 6);
    expect(far).toBeUndefined();
  });

  test('a term that occurs more weighs more, but never as much as its count', () => {
    const [once = 0, thrice = 0] = weightsOf('alpha beta beta beta', '', ['alpha', 'beta']);
    expect(thrice).toBeGreaterThan(once);
    expect(thrice).toBeLessThan(3 * once);
  });

  test('the same text has the same terms, whatever was seen before it', () => {
    const text = 'commit offsets of kafka.groupId — “größer” 変更管理 foo_bar';
    const before = documentTerms(text, 'a/b.md');
    for (let i = 0; i < 60_000; i += 1) queryTerms(`word${i}`);
    const after = documentTerms(text, 'a/b.md');
    const pairs = (terms: typeof before) => Array.from(terms.ids, (id, i) => [id, terms.weights[i]] as const).sort();
    expect(pairs(after)).toEqual(pairs(before));
  });

  test('a question meets the words of a text in other forms, and composed letters meet decomposed ones', () => {
    const of = (text: string) => new Set(queryTerms(text));
    expect(of('How are offsets committed?')).toEqual(of('commit the offset'));
    expect(of('caf\u00e9')).toEqual(of('cafe\u0301'));
  });

  test('quotation marks and dashes that are not ASCII separate words as ASCII ones do', () => {
    expect(queryTerms('„alpha“—beta…')).toEqual(queryTerms('"alpha"-beta...'));
  });

  test('half a surrogate pair does no harm', () => {
    expect([...queryTerms('alpha\ud800beta \udc80')]).toEqual([termId('alpha'), termId('beta')]);
  });

  test('numbers are those of murmur3, which Qdrant makes too', () => {
    // Reference values of murmur3_32 with the seed 0: 0x248bfa47, and 0x149bbb7f.
    expect(termId('hello')).toBe(0x248bfa47);
    expect(termId('hello, world')).toBe(0x149bbb7f);
    expect(termId('')).toBe(0);
  });
});

test('words are stemmed as Porter has it', () => {
  const pairs =
    'caresses caress ponies poni cats cat agreed agre plastered plaster motoring motor hopping hop falling fall filing file happy happi sky sky relational relat vietnamization vietnam operator oper hopefulness hope triplicate triplic electrical electr goodness good revival reviv adoption adopt homologous homolog effective effect probate probat rate rate controll control roll roll yields yield saying sai is is generalizations gener';
  const words = pairs.split(' ');
  for (let i = 0; i < words.length; i += 2) expect(stem(words[i] ?? '')).toBe(words[i + 1]);
});
