/**
 * Appends one after another, so that their order is that of the calls; whoever comes while one is under way goes with
 * the next.
 */
import { crc32 } from 'node:zlib';
import kafkajs, { type Kafka, type Producer, type TopicMessages } from 'kafkajs';
import { gathered } from '../../calls/batch.ts';
import { StopFlow } from '../../errors.ts';
import { pathToBytes } from '../../paths/bytes.ts';
import type { Outgoing, Time } from '../../ports.ts';
import { KIB, SECOND } from '../../units.ts';
import { connection } from './client.ts';
import { isTooLarge } from './errors.ts';

/** Below what a topic takes by default: all of one partition are one batch to the broker, which it takes or refuses. */
const SEND_BYTES = 900 * KIB;
const ACK_MS = 30 * SECOND;
const ALL = -1;
const RECORD_BYTES = 64;

export interface Appender {
  append(topic: string, records: readonly Outgoing[]): Promise<void>;
  /** Resolves when what was under way is over. */
  close(): Promise<void>;
}

export interface AppenderOptions {
  readonly kafka: () => Kafka;
  readonly compression: 'gzip' | 'none';
  readonly time: Time;
}

type Message = TopicMessages['messages'][number];

/** What one send takes of the records of one call. */
interface Part {
  readonly topic: string;
  readonly messages: Message[];
  bytes: number;
}

export const openAppender = ({ kafka, compression, time }: AppenderOptions): Appender => {
  const { CompressionTypes } = kafkajs;
  const codec = compression === 'gzip' ? CompressionTypes.GZIP : CompressionTypes.None;
  let last = Promise.resolve<void>(undefined);
  let closed = false;

  /**
   * Idempotent, for what is repeated inside one send. After a send that failed it is made anew: the next one would bear
   * the same numbers, and a broker that has taken the first after all would drop the second as its double.
   */
  const producers = connection<Producer>({
    time,
    async make() {
      const producer = kafka().producer({
        idempotent: true,
        allowAutoTopicCreation: false,
        createPartitioner:
          () =>
          ({ partitionMetadata, message }) =>
            crc32(message.key ?? '') % partitionMetadata.length,
      });
      await producer.connect();
      return producer;
    },
    end: (producer) => producer.disconnect(),
  });

  const send = async (parts: readonly Part[]) => {
    const byTopic = new Map<string, Message[]>();
    for (const { topic, messages } of parts) {
      const before = byTopic.get(topic);
      if (before) before.push(...messages);
      else byTopic.set(topic, [...messages]);
    }
    const topicMessages = [...byTopic].map(([topic, messages]) => ({ topic, messages }));
    const names = [...byTopic.keys()].join(', ');
    await producers.use(`append to ${names}`, (producer) =>
      producer.sendBatch({ acks: ALL, timeout: ACK_MS, compression: codec, topicMessages }),
    );
    return parts.map(() => undefined);
  };

  const sent = gathered({
    run: send,
    size: ({ bytes }: Part) => bytes,
    maxSize: SEND_BYTES,
    parallel: 1,
    // One topic is at fault, or one record, and the others are not to go down with it.
    isPoison: (error) => isTooLarge(error) || error instanceof StopFlow,
  });

  return {
    append(topic, records) {
      if (closed) throw new StopFlow(`cannot append to ${topic}: the log is closed`);
      const appended = sent(divided(topic, records.map(messageOf))).then(() => undefined);
      last = Promise.allSettled([last, appended]).then(() => undefined);
      return appended;
    },
    async close() {
      closed = true;
      await last;
      await producers.close();
    },
  };
};

const messageOf = ({ key, value, headers }: Outgoing): Message => ({
  key: pathToBytes(key),
  value: value && Buffer.from(value.buffer, value.byteOffset, value.byteLength),
  ...(headers ? { headers } : {}),
});

const sizeOf = ({ key, value, headers }: Message): number => {
  let bytes = RECORD_BYTES + (key?.length ?? 0) + (value?.length ?? 0);
  for (const [name, of] of Object.entries(headers ?? {})) bytes += name.length + String(of).length;
  return bytes;
};

/** As many as go into one send; a record that is larger goes alone. */
const divided = (topic: string, messages: readonly Message[]): readonly Part[] => {
  const parts: Part[] = [];
  for (const message of messages) {
    const bytes = sizeOf(message);
    const last = parts.at(-1);
    if (last && last.bytes + bytes <= SEND_BYTES) {
      last.messages.push(message);
      last.bytes += bytes;
    } else parts.push({ topic, messages: [message], bytes });
  }
  return parts;
};
