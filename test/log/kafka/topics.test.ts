import { KafkaJSProtocolError } from 'kafkajs';
import { expect, it } from 'vitest';
import { TryAgain } from '../../../src/errors.ts';
import { ensureTopics } from '../../../src/log/kafka/topics.ts';

type Admin = Parameters<typeof ensureTopics>[0];

/** What a broker answers that is asked for topics before the controller has told it of them. */
const notYet = () => {
  const error = new KafkaJSProtocolError('This server does not host this topic-partition');
  return Object.assign(error, { type: 'UNKNOWN_TOPIC_OR_PARTITION', code: 3 });
};

it('topics that a broker does not know yet, right after they were made, are asked for again and are no fault', async () => {
  const admin: Pick<Admin, 'describeCluster' | 'listTopics' | 'createTopics'> = {
    describeCluster: async () => ({ brokers: [], controller: null, clusterId: 'x' }),
    listTopics: async () => [],
    createTopics: () => Promise.reject(notYet()),
  };
  const options = { partitions: 1, replication: 1, create: true, recordBytes: 1024 };
  const topics = { events: { policy: 'delete', retentionMs: 1 } } as const;
  await expect(ensureTopics(admin as Admin, { ...options, topics })).rejects.toThrow(TryAgain);
});
