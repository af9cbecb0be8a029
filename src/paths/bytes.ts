/**
 * A path is bytes to git and a string to everything else. Bytes that are not UTF-8 stand as U+DC80 to U+DCFF, lone
 * surrogates that no valid UTF-8 can bring forth, so that every path comes back byte by byte and no two paths become
 * one (Python calls this `surrogateescape`). Nothing is normalised: NFC and NFD are two files to git.
 *
 * `Buffer.from(path)` must never be used on a path or on a key that holds one: it writes U+FFFD for all of them.
 */
import { isUtf8 } from 'node:buffer';

const ESCAPED = 0xdc00;
const LONE_SURROGATE = /\p{Surrogate}/u;

/** The length of the valid UTF-8 sequence at `at`, 0 where there is none. Unicode, table 3-7. */
const sequenceLength = (bytes: Uint8Array, at: number): number => {
  const first = bytes[at] ?? 0;
  if (first < 0x80) return 1;
  const length = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  for (let next = 1; next < length; next += 1) {
    const byte = bytes[at + next] ?? 0;
    // The second byte alone tells overlong forms, encoded surrogates and what lies beyond U+10FFFF.
    const low = next > 1 ? 0x80 : first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
    const high = next > 1 ? 0xbf : first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
    if (byte < low || byte > high) return 0;
  }
  return length;
};

/** The same memory as a `Buffer`, without a copy. */
export const viewOf = (bytes: ArrayBufferView): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** The string that stands for these bytes. */
export const pathFromBytes = (bytes: Uint8Array): string => {
  const view = viewOf(bytes);
  if (isUtf8(view)) return view.toString('utf8');
  let path = '';
  let valid = 0;
  let at = 0;
  while (at < view.length) {
    const length = sequenceLength(view, at);
    if (length > 0) {
      at += length;
      continue;
    }
    path += view.toString('utf8', valid, at) + String.fromCharCode(ESCAPED + (view[at] ?? 0));
    at += 1;
    valid = at;
  }
  return path + view.toString('utf8', valid);
};

/** Whether the string is plain Unicode, which JSON, command lines and terminals can carry as it is. */
export const isUnicode = (path: string): boolean => !LONE_SURROGATE.test(path);

/**
 * The bytes that the string stands for. Throws a `RangeError` for a string that stands for none: a surrogate beyond
 * those above, or escaped bytes that together are UTF-8 and hence another path's.
 */
export const pathToBytes = (path: string): Buffer => {
  if (isUnicode(path)) return Buffer.from(path, 'utf8');
  const parts: Buffer[] = [];
  for (const part of path.split(/(\p{Surrogate}+)/u)) {
    if (isUnicode(part)) {
      parts.push(Buffer.from(part, 'utf8'));
      continue;
    }
    const bytes = Array.from(part, (char) => char.charCodeAt(0) - ESCAPED);
    if (bytes.some((byte) => byte < 0x80 || byte > 0xff)) {
      throw new RangeError(`no bytes of a path stand as ${JSON.stringify(path)}`);
    }
    parts.push(Buffer.from(bytes));
  }
  const whole = Buffer.concat(parts);
  if (pathFromBytes(whole) !== path) throw new RangeError(`no bytes of a path stand as ${JSON.stringify(path)}`);
  return whole;
};
