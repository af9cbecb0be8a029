/** The main thread's side of a worker: gathers calls, sends them together, and hands the answers out. */
import type { Worker } from 'node:worker_threads';
import { StopFlow, TryAgain } from '../../errors.ts';
import { startThread } from '../../runtime/thread.ts';
import { type Call, type Calls, type FromWorker, fromFailure } from './messages.ts';
import type { FileOptions } from './schema.ts';

export interface WorkerClient {
  call(name: string, args: readonly unknown[]): Promise<unknown>;
  /** Waits for the calls that are out. Later ones throw `StopFlow`. */
  close(): Promise<void>;
}

/** One is worked on, one lies ready, so that the worker need not wait for this thread; the rest gathers here. */
const MAX_BATCHES_OUT = 2;

export interface WorkerOptions extends FileOptions {
  /** What it is, in messages. */
  readonly worker: string;
  readonly thread: URL;
  /** Calls that are sent together are answered together. */
  readonly batchCalls: number;
  readonly now: () => number;
  /** How long it may say nothing while it is asked for something; then it is ended, and another takes its place. */
  readonly deadlineMs?: number;
}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

export const startWorker = async (options: WorkerOptions): Promise<WorkerClient> => {
  const { worker: name, thread, batchCalls, now, deadlineMs, ...file } = options;
  let worker: Worker;
  let ready = false;
  const waiting = new Map<number, Waiting>();
  let queue: Call[] = [];
  let out: (readonly Call[])[] = [];
  let lastId = 0;
  let sendPlanned = false;
  let over: Error | undefined;
  let drained: (() => void) | undefined;
  let timer: NodeJS.Timeout | undefined;

  const send = () => {
    sendPlanned = false;
    while (ready && queue.length > 0 && out.length < MAX_BATCHES_OUT) {
      const calls = queue.slice(0, batchCalls);
      queue = queue.slice(batchCalls);
      out.push(calls);
      worker.postMessage({ now: now(), calls } satisfies Calls);
      if (out.length === 1) watch();
    }
  };
  /** At the end of this turn of the event loop, so that calls made side by side go together. */
  const planSend = () => {
    if (sendPlanned || out.length >= MAX_BATCHES_OUT) return;
    sendPlanned = true;
    setImmediate(send);
  };
  const fail = (error: Error) => {
    clearTimeout(timer);
    over ??= error;
    for (const { reject } of waiting.values()) reject(over);
    waiting.clear();
    queue = [];
    out = [];
    drained?.();
  };

  const watch = () => {
    clearTimeout(timer);
    if (deadlineMs === undefined || out.length === 0) return;
    // What it has said meanwhile is heard first, if this thread was too busy to hear it in time.
    timer = setTimeout(() => {
      timer = setTimeout(replace, 0);
    }, deadlineMs);
    timer.unref();
  };

  /** Whoever asked for what it is at gets an error. The others are asked for again, and never notice. */
  const replace = () => {
    const [stuck = [], ...innocent] = out;
    const silent = worker;
    out = [];
    queue = [...innocent.flat(), ...queue];
    for (const { id, name: action } of stuck) {
      const call = waiting.get(id);
      waiting.delete(id);
      call?.reject(
        new TryAgain(
          `embedded store: ${action}: ${name} said nothing for ${deadlineMs} ms and was ended: ask for less`,
        ),
      );
    }
    open().then(send, fail);
    void silent.terminate();
    if (waiting.size === 0) drained?.();
  };

  const hear = (message: FromWorker) => {
    watch();
    if (!('answers' in message)) return;
    out.shift();
    for (const answer of message.answers) {
      const call = waiting.get(answer.id);
      waiting.delete(answer.id);
      if ('failure' in answer) call?.reject(fromFailure(answer.failure));
      else call?.resolve(answer.value);
    }
    watch();
    send();
    if (waiting.size === 0) drained?.();
  };

  const open = (): Promise<void> =>
    new Promise<void>((resolve, reject) => {
      const started = startThread(thread, { workerData: file });
      worker = started;
      ready = false;
      const ended = (error: Error) => {
        reject(error);
        if (worker === started) fail(error);
      };
      started.on('message', (message: FromWorker) => {
        if (worker !== started) return;
        if (!('started' in message)) return hear(message);
        if (message.started) return reject(fromFailure(message.started));
        ready = true;
        resolve();
      });
      started.on('error', (cause) =>
        ended(
          new StopFlow(`embedded store: ${name} died: ${cause instanceof Error ? cause.message : cause}`, { cause }),
        ),
      );
      started.on('exit', (code) => ended(new StopFlow(`embedded store: ${name} has ended with ${code}`)));
    }).catch(async (error: unknown) => {
      await worker.terminate();
      throw error;
    });

  await open();

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
      if (!ready) {
        await worker.terminate();
        return;
      }
      const exited = new Promise((resolve) => worker.once('exit', resolve));
      worker.postMessage('close');
      await exited;
    },
  };
};
