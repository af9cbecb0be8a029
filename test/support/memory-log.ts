import { StopFlow, TryAgain } from '../../src/errors.ts';
import { lowWaters } from '../../src/log/low-water.ts';
import type { Bounds, Delivery, Log, LogRecord, Outgoing, Reader } from '../../src/ports.ts';

interface Partition {
  start: number;
  end: number;
  records: LogRecord[];
}

interface Member {
  readonly id: string;
  readonly client: string;
  /** Wakes it when there is something to take, or another assignment. */
  wake: () => void;
}

interface Group {
  readonly topic: string;
  generation: number;
  members: Member[];
  assignment: Map<number, Member>;
  committed: (number | undefined)[];
}

/** What a watcher of the broker sees. */
export interface BrokerWatch {
  appended?(record: LogRecord): void;
  delivered?(group: string, delivery: Delivery): void;
  settled?(group: string, delivery: Delivery): void;
  committed?(group: string, topic: string, partition: number, offset: number, before: number): void;
  assigned?(group: string, topic: string): void;
}

/**
 * The server: topics, groups and commits, as strict about a commit as Kafka is (its generation, not its partition). It
 * has the topics that it is given, and no others.
 */
export const memoryBroker = ({
  topics: names,
  partitions = 2,
  now = Date.now,
  watch = {} as BrokerWatch,
}: {
  readonly topics: readonly string[];
  readonly partitions?: number;
  readonly now?: () => number;
  readonly watch?: BrokerWatch;
}) => {
  let identity = 1;
  const emptyTopics = () =>
    names.map((name): [string, Partition[]] => [
      name,
      Array.from({ length: partitions }, () => ({ start: 0, end: 0, records: [] })),
    ]);
  const topics = new Map(emptyTopics());
  const groups = new Map<string, Group>();

  const topicOf = (name: string): Partition[] => {
    const known = topics.get(name);
    if (!known) throw new StopFlow(`topic ${name} is not there`);
    return known;
  };
  const groupKey = (topic: string, group: string) => `${group} ${topic}`;
  const groupOf = (topic: string, group: string): Group => {
    const key = groupKey(topic, group);
    const known = groups.get(key);
    if (known) return known;
    const fresh = { topic, generation: 0, members: [], assignment: new Map(), committed: [] };
    groups.set(key, fresh);
    return fresh;
  };
  const hash = (key: string) => {
    let value = 7;
    for (let index = 0; index < key.length; index += 1) value = (value * 31 + key.charCodeAt(index)) >>> 0;
    return value % partitions;
  };

  const rebalance = (topic: string, group: string) => {
    const known = groupOf(topic, group);
    known.generation += 1;
    known.assignment.clear();
    for (let partition = 0; partition < partitions; partition += 1) {
      const member = known.members[partition % Math.max(1, known.members.length)];
      if (member) known.assignment.set(partition, member);
    }
    watch.assigned?.(group, topic);
    for (const { wake } of known.members) wake();
  };

  /** Deliveries that a client has out, whatever their assignment has become. */
  const lent = new Map<string, Map<Delivery, string>>();

  const broker = {
    lent,
    /** Whether a client works on deliveries that were given to somebody else in between. */
    overdue: (client: string) =>
      [...(lent.get(client) ?? [])].some(([{ topic, epoch }, group]) => groupOf(topic, group).generation !== epoch),
    topics,
    groups,
    topicOf,
    groupOf,
    rebalance,
    watch,
    identity: () => `log-${identity}`,
    append(topic: string, records: readonly Outgoing[]) {
      const parts = topicOf(topic);
      for (const { key, value, headers = {} } of records) {
        const number = hash(key);
        const partition = parts[number] as Partition;
        const record = { topic, partition: number, offset: partition.end, key, value, headers, timestamp: now() };
        partition.end += 1;
        partition.records.push(record);
        watch.appended?.(record);
      }
      for (const [, group] of groups) if (group.topic === topic) for (const { wake } of group.members) wake();
    },
    join(topic: string, group: string, member: Member) {
      groupOf(topic, group).members.push(member);
      rebalance(topic, group);
    },
    leave(topic: string, group: string, member: Member) {
      const known = groupOf(topic, group);
      if (!known.members.includes(member)) return;
      known.members = known.members.filter((other) => other !== member);
      rebalance(topic, group);
    },
    commit(
      topic: string,
      group: string,
      member: Member,
      generation: number,
      marks: ReadonlyMap<number, number>,
    ): boolean {
      const known = groupOf(topic, group);
      if (!known.members.includes(member) || known.generation !== generation) return false;
      for (const [partition, offset] of marks) {
        const before = known.committed[partition];
        if (before === offset) continue;
        watch.committed?.(group, topic, partition, offset, before ?? 0);
        known.committed[partition] = offset;
      }
      return true;
    },
    /** All of a client's members are thrown out, as after a session time-out. */
    evict(client: string) {
      for (const [key, group] of groups) {
        const left = group.members.filter((member) => member.client !== client);
        const gone = group.members.filter((member) => member.client === client);
        if (gone.length === 0) continue;
        group.members = left;
        for (const { wake } of gone) wake();
        rebalance(group.topic, key.slice(0, key.length - group.topic.length - 1));
      }
    },
    /** Keeps the newest record of each key. */
    compact(topic: string) {
      for (const partition of topicOf(topic)) {
        const newest = new Map(partition.records.map((record) => [record.key, record.offset]));
        partition.records = partition.records.filter(({ key, offset }) => newest.get(key) === offset);
      }
    },
    /** Removes the records that are older than `before`. */
    retain(topic: string, before: number) {
      for (const partition of topicOf(topic)) {
        partition.records = partition.records.filter(({ timestamp }) => timestamp >= before);
        partition.start = partition.records[0]?.offset ?? partition.end;
      }
    },
    /** Everything is lost, and offsets start again. */
    recreate() {
      identity += 1;
      for (const [name, empty] of emptyTopics()) topics.set(name, empty);
      for (const [key, group] of groups) {
        group.committed = [];
        rebalance(group.topic, key.slice(0, key.length - group.topic.length - 1));
      }
    },
  };
  return broker;
};
export type Broker = ReturnType<typeof memoryBroker>;

