/**
 * A member of a group. kafkajs hands over what it has fetched and goes on at once, so that it never misses a heartbeat;
 * what is handed over waits here, bounded, until it is asked for.
 */
import kafkajs, { type Consumer, type EachBatchPayload, type Kafka } from 'kafkajs';
import { StopFlow, TryAgain } from '../../errors.ts';
import type { Delivery, Reader, Time } from '../../ports.ts';
import { KIB, SECOND } from '../../units.ts';
import { readAhead, type Waiting } from './ahead.ts';
import { type Assignment, assignment } from './assignment.ts';
import { within } from './client.ts';
import { kafkaError } from './errors.ts';
import { type Batch, type ConsumerGroup, withMembership } from './internals.ts';
import { recordOf } from './slice.ts';

const HEARTBEAT_MS = 3 * SECOND;
/** How long a resumed partition, and everybody in a rebalance, may have to wait for a fetch that finds nothing. */
const FETCH_WAIT_MS = 250;
const PARTITION_BYTES = 256 * KIB;
const FETCH_BYTES = KIB * KIB;
const COMMIT_MS = 200;
const COMMIT_AGAIN_MS = 2 * SECOND;
const RESTART_MS = 1 * SECOND;
const WATCH_MS = 5 * SECOND;
/** Looks without any sign of life, in sessions: a process that was frozen has not looked. */
const SILENT_SESSIONS = 3;
/** A consumer that is still joining is let join first: one that is cut off stays a member until its session ends. */
const JOIN_MS = 10 * SECOND;
/** All is committed by then, and a member that could not say goodbye is missed after its session. */
const LEAVE_MS = 10 * SECOND;

export interface ReaderOptions {
  readonly kafka: () => Kafka;
  readonly topic: string;
  readonly groupId: string;
  readonly sessionMs: number;
  /** How long what is out may take to settle before its partitions are given away. */
  readonly drainMs: number;
  readonly time: Time;
  /** Resolves when the topics are there. */
  readonly ready: () => Promise<void>;
  /** Resolves when the broker answers. */
  readonly probe: () => Promise<void>;
  /** The first offset of the partition that is still there. */
  readonly oldest: (partition: number) => Promise<number>;
  /** A failure with what it means for a topic that may not be there. */
  readonly reaction: (action: string, error: unknown) => Error;
  readonly report: (error: unknown) => void;
}

