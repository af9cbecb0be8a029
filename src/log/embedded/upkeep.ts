/**
 * Retention and compaction of one partition: what a log does when nobody waits for it. Works on segments that are no
 * longer written to, so appends and readers go on beside it, and moves no offset: what is left keeps its own.
 */

import { open, rename, unlink } from 'node:fs/promises';
import { codeOf } from '../../errors.ts';
import type { Time } from '../../ports.ts';
import { openOwn, syncDirectory, writeAll } from '../../runtime/disk.ts';
import { KIB } from '../../units.ts';
import { frameKey, frameOffset, frameTimestamp, isTombstone } from './frames.ts';
import { type Newest, newestOffsets } from './newest.ts';
import { firstTimestamp, type Partition } from './partition.ts';
import { compactedFile, type FrameView, frameReader, type Segment, segmentAt } from './segments.ts';

export type Policy =
  | {
      readonly policy: 'delete';
      /** A record is kept at least so long, whether a group has settled it or not. */
      readonly retentionMs: number;
    }
  | {
      readonly policy: 'compact';
      /** For so long every record of a key is kept, not only the newest. */
      readonly lagMs: number;
      /** A tombstone is kept at least so long, so that every reader meets it. */
      readonly tombstonesMs: number;
    };

export interface UpkeepOptions {
  readonly time: Time;
  readonly segmentBytes: number;
  readonly rollMs: number;
  readonly signal: AbortSignal;
}

/** Bounds the memory of a pass: about 24 MB. A longer stretch takes more passes. */
const MAX_KEYS = 250_000;

/** Rests after so many bytes, so that the work of the day hardly notices. */
const REST_BYTES = 256 * KIB;
const REST_MS = 5;

export const retain = async (partition: Partition, retentionMs: number, options: UpkeepOptions): Promise<void> => {
  const { time } = options;
  const horizon = time.now() - retentionMs;
  if (partition.stable().bytes > 0 && partition.stable().timestamp < horizon) await partition.roll();
  for (const segment of partition.segments().slice(0, -1)) {
    if (options.signal.aborted || (await lastBefore(partition, segment)) >= horizon) return;
    partition.replace([segment], undefined);
    await unlink(segment.file);
    await syncDirectory(partition.directory);
  }
};

/**
 * Leaves the newest record of each key among those that are old enough. Everything below `compacted` was left so by an
 * earlier pass. Resolves to the offset up to which that holds now.
 */
export const compact = async (
  partition: Partition,
  policy: Extract<Policy, { policy: 'compact' }>,
  compacted: number,
  options: UpkeepOptions,
): Promise<number> => {
  const { time, rollMs, signal } = options;
  const now = time.now();
  const active = partition.segments().at(-1);
  const rest = pace(time, signal);
  if (active && active.bytes > 0) {
    const first = (await firstTimestamp(active)) ?? now;
    if (partition.stable().timestamp <= now - policy.lagMs && now - first >= rollMs) await partition.roll();
  }

  const ripe: Segment[] = [];
  for (const segment of partition.segments().slice(0, -1)) {
    if ((await lastBefore(partition, segment)) > now - policy.lagMs) break;
    ripe.push(segment);
  }
  const dirty = ripe.filter(({ base }) => base >= compacted);
  // A pass reads and writes everything that is ripe, so it waits until there is enough to gain.
  if (dirty.length === 0 || bytesOf(dirty) * 2 < bytesOf(ripe) - bytesOf(dirty)) return compacted;

  const newest = newestOffsets();
  let until = compacted;
  for (const segment of dirty) {
    await eachFrame(segment, rest, signal, ({ buffer, at }) => {
      const { bytes, wide } = frameKey(buffer, at);
      newest.note(bytes, wide, frameOffset(buffer, at));
    });
    until = baseBehind(partition, segment);
    if (newest.keys() >= MAX_KEYS) break;
  }
  if (signal.aborted) return compacted;

  // Oldest first: a tombstone may go only once everything it covers has gone.
  const keep = (frame: FrameView) => isKept(frame, newest, now - policy.tombstonesMs);
  let waiting = ripe.filter(({ base }) => base < until);
  while (waiting.length > 0) {
    const done = await rewrite(partition, waiting, keep, rest, options);
    if (done === 0) return compacted;
    waiting = waiting.slice(done);
  }
  return until;
};

