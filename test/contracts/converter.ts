/** What every converter promises. An adapter's test is one call. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Converter, SkipReason } from '../../src/ports.ts';

const utf8 = (text: string) => new TextEncoder().encode(text);
const utf16 = (text: string, bigEndian = false) => {
  const bytes = Buffer.from(text, 'utf16le');
  return new Uint8Array(bigEndian ? bytes.swap16() : bytes);
};
const zeros = new Uint8Array(100_000);
const zipOfZeros = new Uint8Array([0x50, 0x4b, 0x03, 0x04, ...zeros.subarray(0, 500)]);

/** The converter is to be open with a limit of 1 MB for files and 500 kB for texts. */
export const converterContract = (name: string, open: () => Converter): void => {
  describe(`${name}, as a converter`, () => {
    let converter: Converter;
    beforeAll(() => {
      converter = open();
    });
    afterAll(() => converter.close());

    const contentOf = async (path: string, bytes: Uint8Array) => {
      const converted = await converter.convert(path, bytes);
      return 'text' in converted ? converted.text.content : converted;
    };

    it('gives a text in UTF-8 as it stands', async () => {
      expect(await contentOf('a.txt', utf8('Größe 日本語 🙂\n'))).toBe('Größe 日本語 🙂\n');
    });

    it('keeps the number of every line when it makes line feeds of CRLF', async () => {
      expect(await contentOf('a.txt', utf8('one\r\n\r\nthree\rstill three\r\n'))).toBe('one\n\nthree\rstill three\n');
    });

    it.each<[string, Uint8Array]>([
      ['UTF-8', utf8('\ufeffkey: wert\n')],
      ['UTF-16 little-endian', utf16('\ufeffkey: wert\n')],
      ['UTF-16 big-endian', utf16('\ufeffkey: wert\n', true)],
    ])('leaves the byte order mark of %s out', async (_, bytes) => {
      expect(await contentOf('a.yaml', bytes)).toBe('key: wert\n');
    });

    it.each<[string, boolean]>([
      ['little-endian', false],
      ['big-endian', true],
    ])('reads UTF-16 %s without a mark where nothing else is possible', async (_, bigEndian) => {
      const text = 'The quick brown fox\njumps over the lazy dog. Съешь же ещё этих мягких булок.\n';
      expect(await contentOf('a.txt', utf16(text, bigEndian))).toBe(text);
    });

    it.each<[string, string, Uint8Array, SkipReason]>([
      ['no bytes', 'a.md', new Uint8Array(), 'empty'],
      ['white space only', 'a.md', utf8(' \n\t\r\n\u00a0\u2003\n'), 'empty'],
      ['a byte order mark only', 'a.md', utf8('\ufeff'), 'empty'],
      ['zeros', 'a.md', zeros, 'binary'],
      ['a zip archive under the name of a text', 'a.md', zipOfZeros, 'binary'],
      ['a NUL between words', 'a.c', utf8('char *a = "\0";\n'), 'binary'],
      ['integers that look a little like UTF-16', 'a.txt', new Uint8Array([1, 0, 2, 0, 3, 0, 4, 0]), 'binary'],
      ['an Office document', 'a.docx', zipOfZeros, 'unsupported'],
      ['a PDF', 'a.pdf', utf8('%PDF-1.7\nobj'), 'unsupported'],
      ['more bytes than a file may have', 'a.md', utf8('a'.repeat(1_000_001)), 'too_large'],
      ['more text than a text may have', 'a.md', utf8('a'.repeat(500_001)), 'text_too_large'],
      ['Latin-1', 'a.txt', new Uint8Array(Buffer.from('Größe und Maße', 'latin1')), 'encoding'],
      ['UTF-8 that breaks off', 'a.txt', utf8('Größe 日本').subarray(0, -1), 'encoding'],
      ['a surrogate in UTF-8', 'a.txt', new Uint8Array([97, 0xed, 0xa0, 0x80, 98, 99]), 'encoding'],
      ['half a pair in UTF-16', 'a.txt', new Uint8Array([0xff, 0xfe, 0x00, 0xd8, 0x61, 0x00]), 'encoding'],
      ['an odd number of bytes of UTF-16', 'a.txt', new Uint8Array([0xff, 0xfe, 0x61, 0x00, 0x62]), 'encoding'],
      [
        'a pointer of Git LFS',
        'a.psd',
        utf8('version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab\nsize 12345\n'),
        'lfs_pointer',
      ],
    ])('skips %s, with the reason', async (_, path, bytes, skip) => {
      expect(await converter.convert(path, bytes)).toEqual({ skip });
    });

    it('takes a text about LFS for a text', async () => {
      const about = 'A pointer begins with\n\nversion https://git-lfs.github.com/spec/v1\noid sha256:…\n';
      expect(await contentOf('a.md', utf8(about))).toBe(about);
    });

    it.each([
      ['right-to-left text and its marks', 'שלום \u202eevil\u202c עולם\n'],
      ['zero-width characters', 'ze\u200bro\u200d wi\u2060dth\n'],
      ['colours of a terminal', '\u001b[31mred\u001b[0m\n'],
      ['an alias bomb in YAML', `a: &a [x]\n${'b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n'.repeat(100)}`],
      ['deep nesting', '['.repeat(200_000)],
    ])('gives %s as it stands', async (_, text) => {
      expect(await contentOf('hostile.yaml', utf8(text))).toBe(text);
    });

    it('leaves the bytes as they were given to it', async () => {
      const whole = utf8('before # Title\n after');
      const part = whole.subarray(7, 15);
      expect(await contentOf('a.md', part)).toBe('# Title\n');
      expect(new TextDecoder().decode(whole)).toBe('before # Title\n after');
    });

    it('answers many files at once, each with its own', async () => {
      const paths = Array.from({ length: 200 }, (_, i) => `file-${i}.txt`);
      const texts = await Promise.all(paths.map((path) => contentOf(path, utf8(`I am ${path}`))));
      expect(texts).toEqual(paths.map((path) => `I am ${path}`));
    });
  });
};
