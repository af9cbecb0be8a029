/**
 * A log in one local directory, for one process. Durable across kill -9 and, as far as the disk keeps the promise of
 * fdatasync, across a power cut.
 *
 *   identity.json              who this log is, and how many partitions each topic has
 *   checkpoint.json            where the groups stand, and what was durable (`checkpoint.ts`)
 *   topics/<topic>/<number>/   the segments of a partition (`segments.ts`)
 */
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { codeOf, Damaged, DeadLetter, StopFlow, TryAgain } from '../../errors.ts';
import type { Log, LogRecord, Outgoing, Time } from '../../ports.ts';
import { diskError, makeDirectory, onDisk } from '../../runtime/disk.ts';
import type { Hold } from '../../runtime/fence.ts';
import { DAY, MIB, SECOND } from '../../units.ts';
import { openCheckpoint, openIdentity, type TopicNote } from './checkpoint.ts';
import { openCursor } from './cursor.ts';
import { createGroup, type Group } from './groups.ts';
import { openPartition, type Partition } from './partition.ts';
import { frameReader, listSegments } from './segments.ts';
import { compact, type Policy, retain } from './upkeep.ts';

export type TopicOptions = Policy & {
  /**
   * Fixed once the topic is there. In one process work runs side by side within a partition, so more of them only
   * confine what a slow delivery holds back, and cost an fsync each in every append; four go to the disk at a time.
   */
  readonly partitions?: number;
};

export interface EmbeddedLogOptions {
  readonly directory: string;
  readonly topics: Readonly<Record<string, TopicOptions>>;
  /** Held for as long as the log is open. Whoever loses it writes no more. */
  readonly lock: Hold;
  readonly time: Time;
  /** What failed in the background. It is tried again, and `probe` rejects until it works. */
  readonly report: (error: unknown) => void;
  readonly segmentBytes?: number;
  /** A segment takes records for so long at most, so that a quiet topic is compacted and forgotten too. */
  readonly rollMs?: number;
  /** How long a settled offset may wait to be written. What a crash loses of it is delivered again. */
  readonly commitMs?: number;
  readonly upkeepMs?: number;
}

export interface EmbeddedLog extends Log {
  /** Retention and compaction, now. Runs by itself every `upkeepMs`. */
  upkeep(): Promise<void>;
}

const PARTITIONS = 4;
/** Far above the largest text, far below what would be taken for garbage. */
const MAX_RECORD_BYTES = 32 * MIB;
/** How stale the knowledge of still having the lock may be when something is written. */
const LOCK_MS = 100;

interface Topic {
  readonly name: string;
  readonly policy: Policy;
  readonly partitions: readonly Partition[];
  /** Per partition, the offset that it is compacted up to. */
  readonly compacted: number[];
  readonly groups: Map<string, Group>;
}

