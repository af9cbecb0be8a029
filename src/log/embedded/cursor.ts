/** Reads a partition forward from an offset, across segments that roll, are compacted or vanish meanwhile. */

import { type FileHandle, open } from 'node:fs/promises';
import { codeOf, Damaged } from '../../errors.ts';
import type { LogRecord } from '../../ports.ts';
import { diskError } from '../../runtime/disk.ts';
import { frameOffset, readFrame } from './frames.ts';
import type { Partition } from './partition.ts';
import { compactedUntil, type FrameReader, frameReader, type Segment } from './segments.ts';

export interface Cursor {
  /** The next record, if it is in memory. */
  take(): LogRecord | undefined;
  /** Whether there is anything left to take or to fill. */
  more(): boolean;
  /** Reads on by one piece; false at the end of what is durable, or of the stretch that was asked for. */
  fill(): Promise<boolean>;
  close(): Promise<void>;
}

interface Open {
  readonly segment: Segment;
  readonly handle: FileHandle;
  readonly frames: FrameReader;
}

/** Holds no more in memory than one piece of a segment, or one record where that is larger. */
export const openCursor = (partition: Partition, from: number, until = Number.POSITIVE_INFINITY): Cursor => {
  let next = Math.max(from, partition.start());
  let at: Open | undefined;
  let closed = false;
  let filling: Promise<boolean> | undefined;

  const leave = async () => {
    const left = at;
    at = undefined;
    await left?.handle.close();
  };

  /** Opens the segment that `next` lies in. */
  const enter = async () => {
    for (;;) {
      const segments = partition.segments();
      const segment = segments.findLast(({ base }) => base <= next) ?? segments[0];
      if (!segment) return;
      next = Math.max(next, segment.base);
      try {
        const handle = await open(segment.file, 'r');
        at = { segment, handle, frames: frameReader(handle, segment) };
        return;
      } catch (error) {
        if (codeOf(error) !== 'ENOENT' || !segment.retired) throw error;
      }
    }
  };

  /** The base of the segment behind this one; `undefined` in the last one. */
  const behind = (segment: Segment) => partition.segments().find(({ base }) => base > segment.base)?.base;

  const more = () => !closed && next < Math.min(until, partition.end());

  const fill = async (): Promise<boolean> => {
    while (more()) {
      if (at?.segment.retired) await leave();
      if (!at) await enter();
      // Closed while the file was being opened.
      if (closed || !at) break;
      const { segment, frames } = at;
      const following = behind(segment);
      if (await frames.fill(segment.bytes)) return true;
      if (following === undefined) return false;
      const reached = compactedUntil(segment) ?? next;
      if (following > reached && !segment.retired)
        throw new Damaged(
          `the log is damaged: ${partition.directory} holds nothing from offset ${reached} to ${following}, where a segment was`,
        );
      next = Math.max(next, following);
      await leave();
    }
    return false;
  };

  return {
    take() {
      if (closed || !at || at.segment.retired) return undefined;
      for (;;) {
        if (next >= until) return undefined;
        const frame = at.frames.next();
        if (!frame) return undefined;
        const offset = frameOffset(frame.buffer, frame.at);
        if (offset < next) continue;
        next = offset + 1;
        if (offset >= until) return undefined;
        return readFrame(frame.buffer, frame.at, frame.bytes, partition.topic, partition.number);
      }
    },
    more,
    async fill() {
      try {
        filling = fill();
        return await filling;
      } catch (error) {
        await leave();
        throw diskError(`read ${partition.topic}/${partition.number} at offset ${next}`, error);
      } finally {
        filling = undefined;
      }
    },
    async close() {
      closed = true;
      // A file must not be closed under a read; what that read fails with is the affair of whoever asked for it.
      await filling?.catch(() => false);
      await leave();
    },
  };
};
