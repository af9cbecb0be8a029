/** The topics that a pipeline needs: made where they are missing, and looked at where they are not. */
import kafkajs, { type Admin } from 'kafkajs';
import { BadConfiguration, TryAgain } from '../../errors.ts';
import type { Policy } from '../embedded/upkeep.ts';
import { isUnknownTopic } from './errors.ts';

export interface TopicsOptions {
  readonly topics: Readonly<Record<string, Policy>>;
  /** Where it is not given: what a topic that is there has, and `PARTITIONS` for one that is made. */
  readonly partitions: number | undefined;
  /** Where it is not given: three, or as many brokers as there are. */
  readonly replication: number | undefined;
  /** Whether missing ones are made. */
  readonly create: boolean;
  /** Of the largest record. */
  readonly recordBytes: number;
}

const PARTITIONS = 12;
const REPLICAS = 3;

export interface WantedTopic {
  readonly topic: string;
  readonly partitions: number;
  readonly replication: number;
  readonly settings: Readonly<Record<string, string>>;
}

export const wantedTopics = (options: TopicsOptions, brokers: number): readonly WantedTopic[] => {
  const { topics, partitions = PARTITIONS, replication = Math.min(REPLICAS, brokers), recordBytes } = options;
  return Object.entries(topics).map(([topic, policy]) => ({
    ...{ topic, partitions, replication },
    settings: {
      ...settingsOf(policy),
      'message.timestamp.type': 'LogAppendTime',
      'max.message.bytes': String(recordBytes),
    },
  }));
};

const settingsOf = (policy: Policy): Record<string, string> =>
  policy.policy === 'delete'
    ? { 'cleanup.policy': 'delete', 'retention.ms': String(policy.retentionMs) }
    : {
        'cleanup.policy': 'compact',
        'min.compaction.lag.ms': String(policy.lagMs),
        'delete.retention.ms': String(policy.tombstonesMs),
      };

/** As the commands that come with Kafka. */
export const asCommands = (wanted: readonly WantedTopic[], broker: string): readonly string[] =>
  wanted.map(({ topic, partitions, replication, settings }) =>
    [
      `kafka-topics.sh --bootstrap-server ${broker} --create --if-not-exists --topic ${topic}`,
      `--partitions ${partitions} --replication-factor ${replication}`,
      ...Object.entries(settings).map(([name, value]) => `--config ${name}=${value}`),
    ].join(' '),
  );

export interface Differing {
  readonly topic: string;
  readonly setting: string;
  readonly expected: string;
  readonly found: string;
}

/** Resolves to what is otherwise than configured and does no harm. Throws for what would lose or refuse records. */
export const ensureTopics = async (admin: Admin, options: TopicsOptions): Promise<readonly Differing[]> => {
  const { brokers } = await admin.describeCluster();
  const wanted = wantedTopics(options, brokers.length);
  const there = new Set(await admin.listTopics());
  const missing = wanted.filter(({ topic }) => !there.has(topic));
  if (missing.length > 0 && !options.create) {
    const names = missing.map(({ topic }) => topic).join(', ');
    throw new BadConfiguration(
      `topics are missing: ${names}. log.topics.create is false: \`tidemark topics print\` says how to make them`,
    );
  }
  if (missing.length > 0) await create(admin, missing);
  const existing = wanted.filter(({ topic }) => there.has(topic));
  if (existing.length === 0) return [];
  const differing = await differences(admin, existing, options);
  const harmful = differing.filter(isHarmful);
  if (harmful.length > 0)
    throw new BadConfiguration(
      harmful
        .map(
          ({ topic, setting, expected, found }) => `topic ${topic}: ${setting} is ${found}, and has to be ${expected}`,
        )
        .join('\n'),
    );
  return differing;
};

const create = async (admin: Admin, missing: readonly WantedTopic[]): Promise<void> => {
  try {
    await admin.createTopics({
      waitForLeaders: true,
      topics: missing.map(({ topic, partitions, replication, settings }) => ({
        topic,
        numPartitions: partitions,
        replicationFactor: replication,
        configEntries: Object.entries(settings).map(([name, value]) => ({ name, value })),
      })),
    });
  } catch (cause) {
    // The controller has made them, and the broker that is asked who leads them has not heard of it yet.
    if (isUnknownTopic(cause)) throw new TryAgain('the broker does not know the topics yet that were made', { cause });
    throw cause;
  }
};

/** Another policy loses what is needed, or keeps everything; a smaller batch refuses records; another number is asked for. */
const isHarmful = ({ setting, expected, found }: Differing): boolean =>
  setting === 'cleanup.policy' ||
  setting === 'partitions' ||
  (setting === 'max.message.bytes' && Number(found) < Number(expected));

const differences = async (
  admin: Admin,
  wanted: readonly WantedTopic[],
  { partitions, replication }: TopicsOptions,
): Promise<readonly Differing[]> => {
  const names = wanted.map(({ topic }) => topic);
  const [{ topics: metadata }, { resources }] = await Promise.all([
    admin.fetchTopicMetadata({ topics: names }),
    admin.describeConfigs({
      includeSynonyms: false,
      resources: names.map((name) => ({ type: kafkajs.ConfigResourceTypes.TOPIC, name })),
    }),
  ]);
  return wanted.flatMap(({ topic, settings }) => {
    const found = new Map(
      resources
        .filter(({ resourceName }) => resourceName === topic)
        .flatMap(({ configEntries }) => configEntries.map(({ configName, configValue }) => [configName, configValue])),
    );
    const placed = metadata.find(({ name }) => name === topic)?.partitions ?? [];
    const numbers = [
      { setting: 'partitions', expected: partitions, found: placed.length },
      { setting: 'replication', expected: replication, found: placed[0]?.replicas.length },
    ];
    return [
      ...numbers.flatMap(({ setting, expected, found: is }) =>
        expected === undefined || expected === is
          ? []
          : [{ topic, setting, expected: String(expected), found: String(is) }],
      ),
      ...Object.entries(settings).flatMap(([setting, expected]) => {
        const is = found.get(setting) ?? 'unknown';
        return is === expected ? [] : [{ topic, setting, expected, found: is }];
      }),
    ];
  });
};
