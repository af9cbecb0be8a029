/**
 * A partition is a row of segments. Only the last one is written to. A segment's name is its first offset; one that
 * compaction wrote also names the offset that it reaches to, so that it is known which segments it stands for.
 */
import { type FileHandle, readdir, stat, unlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Damaged } from '../../errors.ts';
import { openOwn, readAll, syncDirectory } from '../../runtime/disk.ts';
import { KIB } from '../../units.ts';
import { frameBytes, frameOffset, frameTimestamp, isIntact } from './frames.ts';

export interface Segment {
  readonly base: number;
  readonly file: string;
  /** Durable bytes: nothing behind them is ever read. */
  bytes: number;
  /** Timestamps of its first and last record, as far as they are known. */
  first: number | undefined;
  last: number | undefined;
  /** Another segment stands in its place, or its time is over. The file may be gone. */
  retired: boolean;
}

const CHUNK_BYTES = 256 * KIB;
const NAME = /^(\d{16})(?:-(\d{16}))?\.log$/;
const NONE = Buffer.alloc(0);

const digits = (offset: number) => String(offset).padStart(16, '0');
export const segmentFile = (directory: string, base: number) => join(directory, `${digits(base)}.log`);
export const compactedFile = (directory: string, base: number, until: number) =>
  join(directory, `${digits(base)}-${digits(until)}.log`);

export const segmentAt = (file: string, base: number, bytes: number): Segment => ({
  base,
  file,
  bytes,
  first: undefined,
  last: undefined,
  retired: false,
});

export const createSegment = async (directory: string, base: number): Promise<Segment> => {
  const file = segmentFile(directory, base);
  const handle = await openOwn(file, 'a');
  await handle.close();
  await syncDirectory(directory);
  return segmentAt(file, base, 0);
};

/**
 * The segments of a directory in order. Removes what a compaction that was cut short left behind: drafts, and segments
 * that a finished one already stands for.
 */
export const listSegments = async (directory: string): Promise<Segment[]> => {
  const files = (await readdir(directory)).map((name) => ({ name, parts: NAME.exec(name) }));
  const found = files
    .flatMap(({ name, parts }) =>
      parts ? [{ name, base: Number(parts[1]), until: parts[2] === undefined ? undefined : Number(parts[2]) }] : [],
    )
    .sort((a, b) => a.base - b.base || (b.until ?? 0) - (a.until ?? 0));
  const segments: Segment[] = [];
  const stale = files.filter(({ name }) => name.endsWith('.tmp')).map(({ name }) => name);
  let reached = 0;
  for (const { name, base, until } of found) {
    const file = join(directory, name);
    if (base < reached) stale.push(name);
    else segments.push(segmentAt(file, base, (await stat(file)).size));
    reached = Math.max(reached, until ?? 0);
  }
  for (const name of stale) await unlink(join(directory, name));
  return segments;
};

/** Up to which offset compaction has written it; another one reaches as far as its records. */
export const compactedUntil = ({ file }: Segment): number | undefined => {
  const until = NAME.exec(basename(file))?.[2];
  return until === undefined ? undefined : Number(until);
};

/** The frame that a reader stands at. Its buffer is the reader's own: copy what is to outlive the next step. */
export interface FrameView {
  buffer: Buffer;
  at: number;
  bytes: number;
}

export interface FrameReader {
  /** The next whole frame in memory. The same object every time. */
  next(): FrameView | undefined;
  /** Reads on in the file, up to `limit`; false if there is nothing more. */
  fill(limit: number): Promise<boolean>;
  /** Where in the file the next frame starts. */
  position(): number;
}

/** Goes through a segment piece by piece. Throws `Damaged` where bytes that were durable are no longer what was written. */
export const frameReader = (handle: FileHandle, segment: Segment, from = 0): FrameReader => {
  const view: FrameView = { buffer: NONE, at: 0, bytes: 0 };
  let buffer = NONE;
  let at = 0;
  let bufferAt = from;

  const corrupt = () =>
    new Damaged(`the log is damaged: ${segment.file} holds no intact record at byte ${bufferAt + at}`);

  return {
    next() {
      const bytes = frameBytes(buffer, at);
      if (bytes === 0) throw corrupt();
      if (bytes === undefined || at + bytes > buffer.length) return undefined;
      if (!isIntact(buffer, at, bytes)) throw corrupt();
      view.buffer = buffer;
      view.at = at;
      view.bytes = bytes;
      at += bytes;
      return view;
    },
    async fill(limit) {
      const position = bufferAt + at;
      const left = limit - position;
      const wanted = Math.max(CHUNK_BYTES, frameBytes(buffer, at) ?? 0);
      buffer = NONE;
      at = 0;
      bufferAt = position;
      if (left <= 0) return false;
      const piece = Buffer.allocUnsafe(Math.min(wanted, left));
      const read = await readAll(handle, piece, position);
      const first = frameBytes(piece.subarray(0, read), 0);
      // Frames end where the durable bytes end, so one that reaches beyond them was never written.
      if (first === undefined || first > left || (first > read && read < piece.length)) throw corrupt();
      buffer = piece.subarray(0, read);
      return true;
    },
    position: () => bufferAt + at,
  };
};

/** What is known of the last segment without reading it: all below was durable. */
export interface Stable {
  readonly base: number;
  readonly bytes: number;
  readonly next: number;
  readonly timestamp: number;
}

/**
 * Finds the end of the last segment. Everything that was acknowledged is there; behind it there may be a tail that was
 * being written when the process or the machine stopped. It ends at the first record that is not whole.
 */
export const recover = async (handle: FileHandle, segment: Segment, stable: Stable): Promise<Stable> => {
  const { size } = await handle.stat();
  if (size < stable.bytes)
    throw new Damaged(`the log is damaged: ${segment.file} ends at byte ${size}, but ${stable.bytes} were durable`);
  let { bytes, next, timestamp } = stable;
  let chunk = NONE;
  let at = 0;
  for (;;) {
    const length = frameBytes(chunk, at);
    if (length === 0) break;
    if (length === undefined || at + length > chunk.length) {
      const wanted = Math.min(Math.max(CHUNK_BYTES, length ?? 0), size - bytes);
      if (wanted <= chunk.length - at) break;
      const piece = Buffer.allocUnsafe(wanted);
      chunk = piece.subarray(0, await readAll(handle, piece, bytes));
      at = 0;
      if (chunk.length < (length ?? 1)) break;
      continue;
    }
    // Offsets of the last segment have no gaps; another one is what an earlier tail left in these blocks.
    if (!isIntact(chunk, at, length) || frameOffset(chunk, at) !== next) break;
    timestamp = frameTimestamp(chunk, at);
    next += 1;
    bytes += length;
    at += length;
  }
  if (bytes < size) await handle.truncate(bytes);
  // A killed process leaves records that no fsync has seen; they are shown from now on, so they must last.
  if (size > stable.bytes) await handle.datasync();
  return { base: segment.base, bytes, next, timestamp };
};
