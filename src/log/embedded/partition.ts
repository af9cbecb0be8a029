/** One partition: its segments, and the queue of appends that share each write and each fsync. */
import { mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Damaged, StopFlow } from '../../errors.ts';
import type { Outgoing, Time } from '../../ports.ts';
import { diskError, makeDirectory, openOwn, writeAll } from '../../runtime/disk.ts';
import { MIB } from '../../units.ts';
import { frameTimestamp, type Prepared, prepare, writeFrame } from './frames.ts';
import {
  createSegment,
  frameReader,
  listSegments,
  recover,
  type Segment,
  type Stable,
  segmentFile,
} from './segments.ts';

export interface Partition {
  readonly topic: string;
  readonly number: number;
  readonly directory: string;
  start(): number;
  /** The next offset to be given. Everything below it is durable. */
  end(): number;
  /** In order of their offsets; the last one is written to. */
  segments(): readonly Segment[];
  /** Where the last segment stood at the last fsync. */
  stable(): Stable;
  /** Resolves once all are durable. */
  append(records: readonly Outgoing[]): Promise<void>;
  /** Starts a new segment if the last one holds a record, so that compaction and retention can have the old one. */
  roll(): Promise<void>;
  /** Puts a segment, or nothing, in the place of some that stand side by side. */
  replace(old: readonly Segment[], by: Segment | undefined): void;
  close(): Promise<void>;
}

export interface PartitionOptions {
  readonly topic: string;
  readonly number: number;
  readonly directory: string;
  readonly segmentBytes: number;
  readonly rollMs: number;
  readonly time: Time;
  /** What was known to be durable when the log was last noted down. */
  readonly known: Stable | undefined;
  /** Rejects when this process may no longer write. */
  readonly guard: () => Promise<void>;
  /** Called whenever there is more to read. */
  readonly published: () => void;
}

/** As much as one write takes; bounds the memory of an append of any size. */
const BATCH_BYTES = 4 * MIB;

interface Waiting {
  readonly records: readonly Outgoing[];
  taken: number;
  failed: boolean;
  resolve(): void;
  reject(error: unknown): void;
}

interface Batch {
  readonly records: readonly Prepared[];
  readonly bytes: number;
  readonly of: readonly Waiting[];
}

export const openPartition = async (options: PartitionOptions): Promise<Partition> => {
  const { topic, number, directory, segmentBytes, rollMs, time, known, guard, published } = options;
  const place = `${topic}/${number}`;
  await mkdir(directory, { recursive: true, mode: 0o700 });
  let segments = await listSegments(directory);
  let active = segments.at(-1) ?? (await createFirst(directory));
  if (segments.length === 0) segments = [active];
  let file = await openOwn(active.file, 'r+');
  let stable: Stable;
  try {
    stable = await recover(file, active, await startingPoint(segments, active, known));
    active.bytes = stable.bytes;
    await firstTimestamp(active);
  } catch (error) {
    await file.close();
    throw error;
  }

  const queue: Waiting[] = [];
  let closed = false;
  /** Behind the durable bytes lies what a failed write left; it must go before anything else is written there. */
  let littered = false;
  /** The new segment may be there already, and a record in the old one would not be found behind it. */
  let rolling = false;
  let turn: Promise<void> = Promise.resolve();

  /** Writes and rolls happen one at a time. */
  const inTurn = (work: () => Promise<void>): Promise<void> => {
    const mine = turn.then(work);
    turn = mine.catch(() => undefined); // whoever asked for it gets the error; the next in line must not
    return mine;
  };

  const clean = async () => {
    if (!littered) return;
    await file.truncate(stable.bytes);
    await file.datasync();
    littered = false;
  };

  const rollNow = async () => {
    await clean();
    rolling = true;
    const next = await createSegment(directory, stable.next);
    const handle = await openOwn(next.file, 'r+');
    rolling = false;
    const old = file;
    active.last = stable.timestamp;
    segments = [...segments, next];
    active = next;
    file = handle;
    stable = { base: next.base, bytes: 0, next: next.base, timestamp: stable.timestamp };
    await old.close();
  };

  const write = async (batch: Batch) => {
    await guard();
    await clean();
    // A clock that is set back must not make later records look older: retention and `within` go by the order.
    const timestamp = Math.max(stable.timestamp, Math.floor(time.now()));
    const age = timestamp - (active.first ?? timestamp);
    const full = active.bytes > 0 && (active.bytes + batch.bytes > segmentBytes || age > rollMs);
    if (full || rolling) await rollNow();
    const bytes = Buffer.allocUnsafe(batch.bytes);
    let at = 0;
    let next = stable.next;
    for (const record of batch.records) {
      at = writeFrame(bytes, at, record, next, timestamp);
      next += 1;
    }
    littered = true;
    await writeAll(file, bytes, stable.bytes);
    await file.datasync();
    littered = false;
    active.first ??= timestamp;
    active.bytes += bytes.length;
    stable = { base: active.base, bytes: active.bytes, next, timestamp };
    published();
  };

  const drain = async () => {
    for (let batch = takeBatch(queue); batch; batch = takeBatch(queue)) {
      try {
        await write(batch);
        for (const waiting of batch.of) if (waiting.taken === waiting.records.length) waiting.resolve();
      } catch (error) {
        const reason = diskError(`append to ${place}`, error);
        for (const waiting of batch.of) {
          waiting.failed = true;
          waiting.reject(reason);
        }
      }
    }
  };

  return {
    topic,
    number,
    directory,
    start: () => segments[0]?.base ?? 0,
    end: () => stable.next,
    segments: () => segments,
    stable: () => stable,
    append: (records) =>
      new Promise<void>((resolve, reject) => {
        if (closed) throw new StopFlow(`cannot append to ${place}: the log is closed`);
        if (records.length === 0) return resolve();
        queue.push({ records, taken: 0, failed: false, resolve, reject });
        if (queue.length === 1) inTurn(drain);
      }),
    roll: () =>
      inTurn(async () => {
        if (active.bytes > 0) await rollNow();
      }),
    replace(old, by) {
      const gone = new Set(old);
      const at = segments.findIndex((segment) => gone.has(segment));
      const rest = segments.filter((segment) => !gone.has(segment));
      segments = [...rest.slice(0, at), ...(by ? [by] : []), ...rest.slice(at)];
      for (const segment of old) segment.retired = true;
    },
    async close() {
      closed = true;
      await turn;
      await file.close();
    },
  };
};

