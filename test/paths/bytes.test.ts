import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isUnicode, pathFromBytes, pathToBytes } from '../../src/paths/bytes.ts';

/** Bytes that are often, but not always, nearly UTF-8. */
const bytes = fc
  .array(
    fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 4 }),
      fc.string({ unit: 'binary', maxLength: 6 }).map((text) => new TextEncoder().encode(text)),
      fc.constantFrom(
        [0xc3],
        [0xe2, 0x82],
        [0xed, 0xa0, 0x80],
        [0xf4, 0x90, 0x80, 0x80],
        [0xc0, 0x80],
        [0xf0, 0x8f, 0xbf],
      ),
    ),
    { maxLength: 8 },
  )
  .map((parts) => Buffer.concat(parts.map((part) => Buffer.from(part))));

describe('paths', () => {
  it('every sequence of bytes comes back byte by byte', () => {
    fc.assert(
      fc.property(bytes, (path) => pathToBytes(pathFromBytes(path)).equals(path)),
      { numRuns: 2_000 },
    );
  });

  it('no two sequences of bytes become one path', () => {
    fc.assert(
      fc.property(bytes, bytes, (a, b) => (pathFromBytes(a) === pathFromBytes(b)) === a.equals(b)),
      { numRuns: 2_000 },
    );
  });

  it('a path decodes piece by piece at its slashes as it does whole', () => {
    fc.assert(
      fc.property(bytes, bytes, (a, b) => {
        const whole = Buffer.concat([a, Buffer.from('/'), b]);
        return pathFromBytes(whole) === `${pathFromBytes(a)}/${pathFromBytes(b)}`;
      }),
    );
  });

  it('plain Unicode stays as it is, and is told from escaped bytes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (path) => {
        const encoded = new TextEncoder().encode(path);
        return pathFromBytes(encoded) === path && pathToBytes(path).equals(encoded) && isUnicode(path);
      }),
    );
    expect(isUnicode(pathFromBytes(Buffer.from([0x61, 0xff])))).toBe(false);
  });

  it('a string either stands for bytes and comes back, or is refused', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0xd700, max: 0xe0ff }), { maxLength: 6 }), (units) => {
        const path = String.fromCharCode(...units);
        let encoded: Buffer;
        try {
          encoded = pathToBytes(path);
        } catch (error) {
          return error instanceof RangeError;
        }
        return pathFromBytes(encoded) === path;
      }),
      { numRuns: 2_000 },
    );
  });

  it('escaped bytes that together are UTF-8 are refused, because they would be the path of another file', () => {
    expect(() => pathToBytes('\udcc3\udca9')).toThrow(RangeError);
    expect(() => pathToBytes('a\ud800')).toThrow(RangeError);
    expect(pathToBytes('caf\udce9')).toEqual(Buffer.from([0x63, 0x61, 0x66, 0xe9]));
  });
});
