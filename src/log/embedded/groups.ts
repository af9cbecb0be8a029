/**
 * Groups of readers inside one process. Whenever a reader joins or leaves, all partitions are dealt anew, every one
 * under a new epoch and from its mark, as Kafka's eager assignment does: nobody above can tell the two apart.
 */
import { StopFlow } from '../../errors.ts';
import type { Delivery, LogRecord, Reader } from '../../ports.ts';
import { type LowWater, lowWater } from '../low-water.ts';
import { type Cursor, openCursor } from './cursor.ts';
import type { Partition } from './partition.ts';

export interface Group {
  join(): Reader;
  members(): number;
  /** Per partition: where the group stands; `undefined` before its first settling. */
  marks(): readonly (number | undefined)[];
  /** The same, as far as it is durable. */
  durable(): readonly (number | undefined)[];
  /** To be called once marks that were read before are durable. */
  noted(marks: readonly (number | undefined)[]): void;
  /** The timestamp of the first record that is not settled; `undefined` if all are. */
  oldest(partition: number): Promise<number | undefined>;
  /** There is more to read. */
  wake(): void;
  close(): Promise<void>;
}

export interface GroupOptions {
  readonly name: string;
  readonly topic: string;
  readonly partitions: readonly Partition[];
  readonly marks: readonly (number | undefined)[];
  /** A mark has moved. */
  readonly touch: () => void;
  /** Resolves once all marks are durable. */
  readonly flush: () => Promise<void>;
  readonly report: (error: unknown) => void;
}

/** One partition in the hands of one reader, for one epoch. */
interface Share {
  readonly partition: Partition;
  readonly epoch: number;
  readonly low: LowWater;
  readonly cursor: Cursor;
  /** Timestamps of the deliveries that are out, by offset, the oldest first. */
  readonly out: Map<number, number>;
  current: boolean;
}

interface Member {
  shares: readonly Share[];
  wake(): void;
}

export const createGroup = (options: GroupOptions): Group => {
  const { name, topic, partitions, touch, flush, report } = options;
  const marks = partitions.map((_, number) => options.marks[number]);
  let durable: readonly (number | undefined)[] = [...marks];
  /** What was found at a mark, so that asking again and again reads nothing. */
  const seen = new Map<number, { readonly mark: number; readonly timestamp: number | undefined }>();
  let members: readonly Member[] = [];
  const readers = new Set<Reader>();
  let epoch = 0;
  let closed = false;

  const markOf = (partition: Partition) => marks[partition.number] ?? partition.start();

  const deal = (to: readonly Member[]) => {
    epoch += 1;
    for (const share of members.flatMap(({ shares }) => shares)) {
      share.current = false;
      share.cursor.close().catch(report);
    }
    members = to;
    members.forEach((member, index) => {
      member.shares = partitions
        .filter(({ number }) => number % members.length === index)
        .map((partition) => ({
          partition,
          epoch,
          low: lowWater(markOf(partition)),
          cursor: openCursor(partition, markOf(partition)),
          out: new Map<number, number>(),
          current: true,
        }));
      member.wake();
    });
  };

  const deliver = (share: Share, record: LogRecord): Delivery => {
    const { offset, partition } = record;
    share.low.deliver(offset);
    share.out.set(offset, record.timestamp);
    let settled = false;
    return {
      ...record,
      epoch: share.epoch,
      settle() {
        if (settled) throw new RangeError(`${topic}/${partition} at ${offset} was settled before by group ${name}`);
        settled = true;
        if (!share.current) return;
        share.out.delete(offset);
        const before = share.low.mark();
        share.low.settle(offset);
        if (share.low.mark() === before) return;
        marks[partition] = share.low.mark();
        touch();
      },
    };
  };

  const join = (): Reader => {
    if (closed) throw new StopFlow(`cannot read ${topic} as ${name}: the log is closed`);
    let left = false;
    let turn = 0;
    let stir: (() => void) | undefined;
    const member: Member = { shares: [], wake: () => stir?.() };

    /** One record a partition in turn. `read` is a partition that has to be read first to keep the turns. */
    const pick = (): { readonly delivery?: Delivery; readonly read?: Share } => {
      for (let tried = 0; tried < member.shares.length; tried += 1) {
        const share = member.shares[turn % member.shares.length];
        if (!share) continue;
        const record = share.cursor.take();
        if (!record && share.cursor.more()) return { read: share };
        turn += 1;
        if (record) return { delivery: deliver(share, record) };
      }
      return {};
    };

    const next = async (): Promise<IteratorResult<Delivery, undefined>> => {
      while (!left) {
        const { delivery, read } = pick();
        if (delivery) return { done: false, value: delivery };
        // The partitions may be dealt anew meanwhile; then this share has no more, and the next look is at others.
        if (read) await read.cursor.fill();
        else
          await new Promise<void>((resolve) => {
            stir = resolve;
          });
      }
      return { done: true, value: undefined };
    };

    let askers = 0;
    let last: Promise<unknown> = Promise.resolve();
    let leaving: Promise<void> | undefined;

    const leave = async () => {
      left = true;
      readers.delete(reader);
      const { shares } = member;
      deal(members.filter((other) => other !== member));
      member.shares = [];
      member.wake();
      await Promise.all(shares.map(({ cursor }) => cursor.close()));
      await flush();
    };

    const reader: Reader = {
      held: () => new Set(member.shares.map(({ partition }) => partition.number)),
      close() {
        leaving ??= leave();
        return leaving;
      },
      [Symbol.asyncIterator]: () => ({
        async next() {
          if (askers === 0 && !left) {
            const { delivery } = pick();
            if (delivery) return { done: false, value: delivery };
          }
          // One at a time, also for a caller who asks for several at once.
          askers += 1;
          const mine = last.then(next);
          last = mine.catch(() => undefined); // the error is the caller's
          try {
            return await mine;
          } finally {
            askers -= 1;
          }
        },
      }),
    };
    readers.add(reader);
    deal([...members, member]);
    return reader;
  };

  return {
    join,
    members: () => members.length,
    marks: () => marks,
    durable: () => durable,
    noted(now) {
      durable = now;
    },
    async oldest(number) {
      const partition = partitions[number];
      if (!partition) return undefined;
      const mark = markOf(partition);
      if (mark >= partition.end()) return undefined;
      const share = members.flatMap(({ shares }) => shares).find((held) => held.partition === partition);
      const out = share?.out.values().next();
      if (out && !out.done) return out.value;
      const known = seen.get(number);
      if (known?.mark === mark && known.timestamp !== undefined) return known.timestamp;
      const timestamp = await timestampFrom(partition, mark);
      seen.set(number, { mark, timestamp });
      return timestamp;
    },
    wake() {
      for (const member of members) member.wake();
    },
    async close() {
      closed = true;
      await Promise.all([...readers].map((reader) => reader.close()));
    },
  };
};

/** Of the first record at this offset or behind it. */
const timestampFrom = async (partition: Partition, offset: number): Promise<number | undefined> => {
  const cursor = openCursor(partition, offset);
  try {
    let record = cursor.take();
    while (!record && (await cursor.fill())) record = cursor.take();
    return record?.timestamp;
  } finally {
    await cursor.close();
  }
};
