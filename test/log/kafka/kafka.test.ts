import { randomBytes, randomUUID } from 'node:crypto';
import kafkajs from 'kafkajs';
import { afterEach, describe, expect, it } from 'vitest';
import { DeadLetter } from '../../../src/errors.ts';
import type { Differing } from '../../../src/log/kafka/topics.ts';
import type { Log } from '../../../src/ports.ts';
import { DAY, HOUR, MIB } from '../../../src/units.ts';
import { logContract } from '../../contracts/log.ts';
import { realServer } from '../../support/real-server.ts';
import { allOf, text } from '../embedded/support.ts';
import { createTopics, type NewTopic, openLogOn, withAdmin } from './support.ts';

const { ConfigResourceTypes } = kafkajs;
const broker = await realServer('Kafka');

const LARGE = { 'max.message.bytes': String(16 * MIB) };
/** Every record closes the segment before it, since the one that is written to is never compacted. */
const COMPACTED = {
  ...LARGE,
  'cleanup.policy': 'compact',
  'segment.ms': '1',
  'min.cleanable.dirty.ratio': '0',
  'delete.retention.ms': String(DAY),
};
const NOT_YET = { 'min.compaction.lag.ms': String(HOUR) };

logContract(broker ? `Kafka at ${broker}` : undefined, async (topics) => {
  const address = broker as string;
  await createTopics(
    address,
    topics.map((topic) => ({ ...topic, settings: topic.policy === 'compact' ? { ...COMPACTED, ...NOT_YET } : LARGE })),
  );
  let log = await openLogOn(address, topics);
  return {
    log,
    async reopen() {
      await log.close();
      log = await openLogOn(address, topics);
      return log;
    },
    compact: () =>
      withAdmin(address, async (admin) => {
        const configEntries = Object.entries(COMPACTED).map(([name, value]) => ({ name, value }));
        const resources = topics.map(({ name }) => ({ type: ConfigResourceTypes.TOPIC, name, configEntries }));
        await admin.alterConfigs({ validateOnly: false, resources });
      }),
  };
});

describe.skipIf(!broker)('the log on Kafka', { timeout: 120_000 }, () => {
  const address = broker as string;
  const logs: Log[] = [];
  afterEach(async () => {
    for (const log of logs.splice(0)) await log.close();
  });
  const opened = async (topic: NewTopic, options: Parameters<typeof openLogOn>[2] = {}) => {
    const log = await openLogOn(address, [topic], options);
    logs.push(log);
    return log;
  };
  const topicOf = (settings: Record<string, string> = {}, partitions = 1): NewTopic => ({
    ...{ name: `kafka.${randomUUID()}`, policy: 'delete', partitions },
    settings: { ...LARGE, ...settings },
  });

  it.each(['gzip', 'snappy', 'lz4', 'zstd'])('reads what the broker has compressed with %s', async (codec) => {
    const topic = topicOf({ 'compression.type': codec });
    await createTopics(address, [topic]);
    const log = await opened(topic, { compression: 'none' });
    // Enough for several blocks of each codec, of what can be compressed and what cannot.
    const records = Array.from({ length: 40 }, (_, at) => ({
      key: `${at}`,
      value: at % 2 ? randomBytes(5_000) : Buffer.from(`line ${at}\n`.repeat(20_000)),
    }));
    await log.append(topic.name, records);
    const found = await allOf(log, topic.name);
    expect(found).toHaveLength(records.length);
    for (const { key, value } of found)
      expect(Buffer.compare(value ?? Buffer.of(), records[Number(key)]?.value ?? Buffer.of(1))).toBe(0);
  });

  it('makes the topics that are missing as they are configured, and takes them as they are the next time', async () => {
    const topic = topicOf({}, 3);
    const differing: unknown[] = [];
    await opened(topic, { differs: (of) => differing.push(of) });
    await opened(topic, { differs: (of) => differing.push(of) });
    expect(differing).toEqual([]);
  });

  it('refuses a topic that would lose or refuse records, and says which and why', async () => {
    const compacted = topicOf({ 'cleanup.policy': 'compact' });
    const small = topicOf({ 'max.message.bytes': '1000' });
    const four = topicOf({}, 4);
    await createTopics(address, [compacted, small, four]);
    await expect(opened(compacted)).rejects.toThrow(/cleanup.policy is compact, and has to be delete/);
    await expect(opened(small)).rejects.toThrow(/max.message.bytes is 1000/);
    await expect(opened({ ...four, partitions: 5 })).rejects.toThrow(/partitions is 4, and has to be 5/);
  });

  it('says what is otherwise than configured and does no harm', async () => {
    const topic = topicOf({ 'retention.ms': '3600000' });
    await createTopics(address, [topic]);
    const differing: Differing[] = [];
    await opened(topic, { differs: (of) => differing.push(of) });
    expect(differing.find(({ setting }) => setting === 'retention.ms')).toMatchObject({ found: '3600000' });
  });

  it('makes no topic where others do, and names what is missing', async () => {
    const topic = topicOf();
    const topics = {
      topics: { [topic.name]: { policy: 'delete', retentionMs: HOUR } },
      ...{ create: false, partitions: 1, replication: 1, recordBytes: 1_000_000 },
    } as const;
    await expect(opened(topic, { topics })).rejects.toThrow(/topics are missing: kafka\..*tidemark topics print/);
  });

  it('stops a group whose next records were deleted, and goes on behind them when it is started again', async () => {
    const topic = topicOf();
    const log = await opened(topic);
    const append = (from: number, to: number) =>
      log.append(
        topic.name,
        Array.from({ length: to - from }, (_, at) => text(`${from + at}`, 'v')),
      );
    await append(0, 10);
    const reader = log.read(topic.name, 'g');
    const records = reader[Symbol.asyncIterator]();
    for (let at = 0; at < 5; at += 1) (await records.next()).value?.settle();
    await reader.close();
    await append(10, 20);
    await withAdmin(address, async (admin) => {
      // It knows no topic that it was not asked about.
      await admin.fetchTopicOffsets(topic.name);
      await admin.deleteTopicRecords({ topic: topic.name, partitions: [{ partition: 0, offset: '8' }] });
    });
    const stopped = log.read(topic.name, 'g');
    await expect(stopped[Symbol.asyncIterator]().next()).rejects.toThrow(/from 5 up to 8 were deleted/);
    await stopped.close();
    const { value } = await log.read(topic.name, 'g')[Symbol.asyncIterator]().next();
    expect(value?.offset).toBe(8);
  });

  it('sets aside a record that the broker takes as too large, and appends those beside it', async () => {
    const topic = topicOf();
    await createTopics(address, [topic]);
    const log = await opened(topic);
    const large = { key: 'large', value: randomBytes(17 * MIB) };
    const appends = await Promise.allSettled([
      log.append(topic.name, [text('before', 'v')]),
      log.append(topic.name, [large]),
      log.append(topic.name, [text('after', 'v')]),
    ]);
    expect(appends.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(appends[1]).toMatchObject({ reason: expect.any(DeadLetter) });
    expect((await allOf(log, topic.name)).map(({ key }) => key)).toEqual(['before', 'after']);
  });
});
