/** What kafkajs and a broker rarely do, each brought about by a real client that is held up at one place. */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { StopFlow, TryAgain } from '../../../src/errors.ts';
import { openAppender } from '../../../src/log/kafka/appender.ts';
import { kafkaError } from '../../../src/log/kafka/errors.ts';
import { openReader, type ReaderOptions } from '../../../src/log/kafka/reader.ts';
import { HOUR, MINUTE, SECOND } from '../../../src/units.ts';
import { fakeTime } from '../../support/fake-time.ts';
import { realServer } from '../../support/real-server.ts';
import { allOf, realTime, text } from '../embedded/support.ts';
import { createTopics, kafkaOf, openLogOn } from './support.ts';

const SESSION_MS = 6 * SECOND;
const broker = await realServer('Kafka');
const address = broker as string;

/** The protocol's own errors, by their numbers. */
const { createErrorFromCode } = createRequire(import.meta.url)('kafkajs/src/protocol/error') as {
  createErrorFromCode(code: number): Error;
};

describe.skipIf(!broker)('a consumer that hangs', { timeout: 2 * MINUTE }, () => {
  const time = fakeTime();
  const silentReader = async (probe: ReaderOptions['probe']) => {
    const topic = `hangs.${randomUUID()}`;
    await createTopics(address, [{ name: topic, policy: 'delete', partitions: 1 }]);
    const kafka = kafkaOf(address);
    const consumer = kafka.consumer.bind(kafka);
    // It connects, and never fetches anything.
    kafka.consumer = (of) => ({ ...consumer(of), run: async () => undefined });
    return openReader({
      kafka: () => kafka,
      topic,
      groupId: randomUUID(),
      sessionMs: SESSION_MS,
      drainMs: SECOND,
      time,
      ready: async () => undefined,
      probe,
      oldest: async () => 0,
      reaction: kafkaError,
      report: () => undefined,
    });
  };

  it('ends its flow when nothing was heard of it for long although the broker answers', async () => {
    const reader = await silentReader(async () => undefined);
    const next = reader[Symbol.asyncIterator]().next();
    next.catch(() => undefined);
    await time.advance(5 * MINUTE);
    await expect(next).rejects.toThrow(StopFlow);
    await expect(next).rejects.toThrow(/has not been heard of for \d+ s, although the broker answers/);
    await reader.close();
  });

  it('is waited for as long as the broker does not answer either', async () => {
    let answers = false;
    const reader = await silentReader(async () => {
      if (!answers) throw new TryAgain('the broker is away');
    });
    const next = reader[Symbol.asyncIterator]().next();
    let fault: unknown;
    next.catch((error: unknown) => {
      fault = error;
    });
    await time.advance(HOUR);
    expect(fault).toBeUndefined();
    answers = true;
    await time.advance(5 * MINUTE);
    expect(fault).toBeInstanceOf(StopFlow);
    await reader.close();
  });
});

describe.skipIf(!broker)('connections that never end', { timeout: MINUTE }, () => {
  const never = () => new Promise<void>(() => undefined);

  it('keep no reader and no appender from closing', async () => {
    const topic = { name: `ends.${randomUUID()}`, policy: 'delete', partitions: 1 } as const;
    await createTopics(address, [topic]);
    const kafka = kafkaOf(address);
    const [consumer, producer] = [kafka.consumer.bind(kafka), kafka.producer.bind(kafka)];
    const left: (() => Promise<void>)[] = [];
    const staying = <C extends { disconnect(): Promise<void> }>(client: C): C => {
      left.push(() => client.disconnect());
      return { ...client, disconnect: never };
    };
    kafka.consumer = (of) => staying(consumer(of));
    kafka.producer = (of) => staying(producer(of));
    const of = { kafka: () => kafka, time: realTime };
    const appender = openAppender({ ...of, compression: 'none' });
    await appender.append(topic.name, [text('k', 'v')]);
    const reader = openReader({
      ...{ ...of, topic: topic.name, groupId: randomUUID(), sessionMs: SESSION_MS, drainMs: SECOND },
      ...{ ready: async () => undefined, probe: async () => undefined, oldest: async () => 0 },
      ...{ reaction: kafkaError, report: () => undefined },
    });
    const { value } = await reader[Symbol.asyncIterator]().next();
    value?.settle();
    await Promise.all([reader.close(), appender.close()]);
    expect(left).toHaveLength(2);
    await Promise.all(left.map((leave) => leave()));
  });
});

