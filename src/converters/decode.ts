/**
 * Bytes to characters. Nothing is guessed: what is neither UTF-8 nor certainly UTF-16 is skipped and says so, because
 * a text in the wrong encoding is embedded as nonsense, and nobody would ever learn why it cannot be found.
 */
import { isUtf8 } from 'node:buffer';
import { viewOf } from '../paths/bytes.ts';
import type { SkipReason } from '../ports.ts';

export type Decoded = { readonly content: string } | { readonly skip: SkipReason };

/** Raised when the same bytes decode to something else: part of every format's rules. */
export const decoderVersion = 1;

const startsWith = (bytes: Uint8Array, ...signature: number[]) => signature.every((byte, i) => bytes[i] === byte);
const ascii = (text: string) => [...text].map((character) => character.charCodeAt(0));

/** Documents that a converter could make a text of, and none does yet: RTF, PDF, PostScript, and the older Office's container. */
const documents = [ascii('{\\rtf'), ascii('%PDF-'), ascii('%!PS'), [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1]];

/** Compressed and media formats, which a short file may hold without a single NUL. None begins as a text could. */
const binaries = [
  ascii('PK\x03\x04'),
  [0x1f, 0x8b],
  [0xfd, 0x37, 0x7a, 0x58, 0x5a],
  [0x28, 0xb5, 0x2f, 0xfd],
  [0x89, 0x50, 0x4e, 0x47],
  [0xff, 0xd8, 0xff],
  [0x7f, 0x45, 0x4c, 0x46],
];
/** Zip archives with a promise in their name. */
const zipped = /\.(?:docx|docm|xlsx|xlsm|xlsb|pptx|pptm|odt|ods|odp|epub)$/i;

/** More of them than this, beside white space and the escapes of coloured logs, is no text in any encoding. */
const CONTROL_SHARE = 0.05;
const SAMPLE = 8_192;

const isFullOfControls = (bytes: Uint8Array): boolean => {
  const length = Math.min(bytes.length, SAMPLE);
  let count = 0;
  for (let i = 0; i < length; i += 1) {
    const byte = bytes[i] ?? 0;
    if ((byte < 9 || (byte > 13 && byte < 32) || byte === 127) && byte !== 27) count += 1;
  }
  return count > length * CONTROL_SHARE;
};

const utf16 = (bytes: Uint8Array, bigEndian: boolean): string | undefined => {
  if (bytes.length % 2 !== 0) return undefined;
  const content = (bigEndian ? Buffer.from(bytes).swap16() : viewOf(bytes)).toString('utf16le');
  // Half of a pair is how UTF-16 is invalid.
  return /\p{Surrogate}/u.test(content) ? undefined : content;
};

/** Controls that are no white space, unassigned and private characters: in text by chance, in other bytes before long. */
const NO_TEXT = /(?!\s)[\p{Cc}\p{Cn}\p{Co}]/u;

/**
 * Without a byte order mark UTF-16 shows in its spaces, line feeds and digits: one of their two bytes is zero, always
 * the same one. Certain is what has that on one side only, again and again, and decodes to text and nothing but text.
 */
const unmarkedUtf16 = (bytes: Uint8Array): string | undefined => {
  if (bytes.length < 4) return undefined;
  const length = Math.min(bytes.length, SAMPLE);
  let first = 0;
  let second = 0;
  for (let i = 0; i + 1 < length; i += 2) {
    if (bytes[i] === 0) first += 1;
    if (bytes[i + 1] === 0) second += 1;
  }
  if (first > 0 === second > 0 || Math.max(first, second) < length / 20) return undefined;
  const content = utf16(bytes, first > 0);
  return content === undefined || NO_TEXT.test(content) || !/\p{L}/u.test(content) ? undefined : content;
};

export const decode = (path: string, bytes: Uint8Array): Decoded => {
  if (startsWith(bytes, 0xff, 0xfe) || startsWith(bytes, 0xfe, 0xff)) {
    const content = utf16(bytes.subarray(2), bytes[0] === 0xfe);
    if (content === undefined) return { skip: 'encoding' };
    return content.includes('\0') ? { skip: 'binary' } : { content };
  }
  if (documents.some((signature) => startsWith(bytes, ...signature))) return { skip: 'unsupported' };
  if (binaries.some((signature) => startsWith(bytes, ...signature)))
    return { skip: zipped.test(path) ? 'unsupported' : 'binary' };
  if (bytes.includes(0)) {
    const content = unmarkedUtf16(bytes);
    return content === undefined ? { skip: 'binary' } : { content };
  }
  if (!isUtf8(bytes)) return { skip: isFullOfControls(bytes) ? 'binary' : 'encoding' };
  const marked = startsWith(bytes, 0xef, 0xbb, 0xbf);
  return { content: viewOf(marked ? bytes.subarray(3) : bytes).toString('utf8') };
};
