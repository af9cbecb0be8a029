/**
 * The one writer of an embedded store, in its own thread. Calls that arrive together are one transaction, so that they
 * share its wait for the disk; each is answered after the commit.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { checkFence } from '../../runtime/fence.ts';
import { MINUTE } from '../../units.ts';
import { type Database, reaction } from './database.ts';
import { forgetGenerations, generationReads, generationWrites } from './generations.ts';
import { ledgerReads, ledgerWrites } from './ledger.ts';
import { type Answer, type Call, type Calls, type FromWorker, fromFailure, toFailure } from './messages.ts';
import { pointReads, pointWrites } from './points.ts';
import { type FileOptions, openForWriting } from './schema.ts';
import { stateReads, stateWrites } from './state.ts';

const SWEEP_EVERY_MS = MINUTE;

const reads = (database: Database) => ({
  ...stateReads(database),
  ...generationReads(database),
  ...ledgerReads(database),
  ...pointReads(database),
});

const writes = (database: Database, now: () => number) => {
  const { sweep, ...points } = pointWrites(database, now);
  return {
    calls: { ...stateWrites(database), ...generationWrites(database), ...ledgerWrites(database), ...points },
    sweep,
  };
};

/** What the main thread may ask for. */
export type WriterCalls = ReturnType<typeof reads> & ReturnType<typeof writes>['calls'];

type Operation = (...args: readonly unknown[]) => unknown;

const writer = (database: Database, fence: FileOptions['fence']) => {
  let now = 0;
  let sweepDueAt = 0;
  const reading = new Map(Object.entries(reads(database))) as unknown as ReadonlyMap<string, Operation>;
  const { calls, sweep } = writes(database, () => now);
  const writing = new Map(Object.entries(calls)) as unknown as ReadonlyMap<string, Operation>;

  /** One failing call leaves nothing behind and does not fail the others. */
  const isolated = (operation: Operation, args: readonly unknown[]): unknown => {
    database.exec('SAVEPOINT one_call');
    try {
      const value = operation(...args);
      database.exec('RELEASE one_call');
      return value;
    } catch (error) {
      // Without a transaction SQLite has undone all of it already, and there is no savepoint to go back to.
      if (database.inTransaction()) {
        database.exec('ROLLBACK TO one_call');
        database.exec('RELEASE one_call');
      }
      throw error;
    }
  };

  const answer = ({ id, name, args }: Call, write: typeof isolated): Answer => {
    try {
      const read = reading.get(name);
      if (read) return { id, value: read(...args) };
      const operation = writing.get(name);
      if (!operation) throw new TypeError(`embedded store: there is no call ${name}`);
      return { id, value: write(operation, args) };
    } catch (error) {
      return { id, failure: toFailure(reaction(name, error)) };
    }
  };

  const inOneTransaction = (work: () => Answer[]): Answer[] => {
    database.exec('BEGIN IMMEDIATE');
    try {
      if (fence) checkFence(fence);
      const answers = work();
      if (now >= sweepDueAt && !isolated(sweep, [])) sweepDueAt = now + SWEEP_EVERY_MS;
      database.exec('COMMIT');
      return answers;
    } catch (error) {
      if (database.inTransaction()) database.exec('ROLLBACK');
      forgetGenerations(database);
      throw error;
    }
  };

  /** A savepoint for each call takes longer than most calls: what fails, which is rare, is undone as a whole. */
  const together = (batch: readonly Call[]) =>
    inOneTransaction(() =>
      batch.map((call) => {
        const one = answer(call, (operation, args) => operation(...args));
        if ('failure' in one) throw fromFailure(one.failure);
        return one;
      }),
    );

  const oneByOne = (batch: readonly Call[]) =>
    inOneTransaction(() =>
      batch.map((call) => {
        const one = answer(call, isolated);
        // Some errors, a full disk for one, make SQLite undo the whole transaction.
        if ('failure' in one && !database.inTransaction()) throw fromFailure(one.failure);
        return one;
      }),
    );

  return {
    run(batch: Calls): readonly Answer[] {
      now = batch.now;
      if (batch.calls.every(({ name }) => reading.has(name))) return batch.calls.map((call) => answer(call, isolated));
      try {
        return together(batch.calls);
      } catch {
        // Whatever it was, each call now meets it by itself.
      }
      try {
        return oneByOne(batch.calls);
      } catch (error) {
        // Answers that were ready spoke of what is not there now.
        const failure = toFailure(reaction('commit', error));
        return batch.calls.map(({ id }) => ({ id, failure }));
      }
    },
  };
};

const post = (message: FromWorker) => parentPort?.postMessage(message);

const start = () => {
  const options = workerData as FileOptions;
  const database = openForWriting(options);
  const { run } = writer(database, options.fence);
  parentPort?.on('message', (message: Calls | 'close') => {
    if (message === 'close') {
      database.close();
      parentPort?.close();
      return;
    }
    post({ answers: run(message) });
  });
};

try {
  start();
  post({ started: undefined });
} catch (error) {
  post({ started: toFailure(error) });
}
