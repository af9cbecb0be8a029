/**
 * Every codec that a broker or another producer may have compressed records with can be read: one that is not known ends
 * the consumer. We write gzip, or nothing.
 */
import { promisify } from 'node:util';
import { constants, gunzip, gzip } from 'node:zlib';
import { decompress as unzstd } from 'fzstd';
import kafkajs from 'kafkajs';
import { decompress as unlz4 } from 'lz4js';
import { uncompress as unsnappy } from 'snappyjs';
import { viewOf } from '../../paths/bytes.ts';

const { CompressionCodecs, CompressionTypes } = kafkajs;

interface Codec {
  compress(encoder: { readonly buffer: Buffer }): Promise<Buffer>;
  decompress(buffer: Buffer): Promise<Buffer>;
}

const pack = promisify(gzip);
const unpack = promisify(gunzip);

/** Fetches are bounded in compressed bytes, and with this in those that they unfold into. Text is far below it. */
const MAX_RATIO = 16;

/** The fastest level: what it leaves uncompressed costs less than the time of the next. */
const viaGzip: Codec = {
  async compress({ buffer }) {
    const packed = await pack(buffer, { level: constants.Z_BEST_SPEED });
    return packed.length * MAX_RATIO < buffer.length ? pack(buffer, { level: constants.Z_NO_COMPRESSION }) : packed;
  },
  decompress: (buffer) => unpack(buffer),
};

const readOnly = (name: string, decompress: (buffer: Buffer) => Uint8Array): Codec => ({
  async compress() {
    throw new Error(`Tidemark does not write ${name}`);
  },
  async decompress(buffer) {
    return viewOf(decompress(buffer));
  },
});

/** What Java's clients write: a stream of blocks behind this header, then a version and the lowest one that reads it. */
const XERIAL = Buffer.from([0x82, ...Buffer.from('SNAPPY'), 0x00]);
const XERIAL_HEADER_BYTES = 16;

const snappy = (buffer: Buffer): Uint8Array => {
  if (!buffer.subarray(0, XERIAL.length).equals(XERIAL)) return unsnappy(buffer);
  const blocks: Uint8Array[] = [];
  for (let at = XERIAL_HEADER_BYTES; at < buffer.length; ) {
    const start = at + 4;
    at = start + buffer.readUInt32BE(start - 4);
    blocks.push(unsnappy(buffer.subarray(start, at)));
  }
  return Buffer.concat(blocks);
};

export const registerCodecs = (): void => {
  const codecs = CompressionCodecs as unknown as Record<number, () => Codec>;
  codecs[CompressionTypes.GZIP] = () => viaGzip;
  codecs[CompressionTypes.Snappy] = () => readOnly('snappy', snappy);
  codecs[CompressionTypes.LZ4] = () => readOnly('lz4', unlz4);
  codecs[CompressionTypes.ZSTD] = () => readOnly('zstd', unzstd);
};
