/** The main thread's side of a worker: gathers calls, sends them together, and hands the answers out. */
import { StopFlow } from '../errors.ts';
import { besideOf, startThread } from '../thread.ts';
import { type Call, type Calls, type FromWorker, fromFailure } from './embedded-messages.ts';
import type { FileOptions } from './embedded-schema.ts';

export interface WorkerClient {
  call(name: string, args: readonly unknown[]): Promise<unknown>;
  /** Waits for the calls that are out. Later ones throw `StopFlow`. */
  close(): Promise<void>;
}

/** One is worked on, one lies ready, so that the worker need not wait for this thread; the rest gathers here. */
const MAX_BATCHES_OUT = 2;

export interface WorkerOptions extends FileOptions {
  readonly worker: 'embedded-writer' | 'embedded-searcher';
  /** Calls that are sent together are answered together. */
  readonly batchCalls: number;
  readonly now: () => number;
}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

export const startWorker = async ({ worker: name, batchCalls, now, ...file }: WorkerOptions): Promise<WorkerClient> => {
  const worker = startThread(besideOf(import.meta.url, name), { workerData: file });
  const waiting = new Map<number, Waiting>();
  let queue: Call[] = [];
  let lastId = 0;
  let batchesOut = 0;
  let sendPlanned = false;
  let over: Error | undefined;
  let drained: (() => void) | undefined;

  const send = () => {
    sendPlanned = false;
    while (queue.length > 0 && batchesOut < MAX_BATCHES_OUT) {
      const calls = queue.slice(0, batchCalls);
      queue = queue.slice(batchCalls);
      batchesOut += 1;
      worker.postMessage({ now: now(), calls } satisfies Calls);
    }
  };
  /** At the end of this turn of the event loop, so that calls made side by side go together. */
  const planSend = () => {
    if (sendPlanned || batchesOut >= MAX_BATCHES_OUT) return;
    sendPlanned = true;
    setImmediate(send);
  };
  const fail = (error: Error) => {
    over ??= error;
    for (const { reject } of waiting.values()) reject(over);
    waiting.clear();
    queue = [];
    drained?.();
  };

  const started = new Promise<void>((resolve, reject) => {
    worker.on('message', (message: FromWorker) => {
      if ('started' in message) {
        if (!message.started) return resolve();
        reject(fromFailure(message.started));
        return;
      }
      batchesOut -= 1;
      for (const answer of message.answers) {
        const call = waiting.get(answer.id);
        waiting.delete(answer.id);
        if ('failure' in answer) call?.reject(fromFailure(answer.failure));
        else call?.resolve(answer.value);
      }
      send();
      if (waiting.size === 0) drained?.();
    });
    worker.on('error', (cause) => {
      const error = new StopFlow(`embedded store: ${name} died: ${cause instanceof Error ? cause.message : cause}`, {
        cause,
      });
      fail(error);
      reject(error);
    });
    worker.on('exit', (code) => {
      const error = new StopFlow(`embedded store: ${name} has ended with ${code}`);
      fail(error);
      reject(error);
    });
  });

  try {
    await started;
  } catch (error) {
    await worker.terminate();
    throw error;
  }

  return {
    call: (call, args) =>
      new Promise((resolve, reject) => {
        if (over) return reject(new StopFlow(`embedded store: ${call}: ${over.message}`, { cause: over }));
        lastId += 1;
        waiting.set(lastId, { resolve, reject });
        queue.push({ id: lastId, name: call, args });
        planSend();
      }),
    async close() {
      if (over) return;
      over = new StopFlow('embedded store: it is closed');
      if (waiting.size > 0) {
        await new Promise<void>((resolve) => {
          drained = resolve;
        });
      }
      const exited = new Promise((resolve) => worker.once('exit', resolve));
      worker.postMessage('close');
      await exited;
    },
  };
};