export const openReader = (options: ReaderOptions): Reader => {
  const { kafka, topic, groupId, sessionMs, drainMs, time, ready, probe, oldest, reaction, report } = options;
  const over = new AbortController();
  const ahead = readAhead({
    pause: () => consumer?.pause([{ topic }]),
    resume: () => consumer?.resume([{ topic }]),
  });
  let draining = false;
  let consumer: Consumer | undefined;
  let current: Assignment | undefined;
  let fault: Error | undefined;
  let closing: Promise<void> | undefined;
  const rebalanceMs = Math.max(60 * SECOND, 2 * drainMs + sessionMs);
  let signs = 0;
  const sleepers = new Set<() => void>();

  const wake = () => {
    for (const awake of sleepers) awake();
    sleepers.clear();
  };
  const stirred = () => new Promise<void>((resolve) => void sleepers.add(resolve));

  const fail = (error: Error) => {
    fault ??= error;
    current = undefined;
    wake();
  };

  // ------------------------------------------------------------------------------------------ commits

  let committing = false;

  const commit = async (of: Assignment): Promise<void> => {
    try {
      await of.commit();
    } catch (error) {
      // A broker that is away or shares the partitions anew is told later, or delivers again what it was not told.
      if (!(kafkaError('commit', error) instanceof TryAgain)) report(error);
      await time.sleep(COMMIT_AGAIN_MS, over.signal);
    }
  };

  /** Each with all that has settled by then. */
  const commitSoon = () => {
    if (committing) return;
    committing = true;
    const running = async () => {
      await time.sleep(COMMIT_MS, over.signal);
      while (current?.moved() && !over.signal.aborted) await commit(current);
      committing = false;
    };
    void running();
  };

  const commitNow = async (of: Assignment, withinMs: number) => {
    await within(time, of.commit().catch(report), withinMs);
  };

  // ------------------------------------------------------------------------------------------ assignments

  const leaving = async () => {
    const mine = current;
    if (!mine) return;
    draining = true;
    ahead.clear();
    const deadline = time.now() + drainMs;
    while (mine.out() > 0 && time.now() < deadline && !closing) await within(time, stirred(), deadline - time.now());
    await commitNow(mine, drainMs);
    if (current === mine) current = undefined;
  };

  const joined = async (group: ConsumerGroup) => {
    signs += 1;
    ahead.clear();
    current = closing || fault ? undefined : await assignment(group, topic);
    draining = false;
    ahead.steer(true);
    wake();
  };

  // ------------------------------------------------------------------------------------------ batches

  const eachBatch = async ({ batch: given, resolveOffset }: EachBatchPayload) => {
    const batch = given as unknown as Batch;
    const mine = current;
    const { partition } = batch;
    if (!mine || draining || closing) return;
    const expected = mine.position(partition);
    if (expected === undefined) return;
    const fetched = Number(batch.fetchedOffset);
    if (fetched > expected && !(await isHole(mine, partition, expected))) return;
    if (mine !== current) return;
    for (const message of batch.messages) {
      if (Number(message.offset) < expected) continue;
      ahead.push({ record: recordOf(topic, partition, message), of: mine });
    }
    mine.moveTo(partition, Number(batch.lastOffset()) + 1);
    resolveOffset(batch.lastOffset());
    ahead.steer();
    wake();
  };

  /**
   * What was fetched begins behind what was to come: a batch of an older assignment has moved the place, or kafkajs has
   * left a place that is not in the log any more. Asked once more for the right one, it tells which.
   */
  const isHole = async (mine: Assignment, partition: number, expected: number): Promise<boolean> => {
    if (mine.askOnce(partition, expected)) {
      consumer?.seek({ topic, partition, offset: String(expected) });
      return false;
    }
    const start = await oldest(partition).catch((error: unknown) => {
      report(error);
      return undefined;
    });
    if (start === undefined) return false;
    if (start <= expected) return true;
    fail(
      new StopFlow(
        `${topic}/${partition}: the records from ${expected} up to ${start} were deleted before group ${groupId} had settled them: retention is too short, or the group stood still for too long. The next start goes on behind them, and what they were about is found by tidemark backfill`,
      ),
    );
    return false;
  };

  // ------------------------------------------------------------------------------------------ life

  const start = async (): Promise<void> => {
    while (!closing) {
      try {
        await connect();
        return;
      } catch (error) {
        const known = reaction(`read ${topic} as ${groupId}`, error);
        if (!(known instanceof TryAgain)) return fail(known);
        await consumer?.disconnect().catch(report);
        await time.sleep(RESTART_MS, over.signal);
      }
    }
  };

  const connect = async () => {
    await ready();
    const { roundRobin } = kafkajs.PartitionAssigners;
    const made = kafka().consumer({
      groupId,
      partitionAssigners: [withMembership(roundRobin, { leaving, joined })],
      sessionTimeout: sessionMs,
      rebalanceTimeout: rebalanceMs,
      heartbeatInterval: Math.min(HEARTBEAT_MS, sessionMs / 4),
      maxWaitTimeInMs: FETCH_WAIT_MS,
      maxBytesPerPartition: PARTITION_BYTES,
      maxBytes: FETCH_BYTES,
      allowAutoTopicCreation: false,
      retry: { initialRetryTime: 200, maxRetryTime: 2 * SECOND, retries: 4, restartOnFailure: async () => !closing },
    });
    consumer = made;
    const { HEARTBEAT, FETCH, GROUP_JOIN, CRASH } = made.events;
    const sign = () => {
      signs += 1;
    };
    for (const event of [HEARTBEAT, FETCH, GROUP_JOIN] as const) made.on(event, sign);
    made.on(CRASH, ({ payload: { error, restart } }) => {
      sign();
      current = undefined;
      if (restart || closing || fault) return;
      const known = reaction(`read ${topic} as ${groupId}`, error);
      // It has ended for good. Another one is worth a try, or somebody has to look.
      if (known instanceof TryAgain) running = time.sleep(RESTART_MS, over.signal).then(start);
      else fail(known instanceof StopFlow ? known : new StopFlow(known.message, { cause: error }));
    });
    await made.connect();
    // Without a commit the first record that is there: the other default would leave out what nobody has read yet.
    await made.subscribe({ topics: [topic], fromBeginning: true });
    await made.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch });
  };

  /** A consumer that hangs looks like one that has nothing to do. */
  const watch = async () => {
    let [seen, silent] = [-1, 0];
    while (!over.signal.aborted) {
      await time.sleep(WATCH_MS, over.signal);
      const quiet = signs === seen && consumer !== undefined;
      seen = signs;
      silent = quiet && (await answers()) ? silent + WATCH_MS : 0;
      // A member that joins is silent for as long as the broker lets the others come.
      if (silent >= rebalanceMs + SILENT_SESSIONS * sessionMs)
        return fail(
          new StopFlow(`${groupId} has not been heard of for ${silent / SECOND} s, although the broker answers`),
        );
    }
  };

  const answers = () =>
    probe().then(
      () => true,
      () => false,
    );

  const close = async () => {
    const mine = current;
    ahead.clear();
    wake();
    if (mine) await commitNow(mine, drainMs);
    current = undefined;
    over.abort();
    await within(time, running, JOIN_MS);
    await within(time, consumer?.disconnect().catch(report), LEAVE_MS);
  };

  let running = start();
  void watch();

  const deliver = ({ record, of }: Waiting): Delivery => {
    const ticket = of.deliver(record.partition, record.offset);
    return {
      ...record,
      epoch: ticket.epoch,
      settle() {
        ticket.settle();
        if (of === current) commitSoon();
        if (draining) wake();
      },
    };
  };

  const next = async (): Promise<IteratorResult<Delivery, undefined>> => {
    for (;;) {
      if (fault) throw fault;
      if (closing) return { done: true, value: undefined };
      const waiting = draining ? undefined : ahead.take();
      if (waiting?.of === current && waiting) return { done: false, value: deliver(waiting) };
      if (!waiting) await stirred();
    }
  };

  return {
    held: () => new Set(closing || fault ? [] : current?.held()),
    [Symbol.asyncIterator]: () => ({ next }),
    close() {
      closing ??= close();
      return closing;
    },
  };
};
