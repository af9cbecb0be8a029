/**
 * What the log notes down beside its records: where the groups stand, what was durable, how far it is compacted. One
 * small file that is replaced as a whole. What it says may be old, never ahead of the segments.
 */
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { z } from 'zod';
import { Damaged, messageOf, StopFlow } from '../../errors.ts';
import type { Time } from '../../ports.ts';
import { diskError, readIfThere, replaceFile } from '../../runtime/disk.ts';

const offset = z.number().int().nonnegative();

const partition = z.object({ base: offset, bytes: offset, next: offset, timestamp: z.number(), compacted: offset });
export type PartitionNote = z.infer<typeof partition>;

const topic = z.object({
  partitions: z.array(partition),
  /** Per group and partition. */
  commits: z.record(z.string(), z.array(offset.nullable())),
});
export type TopicNote = z.infer<typeof topic>;

const checkpoint = z.object({ v: z.literal(1), topics: z.record(z.string(), topic) });

const identity = z.object({
  v: z.literal(1),
  identity: z.string(),
  partitions: z.record(z.string(), z.int().positive()),
});
export type Identity = z.infer<typeof identity>;

/** A digit that has changed makes another offset, which nothing else would tell. */
const sumOf = (noted: object): number => crc32(JSON.stringify(noted));
const withSum = (noted: object): string => JSON.stringify({ ...noted, sum: sumOf(noted) });

/** Files from before there were sums have none. */
const read = async <T>(file: string, schema: z.ZodType<T>): Promise<T | undefined> => {
  const content = await readIfThere(file);
  if (content === undefined) return undefined;
  try {
    const { sum, ...noted } = z.looseObject({ sum: z.number().optional() }).parse(JSON.parse(content));
    if (sum !== undefined && sum !== sumOf(noted)) throw new Error('it is not what was written');
    return schema.parse(noted);
  } catch (cause) {
    throw new Damaged(`the log is damaged: cannot make sense of ${file}: ${messageOf(cause)}`, { cause });
  }
};

/** Who this log is and how its topics are cut; a new one gets a new identity. Durable before anything relies on it. */
export const openIdentity = async (
  directory: string,
  partitions: Readonly<Record<string, number>>,
  time: Time,
): Promise<string> => {
  const file = join(directory, 'identity.json');
  const found = await read(file, identity);
  for (const [name, count] of Object.entries(partitions)) {
    const before = found?.partitions[name];
    if (before !== undefined && before !== count)
      throw new StopFlow(
        `topic ${name} has ${before} partitions, not ${count}: another number would break the order of its keys`,
      );
  }
  const next: Identity = {
    v: 1,
    identity: found?.identity ?? time.token(),
    partitions: { ...found?.partitions, ...partitions },
  };
  if (JSON.stringify(next) !== JSON.stringify(found)) await replaceFile(file, withSum(next));
  return next.identity;
};

export interface Checkpoint {
  /** What was noted before this process. */
  readonly before: Readonly<Record<string, TopicNote>>;
  /** There is something new to note; it will be soon, together with whatever else comes until then. */
  touch(): void;
  /** Resolves once all that is known now is durable. */
  flush(): Promise<void>;
  /** Why what was touched is not noted yet, if writing failed. */
  trouble(): unknown;
  close(): Promise<void>;
}

export interface CheckpointOptions {
  readonly directory: string;
  readonly time: Time;
  /** How long a commit may wait for others, and be lost with the process. */
  readonly commitMs: number;
  /** Rejects when this process may no longer write. */
  readonly guard: () => Promise<void>;
  readonly report: (error: unknown) => void;
  /** What is to be noted, and what to do once it is durable. */
  readonly note: () => { readonly topics: Record<string, TopicNote>; readonly noted: () => void };
}

export const openCheckpoint = async (options: CheckpointOptions): Promise<Checkpoint> => {
  const { directory, time, commitMs, guard, report, note } = options;
  const file = join(directory, 'checkpoint.json');
  const before = (await read(file, checkpoint))?.topics ?? {};
  const stop = new AbortController();
  let writing: Promise<void> = Promise.resolve();
  let waiting: Promise<void> | undefined;
  let touched = false;
  let running = false;
  let trouble: unknown;

  const write = async () => {
    try {
      await guard();
      const { topics, noted } = note();
      // Topics that are not configured any more keep their place for the day they are again.
      await replaceFile(file, withSum({ v: 1, topics: { ...before, ...topics } }));
      noted();
      trouble = undefined;
    } catch (error) {
      trouble = diskError(`write ${file}`, error);
      throw trouble;
    }
  };

  /** One write at a time; all who ask during it share the next. */
  const flush = (): Promise<void> => {
    waiting ??= writing.then(() => {
      waiting = undefined;
      const mine = write();
      writing = mine.catch(() => undefined); // whoever waits for this write gets the error, not the next in line
      return mine;
    });
    return waiting;
  };

  const soon = async () => {
    running = true;
    for (let failures = 0; touched && !stop.signal.aborted; ) {
      await time.sleep(Math.min(commitMs * 2 ** failures, 10_000), stop.signal);
      if (stop.signal.aborted) break;
      touched = false;
      try {
        await flush();
        failures = 0;
      } catch (error) {
        report(error);
        touched = true;
        failures += 1;
      }
    }
    running = false;
  };

  return {
    before,
    touch() {
      touched = true;
      if (!running) void soon();
    },
    flush,
    trouble: () => trouble,
    async close() {
      stop.abort();
      await flush();
    },
  };
};
