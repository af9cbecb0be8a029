import kafkajs from 'kafkajs';
import { logContract } from '../contracts/log.ts';
import { realServer } from '../support/real-server.ts';
import { createTopics, openLogOn, withAdmin } from './kafka-support.ts';

const { ConfigResourceTypes } = kafkajs;
const broker = await realServer('Kafka');

const HOUR_MS = 3_600_000;
const LARGE = { 'max.message.bytes': String(16 * 1024 ** 2) };
/** Every record closes the segment before it, since the one that is written to is never compacted. */
const COMPACTED = {
  ...LARGE,
  'cleanup.policy': 'compact',
  'segment.ms': '1',
  'min.cleanable.dirty.ratio': '0',
  'delete.retention.ms': String(24 * HOUR_MS),
};
const NOT_YET = { 'min.compaction.lag.ms': String(HOUR_MS) };

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
