/** Logs on a real broker, with topics of their own. */
import kafkajs, { type Admin } from 'kafkajs';
import { type KafkaLogOptions, openKafkaLog } from '../../../src/log/kafka/kafka.ts';
import type { Log } from '../../../src/ports.ts';
import { DAY, MIB } from '../../../src/units.ts';
import { realTime } from '../embedded/support.ts';

export interface NewTopic {
  readonly name: string;
  readonly policy: 'delete' | 'compact';
  readonly partitions: number;
  readonly settings?: Readonly<Record<string, string>>;
}

export const kafkaOf = (address: string) =>
  new kafkajs.Kafka({ brokers: [address], logLevel: kafkajs.logLevel.NOTHING, retry: { retries: 8 } });

export const withAdmin = async <T>(address: string, work: (admin: Admin) => Promise<T>): Promise<T> => {
  const admin = kafkaOf(address).admin();
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
};

export const createTopics = (address: string, topics: readonly NewTopic[]): Promise<boolean> =>
  withAdmin(address, (admin) =>
    admin.createTopics({
      waitForLeaders: true,
      topics: topics.map(({ name, policy, partitions, settings }) => ({
        topic: name,
        numPartitions: partitions,
        replicationFactor: 1,
        configEntries: Object.entries({ 'cleanup.policy': policy, ...settings }).map(([key, value]) => ({
          name: key,
          value,
        })),
      })),
    }),
  );

export const openLogOn = (
  address: string,
  topics: readonly Pick<NewTopic, 'name' | 'policy' | 'partitions'>[],
  options: Partial<KafkaLogOptions> = {},
): Promise<Log> =>
  openKafkaLog({
    brokers: [address],
    clientId: 'tidemark-test',
    said: () => undefined,
    topics: {
      create: true,
      partitions: topics[0]?.partitions,
      replication: 1,
      recordBytes: 16 * MIB,
      topics: Object.fromEntries(
        topics.map(({ name, policy }) => [
          name,
          policy === 'delete' ? { policy, retentionMs: DAY } : { policy, lagMs: 0, tombstonesMs: DAY },
        ]),
      ),
    },
    compression: 'gzip',
    sessionMs: 10_000,
    drainMs: 300,
    time: realTime,
    report: (error) => {
      throw error;
    },
    differs: () => undefined,
    ...options,
  });
