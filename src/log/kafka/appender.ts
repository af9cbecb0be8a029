/**
 * Appends one after another, so that their order is that of the calls; whoever comes while one is under way goes with
 * the next.
 */
import { crc32 } from 'node:zlib';
import kafkajs, { type Kafka, type Producer, type TopicMessages } from 'kafkajs';
import { StopFlow } from '../../errors.ts';
import { pathToBytes } from '../../paths/bytes.ts';
import type { Outgoing, Time } from '../../ports.ts';
import { connection } from './client.ts';
import { isTooLarge } from './errors.ts';

/** Below what a topic takes by default: all of one partition are one batch to the broker, which it takes or refuses. */
const SEND_BYTES = 900 * 1024;
const ACK_MS = 30_000;
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

interface Waiting {
  readonly topic: string;
  readonly messages: readonly Message[];
  readonly bytes: number;
  resolve(): void;
  reject(error: unknown): void;
}

export const openAppender = ({ kafka, compression, time }: AppenderOptions): Appender => {
  const { CompressionTypes } = kafkajs;
  const codec = compression === 'gzip' ? CompressionTypes.GZIP : CompressionTypes.None;
  const waiting: Waiting[] = [];
  let sending: Promise<void> | undefined;
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

  const send = (group: readonly Waiting[]) => {
    const byTopic = new Map<string, Message[]>();
    for (const { topic, messages } of group) {
      const before = byTopic.get(topic);
      if (before) before.push(...messages);
      else byTopic.set(topic, [...messages]);
    }
    const topicMessages = [...byTopic].map(([topic, messages]) => ({ topic, messages }));
    const names = [...byTopic.keys()].join(', ');
    return producers.use(`append to ${names}`, (producer) =>
      producer.sendBatch({ acks: ALL, timeout: ACK_MS, compression: codec, topicMessages }),
    );
  };

  const settle = async (group: readonly Waiting[]): Promise<void> => {
    try {
      await send(group);
      for (const { resolve } of group) resolve();
    } catch (error) {
      // One of them is at fault, and the others are not to go down with it.
      if (group.length > 1 && (isTooLarge(error) || error instanceof StopFlow)) {
        for (const one of group) await settle([one]);
        return;
      }
      for (const { reject } of group) reject(error);
    }
  };

  const next = (): readonly Waiting[] => {
    let bytes = 0;
    let count = 0;
    for (const one of waiting) {
      bytes += one.bytes;
      if (count > 0 && bytes > SEND_BYTES) break;
      count += 1;
    }
    return waiting.splice(0, count);
  };

  const sendAll = async () => {
    // Whoever appends in the same turn goes along.
    await new Promise((resolve) => setImmediate(resolve));
    while (waiting.length > 0) await settle(next());
    sending = undefined;
  };

  return {
    append(topic, records) {
      if (closed) throw new StopFlow(`cannot append to ${topic}: the log is closed`);
      const parts = divided(records.map(messageOf));
      const appended = parts.map(
        (part) =>
          new Promise<void>((resolve, reject) => {
            waiting.push({ topic, ...part, resolve, reject });
          }),
      );
      if (appended.length > 0) sending ??= sendAll();
      return Promise.all(appended).then(() => undefined);
    },
    async close() {
      closed = true;
      await sending;
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
const divided = (messages: readonly Message[]): { readonly messages: Message[]; readonly bytes: number }[] => {
  const parts: { messages: Message[]; bytes: number }[] = [];
  for (const message of messages) {
    const bytes = sizeOf(message);
    const last = parts.at(-1);
    if (last && last.bytes + bytes <= SEND_BYTES) {
      last.messages.push(message);
      last.bytes += bytes;
    } else parts.push({ messages: [message], bytes });
  }
  return parts;
};
