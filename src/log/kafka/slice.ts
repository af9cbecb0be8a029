/** Bounded reads, without a group: from one vector of offsets up to another, partition by partition. */
import type { Kafka } from 'kafkajs';
import { TryAgain } from '../../errors.ts';
import { pathFromBytes } from '../../paths/bytes.ts';
import type { Bounds, LogRecord, Time } from '../../ports.ts';
import { MIB, SECOND } from '../../units.ts';
import { connection } from './client.ts';
import { type Batch, type Cluster, clusterOf, newBatch, type RawMessage } from './internals.ts';

const FETCH = { maxWaitTime: 500, minBytes: 1, maxBytes: 4 * MIB, isolationLevel: 1 };
const LATER_MS = 1 * SECOND;

export interface Slicer {
  slice(topic: string, from: readonly number[], until: readonly number[], bounds: Bounds): AsyncIterable<LogRecord>;
  close(): Promise<void>;
}

export const openSlicer = ({ kafka, time }: { readonly kafka: () => Kafka; readonly time: Time }): Slicer => {
  const clusters = connection<Cluster>({
    time,
    async make() {
      const cluster = clusterOf(kafka());
      await cluster.connect();
      return cluster;
    },
    end: (cluster) => cluster.disconnect(),
  });

  const fetch = (topic: string, partition: number, offset: number): Promise<Batch | undefined> =>
    clusters.use(`read ${topic}/${partition} at ${offset}`, async (cluster) => {
      await cluster.addTargetTopic(topic);
      const [nodeId = ''] = Object.keys(cluster.findLeaderForPartitions(topic, [partition]));
      const broker = await cluster.findBroker({ nodeId });
      const asked = { partition, fetchOffset: String(offset), maxBytes: FETCH.maxBytes };
      const { responses } = await broker.fetch({ ...FETCH, topics: [{ topic, partitions: [asked] }] });
      const [data] = responses.flatMap(({ partitions }) => partitions);
      return data && newBatch(topic, String(offset), data);
    });

  /** For as long as it takes: whoever reads has no call that could be repeated. */
  const patiently = async (topic: string, partition: number, offset: number) => {
    for (;;) {
      try {
        return await fetch(topic, partition, offset);
      } catch (error) {
        if (!(error instanceof TryAgain)) throw error;
        await time.sleep(LATER_MS);
      }
    }
  };

  return {
    async *slice(topic, from, until, bounds) {
      for (const [partition, { start, end }] of bounds.entries()) {
        const stop = Math.min(until[partition] ?? 0, end);
        let position = Math.max(from[partition] ?? 0, start);
        while (position < stop) {
          const batch = await patiently(topic, partition, position);
          // Below the end nothing but records that are gone from a compacted topic.
          if (!batch || batch.rawMessages.length === 0) break;
          for (const message of batch.messages) {
            if (Number(message.offset) < stop) yield recordOf(topic, partition, message);
          }
          position = Number(batch.lastOffset()) + 1;
        }
      }
    },
    close: () => clusters.close(),
  };
};

/** Copied, since what comes is a view of all that was fetched with it. */
export const recordOf = (topic: string, partition: number, message: RawMessage): LogRecord => ({
  topic,
  partition,
  offset: Number(message.offset),
  key: message.key ? pathFromBytes(message.key) : '',
  value: message.value && new Uint8Array(message.value),
  headers: headersOf(message.headers),
  timestamp: Number(message.timestamp),
});

/** A name that occurs several times, which none of ours does, keeps its first value. */
const headersOf = (headers: RawMessage['headers'] = {}): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, String(Array.isArray(value) ? value[0] : (value ?? ''))]),
  );
