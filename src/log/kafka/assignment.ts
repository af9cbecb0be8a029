import { lowWaters, type Ticket } from '../low-water.ts';
import type { ConsumerGroup } from './internals.ts';

/** The partitions of one topic that a member holds, from one joining of its group to the next. */
export interface Assignment {
  held(): readonly number[];
  /** What is to be fetched next; `undefined` for a partition of somebody else. */
  position(partition: number): number | undefined;
  moveTo(partition: number, position: number): void;
  /** Whether it is the first time that somebody asks for this place anew. */
  askOnce(partition: number, position: number): boolean;
  deliver(partition: number, offset: number): Ticket;
  /** Deliveries that are not settled. */
  out(): number;
  /** Whether there is more settled than committed. */
  moved(): boolean;
  /** Bears the generation that it belongs to, so that the broker refuses it once the partitions are shared anew. */
  commit(): Promise<void>;
}

/** Where the group's commits stand is asked of the broker, before the first record comes. */
export const assignment = async (group: ConsumerGroup, topic: string): Promise<Assignment> => {
  const { offsetManager, generationId } = group;
  await offsetManager.resolveOffsets();
  const held = group.assigned().flatMap((assigned) => (assigned.topic === topic ? [...assigned.partitions] : []));
  const starts = held.map((partition): [number, number] => [
    partition,
    Number(offsetManager.nextOffset(topic, partition).toString()),
  ]);
  const positions = new Map(starts);
  const committed = new Map(starts);
  const asked = new Map<number, number>();
  const waters = lowWaters();
  waters.assign(generationId, positions);
  let out = 0;
  let last: Promise<void> = Promise.resolve();
  const ahead = () => [...waters.marks()].filter(([partition, mark]) => mark > (committed.get(partition) ?? 0));

  return {
    held: () => held,
    position: (partition) => positions.get(partition),
    moveTo: (partition, position) => void positions.set(partition, position),
    askOnce(partition, position) {
      const first = asked.get(partition) !== position;
      asked.set(partition, position);
      return first;
    },
    deliver(partition, offset) {
      const ticket = waters.deliver(partition, offset);
      out += 1;
      return {
        epoch: ticket.epoch,
        settle() {
          ticket.settle();
          out -= 1;
        },
      };
    },
    out: () => out,
    moved: () => ahead().length > 0,
    /** One at a time, so that none arrives after a newer one. */
    commit() {
      const mine = last.then(async () => {
        const marks = ahead();
        if (marks.length === 0) return;
        const partitions = marks.map(([partition, mark]) => ({ partition, offset: String(mark) }));
        await offsetManager.commitOffsets({ topics: [{ topic, partitions }] });
        for (const [partition, mark] of marks) committed.set(partition, mark);
      });
      last = mine.catch(() => undefined); // the error is the affair of whoever asked
      return mine;
    },
  };
};
