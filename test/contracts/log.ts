/**
 * What every log promises. It says nothing about partition numbers, and of offsets only that they rise, so that it runs
 * on any engine. What takes time is waited for with a deadline that a real cluster meets, too.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { StopFlow } from '../../src/errors.ts';
import type { Delivery, Log, LogRecord, Outgoing, Reader } from '../../src/ports.ts';
import { MIB, SECOND } from '../../src/units.ts';

export interface TopicToOpen {
  readonly name: string;
  /** Compaction is to leave nothing but the newest records, as soon as it is triggered. Tombstones stay. */
  readonly policy: 'delete' | 'compact';
  readonly partitions: number;
}

export interface OpenedLog {
  readonly log: Log;
  /** Closes the log and opens it on the same data. */
  reopen?(): Promise<Log>;
  compact?(): Promise<void>;
}

const DEADLINE_MS = 30 * SECOND;
const TEST_MS = 4 * DEADLINE_MS;

/** `open` is given the topics that a test uses, which are there and empty afterwards. Without a name there is no server. */
export const logContract = (
  name: string | undefined,
  open: (topics: readonly TopicToOpen[]) => Promise<OpenedLog>,
): void => {
  describe.skipIf(name === undefined)(`a log: ${name}`, { timeout: TEST_MS }, () => {
    const left: Log[] = [];
    afterEach(async () => {
      for (const log of left.splice(0)) await log.close();
    });

    const opened = async (policy: TopicToOpen['policy'] = 'delete', partitions = 4) => {
      const topic = `contract.${randomUUID()}`;
      const parts = await open([{ name: topic, policy, partitions }]);
      left.push(parts.log);
      return { ...parts, topic };
    };

    describe('append and read', () => {
      it('delivers everything, each key in the order of its appends', async () => {
        const { log, topic } = await opened();
        const records = series(300, 17);
        for (let at = 0; at < records.length; at += 40) await log.append(topic, records.slice(at, at + 40));
        const deliveries = await taker(log.read(topic, 'g')).take(300);
        expect(byKey(deliveries)).toEqual(byKey(records));
        expect(deliveries.every((delivery) => delivery.topic === topic)).toBe(true);
        expect(risesPerPartition(deliveries)).toBe(true);
      });

      it('keeps the order of appends that nobody waited for', async () => {
        const { log, topic } = await opened();
        const records = series(200, 3);
        await Promise.all(records.map((record) => log.append(topic, [record])));
        expect(byKey(await all(log, topic))).toEqual(byKey(records));
      });

      it('gives one key one partition, in every append', async () => {
        const { log, topic } = await opened();
        for (let round = 0; round < 5; round += 1) await log.append(topic, series(20, 10));
        const places = new Map<string, Set<number>>();
        for (const { key, partition } of await all(log, topic))
          places.set(key, (places.get(key) ?? new Set()).add(partition));
        expect([...places.values()].map(({ size }) => size)).toEqual(Array(10).fill(1));
      });

      it('shows at once what an append has resolved for', async () => {
        const { log, topic } = await opened();
        for (let round = 1; round <= 5; round += 1) {
          await log.append(topic, series(7, 7));
          expect(await all(log, topic)).toHaveLength(7 * round);
        }
      });

      it('delivers to a reader that waits at the end', async () => {
        const { log, topic } = await opened();
        const reader = taker(log.read(topic, 'g'));
        const waiting = reader.take(1);
        await sleep(50);
        await log.append(topic, [text('late', 'v')]);
        expect((await waiting).map(({ key }) => key)).toEqual(['late']);
      });

      it('takes an append of nothing', async () => {
        const { log, topic } = await opened();
        await log.append(topic, []);
        expect(await all(log, topic)).toEqual([]);
      });

      it('says when it took a record', async () => {
        const { log, topic } = await opened();
        const before = Date.now();
        await log.append(topic, [text('k', 'v')]);
        const [record] = await all(log, topic);
        expect(Math.abs((record?.timestamp ?? 0) - before)).toBeLessThan(DEADLINE_MS);
      });

      it('stops the flow for a topic that is not there', async () => {
        const { log } = await opened();
        const missing = `contract.${randomUUID()}`;
        const nowhere = [0, 0, 0, 0];
        await expect(log.append(missing, [text('k', 'v')])).rejects.toBeInstanceOf(StopFlow);
        await expect(log.bounds(missing)).rejects.toBeInstanceOf(StopFlow);
        await expect((async () => taker(log.read(missing, 'g')).take(1))()).rejects.toBeInstanceOf(StopFlow);
        await expect(collect(log.slice(missing, nowhere, nowhere))).rejects.toBeInstanceOf(StopFlow);
      });

      it('answers a probe', async () => {
        const { log } = await opened();
        await log.probe();
      });
    });

    describe('what a record carries', () => {
      const roundTrip = async (records: readonly Outgoing[]) => {
        const { log, topic } = await opened('compact', 1);
        await log.append(topic, records);
        const read = (await taker(log.read(topic, 'g')).take(records.length)).map(plain);
        expect(read).toEqual((await all(log, topic)).map(plain));
        return read;
      };

      it('tells a tombstone from an empty value', async () => {
        const read = await roundTrip([
          { key: 'gone', value: null },
          { key: 'empty', value: new Uint8Array(0) },
        ]);
        expect(read.map(({ value }) => value)).toEqual([null, new Uint8Array(0)]);
      });

      it('returns values byte by byte, also what is not UTF-8', async () => {
        const value = Uint8Array.from({ length: 512 }, (_, index) => index & 255);
        const [record] = await roundTrip([{ key: 'k', value }]);
        expect(record?.value).toEqual(value);
      });

      it('returns headers', async () => {
        const headers = { 'x-stage': 'convert', empty: '', umlaut: 'größe ✓', lines: 'a\nb\0c' };
        const read = await roundTrip([
          { key: 'k', value: null, headers },
          { key: 'none', value: null },
        ]);
        expect(read.map((record) => record.headers)).toEqual([headers, {}]);
      });

      it('returns keys with NUL, any script, and bytes that are not UTF-8 as lone surrogates', async () => {
        const keys = ['', 'main\u000042\u0000main\u0000a b.md', 'größe/✓/𝒳/日本.md', '\ufeffbom', 'e\u0301 \u00e9'];
        for (let byte = 0x80; byte <= 0xff; byte += 1) keys.push(`g\u00001\u0000r\u0000a${escaped(byte)}b`);
        keys.push(`${escaped(0xff)}${escaped(0xfe)}\u0000${escaped(0x80)}`);
        const read = await roundTrip(keys.map((key) => ({ key, value: null })));
        expect(read.map(({ key }) => key)).toEqual(keys);
      });

      it('carries records of several megabytes among small ones', async () => {
        const { log, topic } = await opened('delete', 1);
        const large = new Uint8Array(5 * MIB).map((_, index) => (index * 31) & 255);
        await log.append(topic, [text('a', '1'), { key: 'b', value: large }, text('c', '3')]);
        const [delivered, sliced] = [await taker(log.read(topic, 'g')).take(3), await all(log, topic)];
        for (const records of [delivered, sliced]) {
          expect(records.map(({ key }) => key)).toEqual(['a', 'b', 'c']);
          // Compared as a whole: a matcher would look at each of the bytes.
          expect(Buffer.compare(records[1]?.value ?? new Uint8Array(0), large)).toBe(0);
        }
      });
    });

    describe('groups', () => {
      it('gives every group everything', async () => {
        const { log, topic } = await opened();
        await log.append(topic, series(50, 10));
        const one = await taker(log.read(topic, 'one')).take(50);
        for (const delivery of one) delivery.settle();
        const two = await taker(log.read(topic, 'two')).take(50);
        expect(byKey(two)).toEqual(byKey(one));
      });

      it('starts a group without commits at the first record', async () => {
        const { log, topic } = await opened();
        await log.append(topic, [text('k', 'first')]);
        await taker(log.read(topic, 'earlier')).take(1);
        await log.append(topic, [text('k', 'second')]);
        expect(values(await taker(log.read(topic, 'later')).take(2))).toEqual(['first', 'second']);
      });

      it('goes on after close with the first record that was not settled, and everything behind it', async () => {
        const { log, topic } = await opened('delete', 1);
        await log.append(topic, series(6, 1));
        const reader = log.read(topic, 'g');
        const deliveries = await taker(reader).take(5);
        for (const settled of [1, 0, 3]) deliveries[settled]?.settle();
        await reader.close();
        expect(await log.committed(topic, 'g')).toEqual([deliveries[2]?.offset]);
        expect(values(await taker(log.read(topic, 'g')).take(4))).toEqual(['2', '3', '4', '5']);
      });

      it('goes on behind the last record when everything was settled', async () => {
        const { log, topic } = await opened();
        await log.append(topic, series(40, 8));
        const reader = log.read(topic, 'g');
        for (const delivery of (await taker(reader).take(40)).reverse()) delivery.settle();
        await reader.close();
        await log.append(topic, [text('k', 'new')]);
        expect(values(await taker(log.read(topic, 'g')).take(1))).toEqual(['new']);
      });

      it('delivers again what was out at the close, and no later settling of it counts', async () => {
        const { log, topic } = await opened();
        await log.append(topic, series(10, 5));
        const reader = log.read(topic, 'g');
        const out = await taker(reader).take(10);
        await reader.close();
        for (const delivery of out) delivery.settle();
        const again = await taker(log.read(topic, 'g')).take(10);
        expect(byKey(again)).toEqual(byKey(out));
        expect((await log.committed(topic, 'g')).every((offset, at) => !passes(offset, out, at))).toBe(true);
      });

      it('throws when a delivery is settled twice, whoever holds its partition now', async () => {
        const { log, topic } = await opened();
        await log.append(topic, series(2, 1));
        const reader = log.read(topic, 'g');
        const [first, second] = await taker(reader).take(2);
        first?.settle();
        expect(() => first?.settle()).toThrow();
        await reader.close();
        second?.settle();
        expect(() => second?.settle()).toThrow();
      });

      it('commits soon after a settling, without a close', async () => {
        const { log, topic } = await opened('delete', 1);
        await log.append(topic, series(3, 1));
        const deliveries = await taker(log.read(topic, 'g')).take(3);
        deliveries[0]?.settle();
        deliveries[1]?.settle();
        await until(async () => (await log.committed(topic, 'g'))[0] === deliveries[2]?.offset);
      });

      it('ends the iteration of a reader that is closed, also while it waits', async () => {
        const { log, topic } = await opened();
        const reader = log.read(topic, 'g');
        const waiting = reader[Symbol.asyncIterator]().next();
        await sleep(50);
        await reader.close();
        await reader.close();
        expect((await waiting).done).toBe(true);
        expect((await reader[Symbol.asyncIterator]().next()).done).toBe(true);
        expect(reader.held().size).toBe(0);
      });

      it('lets an iteration be left and taken up again', async () => {
        const { log, topic } = await opened('delete', 1);
        await log.append(topic, series(4, 1));
        const reader = log.read(topic, 'g');
        const seen: string[] = [];
        for (let round = 0; round < 2; round += 1)
          for await (const delivery of reader) {
            seen.push(...values([delivery]));
            if (seen.length % 2 === 0) break;
          }
        expect(seen).toEqual(['0', '1', '2', '3']);
      });
    });

    describe('readers of one group', () => {
      it('share the partitions and the records between them', async () => {
        const { log, topic } = await opened();
        const [one, two] = [taker(log.read(topic, 'g')), taker(log.read(topic, 'g'))];
        const waiting = [one.pump(), two.pump()];
        await until(() => isShared([one.reader, two.reader], 4));
        await log.append(topic, series(80, 40));
        await until(() => one.seen.length + two.seen.length >= 80);
        expect(byKey([...one.seen, ...two.seen])).toEqual(byKey(series(80, 40)));
        expect(one.seen.every(({ partition }) => one.reader.held().has(partition))).toBe(true);
        await Promise.all([one.reader.close(), two.reader.close()]);
        await Promise.all(waiting);
      });

      it('hand the partitions of one that closes to the others, from its commits and under a new epoch', async () => {
        const { log, topic } = await opened();
        const [one, two] = [taker(log.read(topic, 'g')), taker(log.read(topic, 'g'))];
        const waiting = [one.pump(), two.pump()];
        await until(() => isShared([one.reader, two.reader], 4));
        await log.append(topic, series(80, 40));
        await until(() => one.seen.length + two.seen.length >= 80);
        const [settled, open] = [one.seen.filter((_, at) => at % 2 === 0), one.seen.filter((_, at) => at % 2 === 1)];
        for (const delivery of settled) delivery.settle();
        for (const delivery of two.seen) delivery.settle();
        const epochs = new Set([...one.seen, ...two.seen].map(({ epoch }) => epoch));
        const before = two.seen.length;
        await one.reader.close();
        await until(() => two.reader.held().size === 4);
        const handed = () => two.seen.slice(before);
        await until(() => open.every((delivery) => handed().some((other) => isSame(delivery, other))));
        const fresh = handed().filter(({ partition }) => open.some((delivery) => delivery.partition === partition));
        expect(fresh.every(({ epoch }) => !epochs.has(epoch))).toBe(true);
        await two.reader.close();
        await Promise.all(waiting);
      });

      it('move no offset by settling what was delivered before the partitions were shared anew', async () => {
        const { log, topic } = await opened();
        await log.append(topic, series(40, 20));
        const one = taker(log.read(topic, 'g'));
        const old = await one.take(40);
        const waiting = [one.pump()];
        const two = taker(log.read(topic, 'g'));
        waiting.push(two.pump());
        await until(() => isShared([one.reader, two.reader], 4));
        await until(() => one.seen.length + two.seen.length >= 80);
        for (const delivery of old) delivery.settle();
        await Promise.all([one.reader.close(), two.reader.close()]);
        await Promise.all(waiting);
        expect((await log.committed(topic, 'g')).every((offset, at) => !passes(offset, old, at))).toBe(true);
      });

      it('hold all partitions when there is one, and none twice when there are more readers than partitions', async () => {
        const { log, topic } = await opened('delete', 2);
        const readers = [taker(log.read(topic, 'g'))];
        const waiting = readers.map((reader) => reader.pump());
        await until(() => readers[0]?.reader.held().size === 2);
        for (let more = 0; more < 2; more += 1) {
          const reader = taker(log.read(topic, 'g'));
          readers.push(reader);
          waiting.push(reader.pump());
        }
        await until(() => readers.filter(({ reader }) => reader.held().size === 1).length === 2);
        expect(readers.reduce((sum, { reader }) => sum + reader.held().size, 0)).toBe(2);
        await Promise.all(readers.map(({ reader }) => reader.close()));
        await Promise.all(waiting);
      });
    });

    describe('members', () => {
      it('are the readers of the group that are open, of this topic alone', async () => {
        const { log, topic } = await opened();
        expect(await log.members(topic, 'g')).toBe(0);
        const [one, two] = [taker(log.read(topic, 'g')), taker(log.read(topic, 'g'))];
        const waiting = [one.pump(), two.pump()];
        await until(async () => (await log.members(topic, 'g')) === 2);
        expect(await log.members(topic, 'other')).toBe(0);
        await one.reader.close();
        await until(async () => (await log.members(topic, 'g')) === 1);
        await two.reader.close();
        await until(async () => (await log.members(topic, 'g')) === 0);
        await Promise.all(waiting);
      });
    });

    describe('reading ahead', () => {
      it('holds no more than a bounded part of the log for a reader that is not asked', async () => {
        const { log, topic } = await opened();
        const value = new Uint8Array(MIB);
        for (let round = 0; round < 12; round += 1)
          await log.append(
            topic,
            Array.from({ length: 8 }, (_, at) => ({ key: `${round}.${at}`, value })),
          );
        const before = process.memoryUsage().arrayBuffers;
        const reader = taker(log.read(topic, 'g'));
        await reader.take(1);
        await sleep(500);
        expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(48 * MIB);
        expect(await reader.take(95)).toHaveLength(95);
      });
    });

    describe('offsets', () => {
      it('bound an empty partition by one offset, and records by those around them', async () => {
        const { log, topic } = await opened();
        expect((await log.bounds(topic)).map(({ start, end }) => end - start)).toEqual([0, 0, 0, 0]);
        await log.append(topic, series(9, 1));
        const [record] = await all(log, topic);
        const bounds = await log.bounds(topic);
        expect(bounds.filter(({ start, end }) => start === end)).toHaveLength(3);
        const { start, end } = bounds[record?.partition ?? -1] ?? { start: 0, end: 0 };
        expect(start).toBeLessThanOrEqual(record?.offset ?? -1);
        expect(end).toBeGreaterThan((await all(log, topic)).at(-1)?.offset ?? end);
      });

      it('are committed for no partition that nothing was settled of', async () => {
        const { log, topic } = await opened();
        expect(await log.committed(topic, 'g')).toEqual([undefined, undefined, undefined, undefined]);
        await log.append(topic, series(3, 1));
        const reader = log.read(topic, 'g');
        const [first] = await taker(reader).take(3);
        first?.settle();
        await reader.close();
        const [committed, bounds] = [await log.committed(topic, 'g'), await log.bounds(topic)];
        expect(committed).toHaveLength(4);
        for (const [partition, offset] of committed.entries()) {
          if (partition === first?.partition) expect(offset).toBe(first.offset + 1);
          else expect([undefined, bounds[partition]?.start]).toContain(offset);
        }
      });

      it('slice what lies between two vectors, and nothing of what comes later', async () => {
        const { log, topic } = await opened();
        await log.append(topic, series(30, 10));
        const from = (await log.bounds(topic)).map(({ end }) => end);
        await log.append(topic, series(20, 10));
        const to = (await log.bounds(topic)).map(({ end }) => end);
        await log.append(topic, series(10, 10));
        const records = await collect(log.slice(topic, from, to));
        expect(byKey(records)).toEqual(byKey(series(20, 10)));
        expect(risesPerPartition(records)).toBe(true);
      });

      it('slice nothing where the vectors meet, and from the first record where they start below it', async () => {
        const { log, topic } = await opened();
        const empty = await log.bounds(topic);
        expect(await all(log, topic)).toEqual([]);
        await log.append(topic, series(30, 10));
        const ends = (await log.bounds(topic)).map(({ end }) => end);
        expect(await collect(log.slice(topic, ends, ends))).toEqual([]);
        const starts = empty.map(({ start }) => start);
        expect(await collect(log.slice(topic, starts, ends))).toHaveLength(30);
      });

      it('slice without moving a group, and may be left half-way', async () => {
        const { log, topic } = await opened();
        await log.append(topic, series(30, 10));
        const ends = (await log.bounds(topic)).map(({ end }) => end);
        for await (const _ of log.slice(topic, [0, 0, 0, 0], ends)) break;
        expect(await log.committed(topic, 'g')).toEqual([undefined, undefined, undefined, undefined]);
        expect(await taker(log.read(topic, 'g')).take(30)).toHaveLength(30);
      });

      it('tell whether everything older than a while is settled', async () => {
        const { log, topic } = await opened();
        expect(await log.within(topic, 'g', 0)).toBe(true);
        await log.append(topic, series(10, 5));
        expect(await log.within(topic, 'g', 10 * 60_000)).toBe(true);
        await until(async () => !(await log.within(topic, 'g', 1)));
        const deliveries = await taker(log.read(topic, 'g')).take(10);
        expect(await log.within(topic, 'g', 1)).toBe(false);
        for (const delivery of deliveries.slice(1)) delivery.settle();
        await sleep(10);
        expect(await log.within(topic, 'g', 1)).toBe(false);
        deliveries[0]?.settle();
        await until(() => log.within(topic, 'g', 1));
        expect(await log.within(topic, 'other', 1)).toBe(false);
      });

      it('are forgotten with their group, which then starts at the first record again', async () => {
        const { log, topic } = await opened();
        await log.append(topic, series(10, 5));
        const reader = log.read(topic, 'g');
        for (const delivery of await taker(reader).take(10)) delivery.settle();
        await expect(log.forget(topic, 'g')).rejects.toThrow();
        await reader.close();
        await log.forget(topic, 'g');
        await log.forget(topic, 'never-there');
        expect(await log.committed(topic, 'g')).toEqual([undefined, undefined, undefined, undefined]);
        expect(await taker(log.read(topic, 'g')).take(10)).toHaveLength(10);
      });
    });

    describe('over a restart', () => {
      it('keeps its identity, its records and the places of its groups', async ({ skip }) => {
        const { log, topic, reopen } = await opened();
        if (!reopen) return skip();
        const identity = await log.identity();
        await log.append(topic, series(40, 10));
        const reader = taker(log.read(topic, 'g'));
        for (const delivery of await reader.take(40)) delivery.settle();
        const before = { records: await all(log, topic), bounds: await log.bounds(topic) };
        await reader.reader.close();
        const committed = await log.committed(topic, 'g');
        left.splice(0);
        const again = await reopen();
        left.push(again);
        expect(await again.identity()).toBe(identity);
        expect(await all(again, topic)).toEqual(before.records);
        expect(await again.bounds(topic)).toEqual(before.bounds);
        expect(await again.committed(topic, 'g')).toEqual(committed);
        await again.append(topic, [text('k', 'new')]);
        expect(values(await taker(again.read(topic, 'g')).take(1))).toEqual(['new']);
      });
    });

    describe('compaction', () => {
      it('leaves the newest record of each key, where it was, and every group where it stood', async ({ skip }) => {
        const { log, topic, compact } = await opened('compact', 2);
        if (!compact) return skip();
        const rounds = Array.from({ length: 20 }, (_, round) =>
          Array.from({ length: 10 }, (_, at) => text(`k${at}`, `${round}`)),
        );
        for (const records of rounds) await log.append(topic, records);
        await log.append(topic, [{ key: 'k0', value: null }]);
        await sleep(5);
        // A log may leave alone what it still writes to, and with it all that only the newest records would replace.
        await log.append(
          topic,
          Array.from({ length: 20 }, (_, at) => text(`last-${at}`, 'v')),
        );
        const before = await all(log, topic);
        const reader = taker(log.read(topic, 'g'));
        for (const delivery of await reader.take(50)) delivery.settle();
        await reader.reader.close();
        const { bounds, committed } = { bounds: await log.bounds(topic), committed: await log.committed(topic, 'g') };
        await compact();
        const newest = new Map(before.map((record) => [record.key, record]));
        await until(async () => (await all(log, topic)).length === newest.size);
        expect(new Map((await all(log, topic)).map((record) => [record.key, record]))).toEqual(newest);
        expect((await log.bounds(topic)).map(({ end }) => end)).toEqual(bounds.map(({ end }) => end));
        expect(await log.committed(topic, 'g')).toEqual(committed);
        expect(keysOf(await taker(log.read(topic, 'fresh')).take(newest.size))).toEqual(keysOf([...newest.values()]));
      });
    });
  });
};