/** How a client's requests reach the server. The simulation puts its scheduler here. */
export type Call = <T>(label: string, effect: () => T) => Promise<T>;
const atOnce: Call = async (_label, effect) => effect();

export const memoryLog = (broker: Broker, { client = 'client', call = atOnce, now = Date.now } = {}): Log => {
  let members = 0;

  const read = (topic: string, group: string): Reader => {
    members += 1;
    let wake = () => {};
    const member: Member = { id: `${client}-${members}`, client, wake: () => wake() };
    const waters = lowWaters();
    let generation = -1;
    let positions = new Map<number, number>();
    let closed = false;
    let committing: Promise<void> | undefined;
    let moved = false;

    /** What the server says at each poll: first of all, whether this is still our assignment. */
    const adopt = () => {
      const known = broker.groupOf(topic, group);
      if (!known.members.includes(member)) broker.join(topic, group, member);
      if (known.generation === generation) return;
      generation = known.generation;
      const parts = broker.topicOf(topic);
      const mine = [...known.assignment].filter(([, holder]) => holder === member).map(([partition]) => partition);
      positions = new Map(
        mine.map((partition) => [partition, known.committed[partition] ?? parts[partition]?.start ?? 0]),
      );
      waters.assign(generation, positions);
    };

    const take = (): Delivery | undefined => {
      if (closed) return undefined;
      adopt();
      const parts = broker.topicOf(topic);
      for (const [partition, position] of positions) {
        const record = parts[partition]?.records.find(({ offset }) => offset >= position);
        if (!record) continue;
        positions.delete(partition);
        positions.set(partition, record.offset + 1);
        const ticket = waters.deliver(partition, record.offset);
        const delivery: Delivery = {
          ...record,
          epoch: ticket.epoch,
          settle() {
            ticket.settle();
            broker.lent.get(client)?.delete(delivery);
            broker.watch.settled?.(group, delivery);
            commit();
          },
        };
        broker.lent.set(client, (broker.lent.get(client) ?? new Map()).set(delivery, group));
        broker.watch.delivered?.(group, delivery);
        return delivery;
      }
      return undefined;
    };

    /** One commit at a time, each with all that has settled by then. */
    const commit = () => {
      moved = true;
      committing ??= (async () => {
        while (moved) {
          moved = false;
          const marks = waters.marks();
          const current = generation;
          await call('log.commit', () => broker.commit(topic, group, member, current, marks));
        }
        committing = undefined;
      })();
    };

    return {
      held: () => new Set(closed ? [] : positions.keys()),
      async *[Symbol.asyncIterator]() {
        while (!closed) {
          const awake = new Promise<void>((resolve) => {
            wake = resolve;
          });
          const delivery = await call('log.poll', take);
          if (delivery) yield delivery;
          else if (!closed) await awake;
        }
      },
      async close() {
        closed = true;
        wake();
        await committing;
        const marks = waters.marks();
        const current = generation;
        await call('log.leave', () => {
          broker.commit(topic, group, member, current, marks);
          broker.leave(topic, group, member);
        });
      },
    };
  };

  const bounds = (topic: string): Bounds => broker.topicOf(topic).map(({ start, end }) => ({ start, end }));

  return {
    probe: () => call('log.probe', () => undefined),
    identity: () => call('log.identity', broker.identity),
    append: (topic, records) => call(`log.append ${topic}`, () => broker.append(topic, records)),
    read,
    async *slice(topic, from, until) {
      const records = await call('log.slice', () =>
        broker
          .topicOf(topic)
          .flatMap((partition) => partition.records)
          .filter(({ partition, offset }) => offset >= (from[partition] ?? 0) && offset < (until[partition] ?? 0)),
      );
      yield* records;
    },
    bounds: (topic) => call('log.bounds', () => bounds(topic)),
    committed: (topic, group) =>
      call('log.committed', () =>
        broker.topicOf(topic).map((_, partition) => broker.groupOf(topic, group).committed[partition]),
      ),
    settledAllOlderThan: (topic, group, ms) =>
      call('log.settledAllOlderThan', () => {
        const { committed } = broker.groupOf(topic, group);
        const old = now() - ms;
        return broker
          .topicOf(topic)
          .every(({ records }, partition) =>
            records.every(({ offset, timestamp }) => offset < (committed[partition] ?? 0) || timestamp > old),
          );
      }),
    members: (topic, group) => call('log.members', () => broker.groupOf(topic, group).members.length),
    forget: (topic, group) =>
      call('log.forget', () => {
        const members = broker.groupOf(topic, group).members.length;
        if (members > 0) throw new TryAgain(`cannot forget group ${group} of ${topic}: it has ${members} readers`);
        broker.groups.delete(`${group} ${topic}`);
      }),
    async close() {},
  };
};