export const openEmbeddedLog = async (options: EmbeddedLogOptions): Promise<EmbeddedLog> => {
  const { directory, lock, time, report } = options;
  const { segmentBytes = 16 * MIB, rollMs = DAY, commitMs = 200, upkeepMs = 60 * SECOND } = options;
  const stop = new AbortController();
  const topics = new Map<string, Topic>();
  let closing: Promise<void> | undefined;
  let trouble: unknown;

  let checkedAt = Number.NEGATIVE_INFINITY;
  const guard = async () => {
    const now = time.now();
    if (now >= checkedAt && now - checkedAt < LOCK_MS) return;
    await lock.check();
    checkedAt = now;
  };

  const noteAll = () => {
    const marks = [...topics.values()].flatMap(({ groups }) =>
      [...groups.values()].map((group) => ({ group, now: [...group.marks()] })),
    );
    return {
      topics: Object.fromEntries([...topics.values()].map((topic) => [topic.name, noteOf(topic)])),
      noted: () => {
        for (const { group, now } of marks) group.noted(now);
      },
    };
  };

  const topicOf = (name: string): Topic => {
    if (closing) throw new StopFlow(`cannot use topic ${name}: the log is closed`);
    const topic = topics.get(name);
    if (!topic) throw new StopFlow(`there is no topic ${name}; there are ${[...topics.keys()].join(', ') || 'none'}`);
    return topic;
  };

  const newGroup = (topic: Topic, name: string, marks: readonly (number | undefined)[] = []): Group => {
    const { touch, flush } = checkpoint;
    return createGroup({ name, topic: topic.name, partitions: topic.partitions, marks, touch, flush, report });
  };

  const openTopic = async (name: string, policy: TopicOptions, before: TopicNote | undefined): Promise<Topic> => {
    const groups = new Map<string, Group>();
    const numbers = Array.from({ length: policy.partitions ?? PARTITIONS }, (_, number) => number);
    const published = () => {
      for (const group of groups.values()) group.wake();
    };
    // One after another: each holds an open file, and closes none of the others if it fails.
    const partitions: Partition[] = [];
    const topic: Topic = { name, policy, partitions, compacted: [], groups };
    topics.set(name, topic);
    for (const number of numbers) {
      const place = join(topicDirectory(directory, name), String(number));
      const known = before?.partitions[number];
      const common = { topic: name, number, directory: place, segmentBytes, rollMs, time };
      partitions.push(await openPartition({ ...common, known, guard, published }));
      topic.compacted.push(known?.compacted ?? 0);
    }
    for (const [group, commits] of Object.entries(before?.commits ?? {})) {
      refuseLostRecords(topic, group, commits);
      const marks = commits.map((mark) => mark ?? undefined);
      groups.set(group, newGroup(topic, group, marks));
    }
    return topic;
  };

  const upkeepOf = async (topic: Topic, partition: Partition) => {
    const { number } = partition;
    const how = { time, segmentBytes, rollMs, signal: stop.signal };
    if (topic.policy.policy === 'delete') return retain(partition, topic.policy.retentionMs, how);
    const before = topic.compacted[number] ?? 0;
    const compacted = await compact(partition, topic.policy, before, how);
    topic.compacted[number] = compacted;
    if (compacted !== before) checkpoint.touch();
  };

  let tending: Promise<void> = Promise.resolve();
  /** One at a time; a partition that fails does not keep the others from their turn. */
  const upkeep = (): Promise<void> => {
    const mine = tending.then(async () => {
      const failures: unknown[] = [];
      for (const topic of topics.values())
        for (const partition of topic.partitions) {
          if (stop.signal.aborted) return;
          const action = `tend ${topic.name}/${partition.number}`;
          await onDisk(action, async () => {
            await lock.check();
            await upkeepOf(topic, partition);
          }).catch((error) => failures.push(error));
        }
      trouble = failures[0];
      if (trouble) throw trouble;
    });
    tending = mine.catch(() => undefined); // the error is the affair of whoever asked
    return mine;
  };

  const tend = async () => {
    while (!stop.signal.aborted) {
      await time.sleep(upkeepMs, stop.signal);
      if (!stop.signal.aborted) await upkeep().catch(report);
    }
  };

  const closeAll = async () => {
    stop.abort();
    await tending;
    const groups = [...topics.values()].flatMap((topic) => [...topic.groups.values()]);
    const ends: PromiseSettledResult<unknown>[] = await Promise.allSettled(groups.map((group) => group.close()));
    const partitions = [...topics.values()].flatMap((topic) => topic.partitions);
    ends.push(...(await Promise.allSettled([checkpoint.close()])));
    ends.push(...(await Promise.allSettled(partitions.map((partition) => partition.close()))));
    throwFirst(ends, `close ${directory}`);
  };

  await onDisk(`open the log in ${directory}`, async () => {
    await makeDirectory(directory);
    await guard();
  });
  const counts = Object.entries(options.topics).map(([name, { partitions = PARTITIONS }]) => [name, partitions]);
  const identity = await onDisk('open the log', () => openIdentity(directory, Object.fromEntries(counts), time));
  const checkpoint = await openCheckpoint({ directory, time, commitMs, guard, report, note: noteAll });
  try {
    for (const [name, policy] of Object.entries(options.topics))
      await onDisk(`open topic ${name}`, () => openTopic(name, policy, checkpoint.before[name]));
  } catch (error) {
    // Nothing was changed yet, so there is nothing to be noted, only files to be closed.
    await Promise.allSettled([...topics.values()].flatMap((topic) => topic.partitions.map((one) => one.close())));
    throw error;
  }
  void tend();

  return {
    async probe() {
      if (closing) throw new StopFlow('the log is closed');
      await onDisk('check the lock', () => lock.check());
      const reason = checkpoint.trouble() ?? trouble;
      if (reason) throw reason;
    },

    identity: async () => identity,

    async append(name, records) {
      const { partitions } = topicOf(name);
      const dealt = new Map<Partition, Outgoing[]>();
      for (const record of records) {
        refuseLarge(name, record);
        const partition = partitions[crc32(record.key) % partitions.length] as Partition;
        const mine = dealt.get(partition);
        if (mine) mine.push(record);
        else dealt.set(partition, [record]);
      }
      throwFirst(
        await Promise.allSettled([...dealt].map(([partition, mine]) => partition.append(mine))),
        `append to ${name}`,
      );
    },

    read(name, group) {
      const topic = topicOf(name);
      const known = topic.groups.get(group) ?? newGroup(topic, group);
      topic.groups.set(group, known);
      return known.join();
    },

    async *slice(name, from, until): AsyncIterable<LogRecord> {
      for (const partition of topicOf(name).partitions) {
        const end = Math.min(until[partition.number] ?? 0, partition.end());
        const cursor = openCursor(partition, from[partition.number] ?? 0, end);
        try {
          do {
            for (let record = cursor.take(); record; record = cursor.take()) yield record;
          } while (await cursor.fill());
        } finally {
          await cursor.close();
        }
      }
    },

    async bounds(name) {
      return topicOf(name).partitions.map((partition) => ({ start: partition.start(), end: partition.end() }));
    },

    async committed(name, group) {
      const { groups, partitions } = topicOf(name);
      return groups.get(group)?.durable() ?? partitions.map(() => undefined);
    },

    async within(name, group, ms) {
      const topic = topicOf(name);
      const before = time.now() - ms;
      const known = topic.groups.get(group) ?? newGroup(topic, group);
      const oldest = await Promise.all(topic.partitions.map(({ number }) => known.oldest(number)));
      return oldest.every((timestamp) => timestamp === undefined || timestamp >= before);
    },

    async members(name, group) {
      return topicOf(name).groups.get(group)?.members() ?? 0;
    },

    async forget(name, group) {
      const { groups } = topicOf(name);
      const members = groups.get(group)?.members() ?? 0;
      if (members > 0) throw new TryAgain(`cannot forget group ${group} of ${name}: it has ${members} readers`);
      groups.delete(group);
      await checkpoint.flush();
    },

    upkeep,

    close() {
      closing ??= closeAll();
      return closing;
    },
  };
};