const text = (key: string, value: string): Outgoing => ({ key, value: new TextEncoder().encode(value) });

/** `count` records over `keys` keys, each with its number as its value. */
const series = (count: number, keys: number): Outgoing[] =>
  Array.from({ length: count }, (_, at) => text(`key-${at % keys}`, String(at)));

const escaped = (byte: number) => String.fromCharCode(0xdc00 + byte);

type Content = Pick<LogRecord, 'key' | 'value'>;

const values = (records: readonly Content[]) =>
  records.map(({ value }) => new TextDecoder().decode(value ?? undefined));

const keysOf = (records: readonly Content[]) => records.map(({ key }) => key).sort();

/** The values of each key in their order, whatever lies between them. */
const byKey = (records: readonly Content[]): Record<string, string[]> => {
  const found: Record<string, string[]> = {};
  for (const record of [...records].sort((a, b) => (a.key < b.key ? -1 : Number(a.key > b.key))))
    found[record.key] = [...(found[record.key] ?? []), ...values([record])];
  return found;
};

const plain = ({ key, value, headers }: LogRecord) => ({ key, value: value && new Uint8Array(value), headers });

const isSame = (a: LogRecord, b: LogRecord) => a.partition === b.partition && a.offset === b.offset;

const risesPerPartition = (records: readonly LogRecord[]) => {
  const last = new Map<number, number>();
  return records.every(({ partition, offset }) => {
    const rises = offset > (last.get(partition) ?? -1);
    last.set(partition, offset);
    return rises;
  });
};

