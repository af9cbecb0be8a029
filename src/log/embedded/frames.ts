/**
 * How a record lies in a segment, byte by byte. All numbers are big-endian.
 *
 *    0  u32  length of all that follows the checksum
 *    4  u32  CRC-32 of all that follows
 *    8  u48  offset
 *   14  u48  timestamp
 *   20  u16  flags
 *   22  u16  zero
 *   24  u32  length of the key
 *   28  u32  length of the headers
 *   32       key, headers (JSON, nothing when there are none), value
 */
import { crc32 } from 'node:zlib';
import type { LogRecord, Outgoing } from '../../ports.ts';
import { MIB } from '../../units.ts';

const HEADER_BYTES = 32;
const UNCHECKED_BYTES = 8;

const TOMBSTONE = 1;
/** The key holds a lone surrogate (a path that is not UTF-8), which UTF-8 cannot carry. */
const WIDE_KEY = 2;

/** Above it a length is taken for garbage, and nothing of that size is ever read into memory. */
export const MAX_FRAME_BYTES = 64 * MIB;

const LONE_SURROGATE = /\p{Surrogate}/u;
const NOTHING = new Uint8Array(0);

export interface Prepared {
  readonly key: string;
  readonly value: Uint8Array | null;
  readonly wide: boolean;
  readonly keyBytes: number;
  readonly headers: string;
  readonly headerBytes: number;
  /** Of the whole frame. */
  readonly bytes: number;
}

export const prepare = ({ key, value, headers }: Outgoing): Prepared => {
  const wide = LONE_SURROGATE.test(key);
  const keyBytes = wide ? key.length * 2 : Buffer.byteLength(key);
  // JSON writes a lone surrogate as an escape, so headers need no second encoding.
  const json = headers && Object.keys(headers).length > 0 ? JSON.stringify(headers) : '';
  const headerBytes = Buffer.byteLength(json);
  const bytes = HEADER_BYTES + keyBytes + headerBytes + (value?.length ?? 0);
  return { key, value, wide, keyBytes, headers: json, headerBytes, bytes };
};

/** Writes the frame and returns where the next one starts. */
export const writeFrame = (into: Buffer, at: number, record: Prepared, offset: number, timestamp: number): number => {
  const end = at + record.bytes;
  into.writeUInt32BE(record.bytes - UNCHECKED_BYTES, at);
  into.writeUIntBE(offset, at + 8, 6);
  into.writeUIntBE(timestamp, at + 14, 6);
  into.writeUInt16BE((record.value === null ? TOMBSTONE : 0) | (record.wide ? WIDE_KEY : 0), at + 20);
  into.writeUInt16BE(0, at + 22);
  into.writeUInt32BE(record.keyBytes, at + 24);
  into.writeUInt32BE(record.headerBytes, at + 28);
  let place = at + HEADER_BYTES;
  place += into.write(record.key, place, record.wide ? 'utf16le' : 'utf8');
  place += into.write(record.headers, place);
  into.set(record.value ?? NOTHING, place);
  into.writeUInt32BE(crc32(into.subarray(at + UNCHECKED_BYTES, end)), at + 4);
  return end;
};

/** The size of the frame that starts here; `undefined` if its first bytes are not all there, 0 if they are no frame's. */
export const frameBytes = (from: Buffer, at: number): number | undefined => {
  if (from.length - at < UNCHECKED_BYTES) return undefined;
  const bytes = UNCHECKED_BYTES + from.readUInt32BE(at);
  return bytes < HEADER_BYTES || bytes > MAX_FRAME_BYTES ? 0 : bytes;
};

export const isIntact = (from: Buffer, at: number, bytes: number): boolean =>
  from.readUInt32BE(at + 4) === crc32(from.subarray(at + UNCHECKED_BYTES, at + bytes)) &&
  HEADER_BYTES + from.readUInt32BE(at + 24) + from.readUInt32BE(at + 28) <= bytes;

export const frameOffset = (from: Buffer, at: number): number => from.readUIntBE(at + 8, 6);
export const frameTimestamp = (from: Buffer, at: number): number => from.readUIntBE(at + 14, 6);
export const isTombstone = (from: Buffer, at: number): boolean => (from.readUInt16BE(at + 20) & TOMBSTONE) !== 0;

/** The key as it lies there, with the flag that says how: two keys are the same exactly if these bytes are. */
export const frameKey = (from: Buffer, at: number): { readonly bytes: Buffer; readonly wide: boolean } => ({
  bytes: from.subarray(at + HEADER_BYTES, at + HEADER_BYTES + from.readUInt32BE(at + 24)),
  wide: (from.readUInt16BE(at + 20) & WIDE_KEY) !== 0,
});

/** Copies what it returns, so that a small record on loan does not hold on to the large buffer it was read with. */
export const readFrame = (from: Buffer, at: number, bytes: number, topic: string, partition: number): LogRecord => {
  const { bytes: key, wide } = frameKey(from, at);
  const headersAt = at + HEADER_BYTES + key.length;
  const valueAt = headersAt + from.readUInt32BE(at + 28);
  return {
    topic,
    partition,
    offset: frameOffset(from, at),
    key: key.toString(wide ? 'utf16le' : 'utf8'),
    value: isTombstone(from, at) ? null : new Uint8Array(from.subarray(valueAt, at + bytes)),
    headers: valueAt === headersAt ? {} : JSON.parse(from.toString('utf8', headersAt, valueAt)),
    timestamp: frameTimestamp(from, at),
  };
};
