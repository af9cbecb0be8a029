import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { modelFile, staticTokens } from '../../../src/embedders/static/files.ts';
import { wordPiece } from '../../../src/embedders/static/word-piece.ts';

const lines = modelFile('static-minilm.vocab.txt').toString('utf8').split('\n');
const tokens = staticTokens();
const read = (text: string): string[] => [...tokens.pieces(text)].map((id) => lines[id] ?? '?');

const known = new Map(lines.map((piece, id) => [piece, id]));
/** The blocks that BERT's tokenizer names, with what is not assigned in them. */
const BLOCKS = [
  [0x4e00, 0x9fff],
  [0x3400, 0x4dbf],
  [0x20000, 0x2a6df],
  [0x2a700, 0x2b73f],
  [0x2b740, 0x2b81f],
  [0x2b820, 0x2ceaf],
  [0xf900, 0xfaff],
  [0x2f800, 0x2fa1f],
] as const;
const standsAlone = (code: number) => BLOCKS.some(([first, last]) => code >= first && code <= last);

/** The same rules once more, written the slow and obvious way. */
const slowly = (text: string): number[] => {
  const plain = text
    .replace(/([\p{Ll}\p{Nd}])(?=\p{Lu})/gu, '$1 ')
    .replace(/(\p{Lu})(?=\p{Lu}\p{Ll})/gu, '$1 ')
    .replace(/[\p{Z}\t\n\r]/gu, ' ')
    .replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}\uFFFD]/gu, '')
    .replace(/./gsu, (character) => (standsAlone(character.codePointAt(0) ?? 0) ? ` ${character} ` : character));
  const words = [...plain]
    .map((character) => character.toLowerCase())
    .join('')
    .normalize('NFD')
    .replace(/\p{Mn}/gu, '')
    .replace(/[\p{P}!-/:-@[-`{-~]/gu, ' $& ')
    .split(/\s+/u);
  return words.flatMap((word) => {
    const letters = [...word];
    const ids: number[] = [];
    if (letters.length > 100) return [];
    for (let start = 0; start < letters.length; ) {
      let end = letters.length;
      const piece = () => (start > 0 ? '##' : '') + letters.slice(start, end).join('');
      while (end > start && !known.has(piece())) end -= 1;
      if (end === start) return [];
      ids.push(known.get(piece()) ?? 0);
      start = end;
    }
    return ids;
  });
};

describe('the tokens of a text', () => {
  it('are whole words where the vocabulary has them, else the longest pieces', () => {
    expect(read('committed offsets')).toEqual(['committed', 'offset', '##s']);
  });

  it('split camelCase, and a run of capitals before its last', () => {
    expect(read('userId HTTPServer v2Beta')).toEqual(['user', 'id', 'http', 'server', 'v', '##2', 'beta']);
    expect(read('ÄrgerÜber')).toEqual(read('ärger über'));
  });

  it('set punctuation and ideographs apart', () => {
    expect(read('a.b_c(日本)')).toEqual(['a', '.', 'b', '_', 'c', '(', '日', '本', ')']);
  });

  it('know neither case nor accents', () => {
    expect(read('CAFÉ')).toEqual(read('café'));
    expect(read('café')).toEqual(read('cafe'));
    expect(read('cafe\u0301')).toEqual(read('cafe'));
  });

  it('leave out control characters, and the byte order mark', () => {
    expect(read('\ufeffoff\u0000set')).toEqual(['offset']);
  });

  it('part at an ideograph that is not assigned yet', () => {
    expect(read('\u{2ceae}0')).toEqual(['0']);
  });

  it('drop a word that has a character nobody knows, and only that word', () => {
    expect(read('ship 🎉party now')).toEqual(['ship', 'now']);
  });

  it('drop a word of more than a hundred characters', () => {
    const length = (letters: number) => read(`before ${'x'.repeat(letters)} after`).length;
    expect(length(100)).toBeGreaterThan(2);
    expect(length(101)).toBe(2);
  });

  it('never include the special ones', () => {
    expect(read('[CLS] [MASK] [unused7]')).not.toContain('[CLS]');
    expect(read('[MASK]')).toEqual(['[', 'mask', ']']);
  });

  it('are those of the lines, one after the other', () => {
    const text = 'export const userId = 1;\n\n// Größe der HTTPServer\n\tconst x = "日本"\n';
    const together = text.split('\n').reduce((sum, line) => sum + tokens.count(line), 0);
    expect(tokens.count(text)).toBe(together);
  });

  it('are as many as a text of any length has', () => {
    expect(tokens.count('offset '.repeat(100_000))).toBe(100_000);
    expect(tokens.count('日'.repeat(200_000))).toBe(200_000);
  });

  it('are counted of a part as if it had been cut out', () => {
    const parts = fc.array(
      fc.oneof(fc.constantFrom('A', 'a', '1', ' ', 'HTTPServer', '日', '𝒳'), fc.string({ maxLength: 3 })),
    );
    fc.assert(
      fc.property(parts, parts, parts, (before, given, after) => {
        const [head, text, tail] = [before, given, after].map((some) => some.join(''));
        const whole = `${head}${text}${tail}`;
        const from = head?.length ?? 0;
        const to = from + (text?.length ?? 0);
        expect(tokens.count(whole, from, to)).toBe(tokens.count(whole.slice(from, to)));
      }),
      { numRuns: 1000 },
    );
  });

  it('are those that the rules say, for any text', () => {
    const identifier = fc.stringMatching(/^[a-zA-Z0-9_.:(){}<>äÖßéİŁ]{1,30}$/);
    const word = fc.constantFrom(...lines.slice(999, 30_522).map((piece) => piece.replace(/^##/, '')));
    const text = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.string({ unit: 'binary', maxLength: 30 }),
      fc.array(fc.oneof(identifier, word, fc.string({ unit: 'grapheme', maxLength: 3 }))).map((all) => all.join(' ')),
      fc.array(word, { maxLength: 4 }).map((all) => all.join('')),
    );
    fc.assert(
      fc.property(text, (given) => {
        expect([...tokens.pieces(given)]).toEqual(slowly(given));
      }),
      { numRuns: 2000 },
    );
  });
});

it('a vocabulary may have any line ends', () => {
  const small = wordPiece('[PAD]\r\nhello\r\n##s\r\n');
  expect([...small.pieces('Hellos hello')]).toEqual([1, 2, 1]);
});