/** Where there is a segment, the way to it is durable. */
const createFirst = async (directory: string): Promise<Segment> => {
  for (const made of [dirname(dirname(directory)), dirname(directory), directory]) await makeDirectory(made);
  return createSegment(directory, 0);
};

/** Takes from the front of the queue what fits one write, at least one record. */
const takeBatch = (queue: Waiting[]): Batch | undefined => {
  const records: Prepared[] = [];
  const of: Waiting[] = [];
  let bytes = 0;
  let done = 0;
  for (const waiting of queue) {
    if (!waiting.failed) of.push(waiting);
    while (!waiting.failed && waiting.taken < waiting.records.length && bytes < BATCH_BYTES) {
      const record = prepare(waiting.records[waiting.taken] as Outgoing);
      waiting.taken += 1;
      records.push(record);
      bytes += record.bytes;
    }
    if (!waiting.failed && waiting.taken < waiting.records.length) break;
    done += 1;
    if (bytes >= BATCH_BYTES) break;
  }
  queue.splice(0, done);
  return records.length > 0 ? { records, bytes, of } : undefined;
};

/** What was noted down if it is about the last segment; else its first byte, and the time of the record before it. */
const startingPoint = async (
  segments: readonly Segment[],
  active: Segment,
  known: Stable | undefined,
): Promise<Stable> => {
  if (known?.base === active.base) return known;
  if (known && known.base > active.base)
    throw new Damaged(`the log is damaged: ${segmentFile(dirname(active.file), known.base)} is missing`);
  const before = segments.findLast((segment) => segment !== active && segment.bytes > 0);
  const timestamp = before ? await lastTimestamp(before) : 0;
  return { base: active.base, bytes: 0, next: active.base, timestamp };
};

export const firstTimestamp = async (segment: Segment): Promise<number | undefined> => {
  if (segment.first === undefined && segment.bytes > 0) segment.first = await scanTimestamp(segment, 'first');
  return segment.first;
};

const lastTimestamp = async (segment: Segment): Promise<number> => {
  segment.last ??= await scanTimestamp(segment, 'last');
  return segment.last;
};

const scanTimestamp = async (segment: Segment, which: 'first' | 'last'): Promise<number> => {
  const handle = await open(segment.file, 'r');
  try {
    const reader = frameReader(handle, segment);
    let timestamp = 0;
    while (await reader.fill(segment.bytes))
      for (let frame = reader.next(); frame; frame = reader.next()) {
        timestamp = frameTimestamp(frame.buffer, frame.at);
        if (which === 'first') return timestamp;
      }
    return timestamp;
  } finally {
    await handle.close();
  }
};