/** Called with what was read; now and then it takes its time. */
const pace = (time: Time, signal: AbortSignal) => {
  let bytes = 0;
  return async (read: number) => {
    bytes += read;
    if (bytes < REST_BYTES) return;
    bytes = 0;
    await time.sleep(REST_MS, signal);
  };
};

const isKept = ({ buffer, at }: FrameView, newest: Newest, horizon: number): boolean => {
  const { bytes, wide } = frameKey(buffer, at);
  if ((newest.of(bytes, wide) ?? -1) > frameOffset(buffer, at)) return false;
  return !isTombstone(buffer, at) || frameTimestamp(buffer, at) > horizon;
};

/**
 * Writes what is kept of as many segments as fit one, and puts it in their place. Resolves to their number; 0 if it was
 * stopped. Until the rename nothing has happened; after it the name says which segments are no longer needed.
 */
const rewrite = async (
  partition: Partition,
  from: readonly Segment[],
  keep: (frame: FrameView) => boolean,
  rest: (read: number) => Promise<void>,
  { segmentBytes, signal }: UpkeepOptions,
): Promise<number> => {
  const [head] = from;
  if (!head) return 0;
  const draft = `${head.file}.tmp`;
  const handle = await openOwn(draft, 'w');
  const taken: Segment[] = [];
  let bytes = 0;
  let first: number | undefined;
  let last: number | undefined;
  let dropped = false;
  try {
    for (const segment of from) {
      if (taken.length > 0 && bytes + segment.bytes > segmentBytes) break;
      let kept: Buffer[] = [];
      const write = async (read: number) => {
        const piece = Buffer.concat(kept);
        kept = [];
        await writeAll(handle, piece, bytes);
        bytes += piece.length;
        await rest(read);
      };
      await eachFrame(segment, write, signal, (frame) => {
        if (!keep(frame)) {
          dropped = true;
          return;
        }
        first ??= frameTimestamp(frame.buffer, frame.at);
        last = frameTimestamp(frame.buffer, frame.at);
        // Lives until the piece is written, which is before the reader goes on.
        kept.push(frame.buffer.subarray(frame.at, frame.at + frame.bytes));
      });
      taken.push(segment);
      if (signal.aborted) break;
    }
    await handle.datasync();
  } finally {
    await handle.close();
  }
  if (signal.aborted || (taken.length === 1 && !dropped)) {
    await unlink(draft);
    return signal.aborted ? 0 : 1;
  }
  const end = baseBehind(partition, taken[taken.length - 1] ?? head);
  const segment = { ...segmentAt(compactedFile(partition.directory, head.base, end), head.base, bytes), first, last };
  await rename(draft, segment.file);
  await syncDirectory(partition.directory);
  partition.replace(taken, segment);
  for (const { file } of taken) if (file !== segment.file) await removed(file);
  return taken.length;
};

const removed = async (file: string) => {
  try {
    await unlink(file);
  } catch (error) {
    // An earlier attempt may have come so far.
    if (codeOf(error) !== 'ENOENT') throw error;
  }
};

/** Calls `visit` for each record, and `pause` after each piece of the file. Stops early when the signal aborts. */
const eachFrame = async (
  segment: Segment,
  pause: (read: number) => Promise<void>,
  signal: AbortSignal,
  visit: (frame: FrameView) => void,
): Promise<void> => {
  const handle = await open(segment.file, 'r');
  try {
    const reader = frameReader(handle, segment);
    let done = 0;
    while (!signal.aborted && (await reader.fill(segment.bytes))) {
      for (let frame = reader.next(); frame; frame = reader.next()) visit(frame);
      await pause(reader.position() - done);
      done = reader.position();
    }
  } finally {
    await handle.close();
  }
};

const bytesOf = (segments: readonly Segment[]) => segments.reduce((sum, { bytes }) => sum + bytes, 0);

const baseBehind = (partition: Partition, segment: Segment): number =>
  partition.segments().find(({ base }) => base > segment.base)?.base ?? partition.end();

/** No record of the segment is newer. Told by the record behind it, which spares reading the whole of an old segment. */
const lastBefore = async (partition: Partition, segment: Segment): Promise<number> => {
  if (segment.last !== undefined) return segment.last;
  const after = partition.segments().find(({ base, bytes }) => base > segment.base && bytes > 0);
  return (after && (await firstTimestamp(after))) ?? partition.stable().timestamp;
};