/** Whether a commit is behind the first of these deliveries, none of which may have moved it. */
const passes = (offset: number | undefined, out: readonly LogRecord[], partition: number) =>
  offset !== undefined && out.some((record) => record.partition === partition && record.offset < offset);

const isShared = (readers: readonly Reader[], partitions: number) => {
  const held = readers.flatMap((reader) => [...reader.held()]);
  return readers.every((reader) => reader.held().size > 0) && new Set(held).size === partitions;
};

/** Takes deliveries from a reader, and keeps what it asked for when it stops waiting. */
const taker = (reader: Reader) => {
  const iterator = reader[Symbol.asyncIterator]();
  const seen: Delivery[] = [];
  return {
    reader,
    seen,
    async take(count: number): Promise<Delivery[]> {
      const taken: Delivery[] = [];
      while (taken.length < count) {
        const step = await withDeadline(iterator.next(), () => `${taken.length} of ${count} deliveries came`);
        if (step.done) throw new Error(`the reader ended after ${taken.length} of ${count} deliveries`);
        taken.push(step.value);
      }
      seen.push(...taken);
      return taken;
    },
    /** Takes everything until the reader is closed. */
    async pump(): Promise<void> {
      for (let step = await iterator.next(); !step.done; step = await iterator.next()) seen.push(step.value);
    },
  };
};

const withDeadline = async <T>(work: Promise<T>, message: () => string): Promise<T> => {
  const timer = new AbortController();
  const late = sleep(DEADLINE_MS, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`after ${DEADLINE_MS} ms: ${message()}`);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    timer.abort();
    late.catch(() => undefined);
  }
};

const until = async (condition: () => boolean | Promise<boolean>): Promise<void> => {
  const end = Date.now() + DEADLINE_MS;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`after ${DEADLINE_MS} ms this did not hold: ${condition}`);
    await sleep(10);
  }
};

const collect = async (records: AsyncIterable<LogRecord>): Promise<LogRecord[]> => {
  const found: LogRecord[] = [];
  for await (const record of records) found.push(record);
  return found;
};

const all = async (log: Log, topic: string): Promise<LogRecord[]> => {
  const bounds = await log.bounds(topic);
  return collect(
    log.slice(
      topic,
      bounds.map(({ start }) => start),
      bounds.map(({ end }) => end),
    ),
  );
};
