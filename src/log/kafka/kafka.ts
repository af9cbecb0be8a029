/** A log on Apache Kafka, for any number of processes. One group of Kafka's for each group and topic of ours. */
import type { Admin } from 'kafkajs';
import { StopFlow, TryAgain } from '../../errors.ts';
import type { Log, Reader, Time } from '../../ports.ts';
import { SECOND } from '../../units.ts';
import { openAppender } from './appender.ts';
import { connection, type KafkaClientOptions, kafkaClients } from './client.ts';
import { isMissingTopic, kafkaError } from './errors.ts';
import { openReader } from './reader.ts';
import { openSlicer } from './slice.ts';
import { type Differing, ensureTopics, type TopicsOptions } from './topics.ts';

/** A broker that has just started may not know its topics yet. */
const MISSING_MS = 60 * SECOND;
const NOT_THERE = 69;

export interface KafkaLogOptions extends KafkaClientOptions {
  readonly topics: TopicsOptions;
  readonly compression: 'gzip' | 'none';
  readonly sessionMs: number;
  readonly drainMs: number;
  readonly time: Time;
  /** What failed in the background, and is tried again or comes to light elsewhere. */
  readonly report: (error: unknown) => void;
  /** A topic that is there is otherwise than configured, and can be used. */
  readonly differs: (of: Differing) => void;
}

export const openKafkaLog = async (options: KafkaLogOptions): Promise<Log> => {
  const { topics, compression, sessionMs, drainMs, time, report, differs } = options;
  const { kafka, end } = kafkaClients(options);
  const admins = connection<Admin>({
    time,
    tries: 4,
    async make() {
      const admin = kafka().admin();
      await admin.connect();
      return admin;
    },
    end: (admin) => admin.disconnect(),
  });
  const appender = openAppender({ kafka, compression, time });
  const slicer = openSlicer({ kafka, time });
  const readers = new Set<Reader>();
  const missingSince = new Map<string, number>();
  let closing: Promise<void> | undefined;

  let ensured: Promise<void> | undefined;
  const ready = (): Promise<void> => {
    ensured ??= ensure().catch((error: unknown) => {
      ensured = undefined;
      throw error;
    });
    return ensured;
  };

  const ensure = async () => {
    const differing = await admins.use('look at the topics', (admin) => ensureTopics(admin, topics));
    for (const one of differing) differs(one);
  };

  const ofTopic = (topic: string) => (action: string, cause: unknown) => {
    const error = kafkaError(action, cause);
    if (!isMissingTopic(cause) || !(topic in topics.topics)) return error;
    const since = missingSince.get(topic) ?? time.now();
    missingSince.set(topic, since);
    return time.now() - since < MISSING_MS ? new TryAgain(error.message, { cause }) : error;
  };

  const about = async <T>(topic: string, action: string, work: () => Promise<T>): Promise<T> => {
    try {
      await ready();
      const result = await work();
      missingSince.delete(topic);
      return result;
    } catch (error) {
      throw ofTopic(topic)(action, error);
    }
  };

  const probe = () => admins.use('ask the broker', async (admin) => void (await admin.describeCluster()));

  const bounds = (topic: string) =>
    about(topic, `ask where ${topic} ends`, () =>
      admins.use(`ask where ${topic} ends`, async (admin) => {
        const offsets = await admin.fetchTopicOffsets(topic);
        return byPartition(offsets).map(({ low, high }) => ({ start: Number(low), end: Number(high) }));
      }),
    );

  const committed = (topic: string, group: string) => {
    const groupId = groupIdOf(topic, group);
    return about(topic, `ask for the place of ${groupId}`, () =>
      admins.use(`ask for the place of ${groupId}`, async (admin) => {
        const [offsets] = await admin.fetchOffsets({ groupId, topics: [topic] });
        return byPartition(offsets?.partitions ?? []).map(({ offset }) =>
          Number(offset) < 0 ? undefined : Number(offset),
        );
      }),
    );
  };

  const oldest = async (topic: string, partition: number) => (await bounds(topic))[partition]?.start ?? 0;

  const closeAll = async () => {
    const ends = await Promise.allSettled([...readers].map((reader) => reader.close()));
    ends.push(...(await Promise.allSettled([appender.close(), slicer.close(), admins.close()])));
    end();
    for (const one of ends) if (one.status === 'rejected') throw one.reason;
  };

  try {
    await ready();
  } catch (error) {
    // A broker that does not answer yet is waited for by whoever needs it.
    if (!(error instanceof TryAgain)) {
      await closeAll();
      throw error;
    }
  }

  return {
    probe,

    identity: () => admins.use('ask who the broker is', async (admin) => (await admin.describeCluster()).clusterId),

    append: (topic, records) => about(topic, `append to ${topic}`, () => appender.append(topic, records)),

    read(topic, group) {
      if (closing) throw new StopFlow(`cannot read ${topic} as ${group}: the log is closed`);
      const groupId = groupIdOf(topic, group);
      const of = { kafka, topic, groupId, sessionMs, drainMs, time, ready, probe, report };
      const reader = openReader({
        ...of,
        oldest: (partition) => oldest(topic, partition),
        reaction: ofTopic(topic),
      });
      readers.add(reader);
      return {
        ...reader,
        close: () => reader.close().finally(() => readers.delete(reader)),
      };
    },

    async *slice(topic, from, until) {
      yield* slicer.slice(topic, from, until, await bounds(topic));
    },

    bounds,
    committed,

    async within(topic, group, ms) {
      const [marks, old] = await Promise.all([
        committed(topic, group),
        about(topic, `ask what of ${topic} is old`, () =>
          admins.use(`ask what of ${topic} is old`, (admin) =>
            admin.fetchTopicOffsetsByTimestamp(topic, time.now() - ms),
          ),
        ),
      ]);
      const first = byPartition(old).map(({ offset }) => Number(offset));
      if (first.every((offset, partition) => offset <= (marks[partition] ?? 0))) return true;
      // What is not in the log any more will not be settled.
      const starts = await bounds(topic);
      return first.every(
        (offset, partition) => offset <= Math.max(marks[partition] ?? 0, starts[partition]?.start ?? 0),
      );
    },

    members: (topic, group) =>
      admins.use(`ask who reads ${topic} as ${group}`, async (admin) => {
        const { groups } = await admin.describeGroups([groupIdOf(topic, group)]);
        return groups[0]?.members.length ?? 0;
      }),

    forget: (topic, group) =>
      admins.use(`forget group ${group} of ${topic}`, async (admin) => {
        const groupId = groupIdOf(topic, group);
        try {
          await admin.deleteGroups([groupId]);
        } catch (error) {
          const [refused] = (error as { groups?: readonly { errorCode?: number }[] }).groups ?? [];
          if (refused?.errorCode === NOT_THERE) return;
          throw refused ? new TryAgain(`cannot forget group ${groupId}: it has readers`, { cause: error }) : error;
        }
      }),

    close() {
      closing ??= closeAll();
      return closing;
    },
  };
};

/** Kafka commits a group's place per topic, but shares out all topics of a group to all of its members. */
export const groupIdOf = (topic: string, group: string): string => {
  const [ofTopic, ofGroup] = [topic.split('.'), group.split('.')];
  const shared = ofTopic.findIndex((part, at) => part !== ofGroup[at]);
  return [...ofGroup, ...ofTopic.slice(shared)].join('.');
};

const byPartition = <T extends { readonly partition: number }>(of: readonly T[]): readonly T[] =>
  [...of].sort((a, b) => a.partition - b.partition);