describe.skipIf(!broker)('a connection that kafkajs has left behind', { timeout: MINUTE }, () => {
  it('keeps no process once the log has ended it', async () => {
    const leaver = fileURLToPath(new URL('leaver.ts', import.meta.url));
    const child = spawn(process.execPath, ['--import', 'tsx', leaver, address], { stdio: 'inherit' });
    const patience = setTimeout(() => child.kill('SIGKILL'), 30 * SECOND);
    const [code] = await once(child, 'exit');
    clearTimeout(patience);
    expect(code).toBe(0);
  });
});

describe.skipIf(!broker)('a producer that the broker has lost track of', { timeout: MINUTE }, () => {
  it.each([
    ['is fenced', 47],
    ['is unknown', 59],
    ['is out of order', 45],
  ])('is made anew when it %s, and what it was to append is appended once', async (_, code) => {
    const topic = { name: `fenced.${randomUUID()}`, policy: 'delete', partitions: 1 } as const;
    const log = await openLogOn(address, [topic]);
    const kafka = kafkaOf(address);
    const producer = kafka.producer.bind(kafka);
    let made = 0;
    kafka.producer = (of) => {
      made += 1;
      const refused = async () => {
        throw createErrorFromCode(code);
      };
      return made === 1 ? { ...producer(of), sendBatch: refused } : producer(of);
    };
    const appender = openAppender({ kafka: () => kafka, compression: 'gzip', time: realTime });
    await expect(appender.append(topic.name, [text('k', 'v')])).rejects.toThrow(TryAgain);
    await appender.append(topic.name, [text('k', 'v')]);
    await appender.append(topic.name, [text('l', 'w')]);
    await appender.close();
    expect(made).toBe(2);
    expect((await allOf(log, topic.name)).map(({ key }) => key)).toEqual(['k', 'l']);
    await log.close();
  });
});

describe.skipIf(!broker)('what is out when another reader comes', { timeout: 2 * MINUTE }, () => {
  it('may settle before the partitions are shared anew, and comes to nobody a second time', async () => {
    const topic = { name: `drains.${randomUUID()}`, policy: 'delete', partitions: 4 } as const;
    const log = await openLogOn(address, [topic], { sessionMs: SESSION_MS, drainMs: 30 * SECOND });
    const keys = Array.from({ length: 40 }, (_, at) => `${at}`);
    await log.append(
      topic.name,
      keys.slice(0, 20).map((key) => text(key, 'v')),
    );
    const one = log.read(topic.name, 'g');
    const records = one[Symbol.asyncIterator]();
    const out = [];
    for (let at = 0; at < 20; at += 1) out.push((await records.next()).value);
    const other = log.read(topic.name, 'g');
    const otherRecords = other[Symbol.asyncIterator]();
    // By now the first has heard that it is to join anew, and would have, had it nothing out.
    await sleep(SESSION_MS);
    expect(other.held().size).toBe(0);
    for (const delivery of out) delivery?.settle();
    while (other.held().size === 0) await sleep(50);
    await log.append(
      topic.name,
      keys.slice(20).map((key) => text(key, 'v')),
    );
    const seen: string[] = [];
    const pump = async (from: typeof records) => {
      for (let next = await from.next(); !next.done; next = await from.next()) {
        seen.push(next.value.key);
        next.value.settle();
      }
    };
    const pumping = [pump(records), pump(otherRecords)];
    while (seen.length < 20) await sleep(50);
    await Promise.all([one.close(), other.close()]);
    await Promise.all(pumping);
    expect(seen.toSorted()).toEqual(keys.slice(20).toSorted());
    await log.close();
  });
});
