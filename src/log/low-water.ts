/**
 * Which offset of one partition may be committed during one assignment: everything below it was delivered and is
 * settled. Deliveries settle in any order; the mark moves only when the oldest that is out has settled. Offsets may
 * have gaps (compaction, control records): only offsets that were delivered count.
 */
export interface LowWater {
  deliver(offset: number): void;
  settle(offset: number): void;
  /** The next offset to read after a restart. */
  mark(): number;
}

export const lowWater = (start: number): LowWater => {
  const delivered: number[] = [];
  const out = new Set<number>();
  let head = 0;
  let mark = start;
  return {
    deliver(offset) {
      const last = delivered.at(-1) ?? mark - 1;
      if (offset <= last) throw new RangeError(`offset ${offset} was delivered after ${last}`);
      delivered.push(offset);
      out.add(offset);
    },
    settle(offset) {
      if (!out.delete(offset)) throw new RangeError(`offset ${offset} is not out`);
      while (head < delivered.length && !out.has(delivered[head] as number)) {
        mark = (delivered[head] as number) + 1;
        head += 1;
      }
      if (head > 1024 && head * 2 > delivered.length) {
        delivered.splice(0, head);
        head = 0;
      }
    },
    mark: () => mark,
  };
};

/** A delivery's hold on the mark of the assignment that it was delivered in. */
export interface Ticket {
  readonly epoch: number;
  /** Throws when called a second time. */
  settle(): void;
}

/**
 * The marks of all partitions that a reader holds. A new assignment starts every partition afresh, so that what an
 * older one still has out moves nothing that may be committed now.
 */
export interface LowWaters {
  assign(epoch: number, starts: ReadonlyMap<number, number>): void;
  deliver(partition: number, offset: number): Ticket;
  marks(): ReadonlyMap<number, number>;
}

export const lowWaters = (): LowWaters => {
  let current = { epoch: -1, partitions: new Map<number, LowWater>() };
  return {
    assign(epoch, starts) {
      current = { epoch, partitions: new Map([...starts].map(([partition, start]) => [partition, lowWater(start)])) };
    },
    deliver(partition, offset) {
      const { epoch, partitions } = current;
      const mine = partitions.get(partition);
      if (!mine) throw new RangeError(`partition ${partition} is not assigned`);
      mine.deliver(offset);
      let out = true;
      return {
        epoch,
        settle() {
          if (!out) throw new Error(`partition ${partition}, offset ${offset}: settled a second time`);
          out = false;
          mine.settle(offset);
        },
      };
    },
    marks: () => new Map([...current.partitions].map(([partition, water]) => [partition, water.mark()])),
  };
};