export const topicDirectory = (directory: string, topic: string): string =>
  join(directory, 'topics', encodeURIComponent(topic));

/** Whether all of a topic that lies apart, without what was noted of it, can be read. */
export const isWhole = async (topic: string): Promise<boolean> => {
  try {
    for (const number of await readdir(topic))
      for (const segment of await listSegments(join(topic, number))) {
        const handle = await open(segment.file, 'r');
        const frames = frameReader(handle, segment);
        try {
          while (await frames.fill(segment.bytes)) while (frames.next());
        } finally {
          await handle.close();
        }
      }
    return true;
  } catch (error) {
    if (error instanceof Damaged || codeOf(error) === 'ENOENT') return false;
    throw error;
  }
};

const noteOf = ({ partitions, compacted, groups }: Topic): TopicNote => ({
  partitions: partitions.map((partition) => ({ ...partition.stable(), compacted: compacted[partition.number] ?? 0 })),
  commits: Object.fromEntries(
    [...groups].map(([name, group]) => [name, [...group.marks()].map((mark) => mark ?? null)]),
  ),
});

/** Below its commits a group reads nothing, so offsets that are given a second time would be skipped in silence. */
const refuseLostRecords = (topic: Topic, group: string, commits: readonly (number | null)[]) => {
  for (const { number, end } of topic.partitions) {
    const mark = commits[number] ?? 0;
    if (mark > end())
      throw new Damaged(
        `the log is damaged: group ${group} has settled ${topic.name}/${number} up to ${mark}, but it ends at ${end()}`,
      );
  }
};

const refuseLarge = (topic: string, { key, value }: Outgoing) => {
  const bytes = key.length + (value?.length ?? 0);
  if (bytes > MAX_RECORD_BYTES)
    throw new DeadLetter('record_too_large', `a record of ${bytes} bytes for ${topic}: at most ${MAX_RECORD_BYTES}`);
};

const throwFirst = (ends: readonly PromiseSettledResult<unknown>[], action: string) => {
  for (const end of ends) if (end.status === 'rejected') throw diskError(action, end.reason);
};
