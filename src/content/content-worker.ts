/**
 * Converts and chunks off the main thread, in one warm worker that a bad file may take down: with a heap limit, and a
 * deadline for each item. An item whose worker died, or that missed its deadline, is tried once more in a new worker
 * and then is a dead letter. The items that waited behind it are given to the new worker and never notice.
 */
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { Worker, type WorkerOptions } from 'node:worker_threads';
import { chunksOf } from '../chunker/chunker.ts';
import type { ContentLimits, Converted } from '../converters/convert.ts';
import { DeadLetter, messageOf, StopFlow, TryAgain } from '../errors.ts';
import type { Chunker, Converter } from '../ports.ts';
import {
  type Reply,
  type Request,
  RUNNING,
  SINCE,
  type ThreadData,
  type TokensModule,
  tick,
  unpack,
  type Work,
} from './protocol.ts';

const MB = 2 ** 20;
const SECOND = 1_000;

/** Enough that the worker never waits for the main thread, few enough that a new worker is not given much again. */
const MAX_SENT = 8;
const MAX_SENT_BYTES = 8 * MB;
/** Beyond these somebody forgot to wait for his answers. The window of the flow is far smaller. */
const MAX_WAITING = 4_096;
const MAX_WAITING_BYTES = 256 * MB;
const START_DEADLINE_MS = 60 * SECOND;
const MAX_ATTEMPTS = 2;
/** Deaths in a row that no item can be blamed for. */
const MAX_IDLE_DEATHS = 3;

export interface ContentWorkerOptions {
  /** How long one item may take. */
  readonly deadlineMs: number;
  /** Of the worker's own objects and strings. The bytes of a file are outside of it and bounded by `limits`. */
  readonly heapMb: number;
  readonly limits: ContentLimits;
  /** The most tokens that are embedded as one chunk. */
  readonly chunk: { readonly tokens: number };
  readonly tokens: TokensModule;
}

export interface ContentWorker {
  readonly converter: Converter;
  readonly chunker: Chunker;
  /**
   * Ends the worker, as does closing both of the others. What is still out is rejected, to be tried again by whoever
   * comes next.
   */
  close(): Promise<void>;
}

type Answer = Exclude<Reply, { is: 'ready' } | { is: 'failed' }>;

interface Task {
  readonly id: number;
  /** What a person calls it: `Converting docs/a.md`. */
  readonly name: string;
  readonly bytes: number;
  /** Made anew for each attempt, because what is transferred goes down with the worker. */
  readonly work: () => { readonly work: Work; readonly transfer: ArrayBuffer[] };
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
  attempts: number;
}

/** Compiled, the thread is a file like any other. From source a worker has to be taught TypeScript: it inherits nothing. */
const spawn = (options: WorkerOptions): Worker => {
  if (!import.meta.url.endsWith('.ts')) return new Worker(new URL('./thread.js', import.meta.url), options);
  const thread = new URL('./thread.ts', import.meta.url).href;
  // `--import tsx` has no effect in a worker of Node 20, and its CommonJS entry does not find its own parts.
  const tsx = createRequire(import.meta.url)
    .resolve('tsx/esm/api')
    .replace(/\.cjs$/, '.mjs');
  const code = `import(${JSON.stringify(pathToFileURL(tsx).href)})
    .then(({ register }) => { register(); return import(${JSON.stringify(thread)}); })`;
  return new Worker(code, { ...options, eval: true });
};

export const contentWorker = (options: ContentWorkerOptions): ContentWorker => {
  const { deadlineMs, heapMb, limits, chunk, tokens } = options;
  const waiting: Task[] = [];
  const sent: Task[] = [];
  let worker: Worker | undefined;
  let ready = false;
  let watch = new Int32Array(new SharedArrayBuffer(8));
  let timer: NodeJS.Timeout | undefined;
  let overdue: number | undefined;
  let failure: unknown;
  let idleDeaths = 0;
  let nextId = 1;
  let closed = false;

  const bytesOf = (tasks: readonly Task[]) => tasks.reduce((sum, { bytes }) => sum + bytes, 0);

  const start = () => {
    watch = new Int32Array(new SharedArrayBuffer(8));
    const workerData: ThreadData = { limits, chunk, tokens, watch };
    const started = spawn({
      workerData,
      // Flags of the process are not meant for it, and some keep a worker from starting.
      execArgv: [],
      // Whoever gets to run code in there finds no secrets.
      env: {},
      resourceLimits: { maxOldGenerationSizeMb: heapMb },
    });
    worker = started;
    ready = false;
    failure = undefined;
    overdue = undefined;
    started.on('message', (reply: Reply) => {
      if (reply.is === 'ready') ready = true;
      else answer(reply);
      settleIn();
    });
    started.on('error', (error) => {
      failure = error;
    });
    started.on('messageerror', (error) => {
      failure = error;
      void started.terminate();
    });
    started.on('exit', (code) => {
      if (worker === started) died(code);
    });
  };

  /** Brings worker, timer and the event loop's hold on them in line with what there is to do. */
  const settleIn = () => {
    clearTimeout(timer);
    timer = undefined;
    if (closed) return;
    if (!worker && waiting.length > 0) start();
    if (!worker) return;
    while (ready && waiting[0] && sent.length < MAX_SENT && (sent.length === 0 || bytesOf(sent) < MAX_SENT_BYTES)) {
      const task = waiting.shift();
      if (!task) break;
      sent.push(task);
      const { work, transfer } = task.work();
      worker.postMessage({ id: task.id, work } satisfies Request, transfer);
    }
    if (sent.length + waiting.length === 0) {
      worker.unref();
      return;
    }
    worker.ref();
    timer = setTimeout(overrun, ready ? deadlineMs : START_DEADLINE_MS);
  };

  const answer = (reply: Exclude<Reply, { is: 'ready' }>) => {
    const place = sent.findIndex(({ id }) => id === reply.id);
    const [task] = place < 0 ? [] : sent.splice(place, 1);
    if (!task) return;
    idleDeaths = 0;
    if (reply.is !== 'failed') task.resolve(reply);
    else if (reply.kind === undefined) task.reject(new Error(`${task.name} failed: ${reply.message}`));
    else task.reject(new DeadLetter(reply.kind, `${task.name}: ${reply.message}`));
  };

  /** The worker says itself what it is at and since when: this thread may have been too busy to hear its answers. */
  const overrun = () => {
    if (!worker) return;
    const running = Atomics.load(watch, RUNNING);
    const left = deadlineMs - ((tick() - Atomics.load(watch, SINCE)) | 0);
    if (ready && (running === 0 || left > 0)) {
      timer = setTimeout(overrun, running === 0 ? deadlineMs : left);
      return;
    }
    overdue = running;
    if (!ready) failure = new Error(`it was not ready within ${START_DEADLINE_MS} ms`);
    void worker.terminate();
  };

  const died = (code: number) => {
    worker = undefined;
    const why = failure ?? new Error(`it exited with code ${code}`);
    if (!ready) return refuseAll(why);
    ready = false;
    const running = overdue ?? Atomics.load(watch, RUNNING);
    const culprit = sent.find(({ id }) => id === running);
    const innocent = sent.splice(0).filter((task) => task !== culprit);
    waiting.unshift(...innocent);
    if (culprit) blame(culprit, why);
    else {
      idleDeaths += 1;
      if (idleDeaths >= MAX_IDLE_DEATHS) return refuseAll(why);
    }
    settleIn();
  };

  const blame = (task: Task, cause: unknown) => {
    task.attempts += 1;
    if (task.attempts < MAX_ATTEMPTS) waiting.unshift(task);
    else if (overdue === task.id)
      task.reject(new DeadLetter('deadline', `${task.name} took longer than ${deadlineMs} ms, twice`));
    else
      task.reject(
        new DeadLetter('worker_died', `${task.name} brought its worker down, twice: ${messageOf(cause)}`, { cause }),
      );
  };

  /** A worker that does not even start is no fault of what is to be done. */
  const refuseAll = (cause: unknown) => {
    clearTimeout(timer);
    idleDeaths = 0;
    const error = new StopFlow(`The content worker does not run (${tokens.module}): ${messageOf(cause)}`, { cause });
    for (const task of [...sent.splice(0), ...waiting.splice(0)]) task.reject(error);
  };

  const perform = (name: string, bytes: number, work: Task['work']): Promise<Answer> =>
    new Promise((resolve, reject) => {
      if (closed) throw new TryAgain(`${name}: the content worker is closed`);
      if (waiting.length >= MAX_WAITING || bytesOf(waiting) + bytes > MAX_WAITING_BYTES + limits.fileBytes)
        throw new TryAgain(`${name}: ${waiting.length} items wait for the content worker already`);
      waiting.push({ id: nextId, name, bytes, work, resolve, reject, attempts: 0 });
      nextId = nextId === 0x7fffffff ? 1 : nextId + 1;
      settleIn();
    });

  const users = new Set(['converter', 'chunker']);
  const release = async (user: string) => {
    users.delete(user);
    if (users.size === 0) await close();
  };

  const close = async () => {
    closed = true;
    clearTimeout(timer);
    const ending = worker;
    worker = undefined;
    for (const task of [...sent.splice(0), ...waiting.splice(0)])
      task.reject(new TryAgain(`${task.name}: the content worker was closed`));
    await ending?.terminate();
  };

  start();
  settleIn();

  return {
    converter: {
      async convert(path, bytes): Promise<Converted> {
        // Not even copied: this is what keeps one huge file from filling the queue.
        if (bytes.length > limits.fileBytes) return { skip: 'too_large' };
        const reply = await perform(`Converting ${path}`, bytes.length, () => {
          const copy = new Uint8Array(bytes);
          return { work: { do: 'convert', path, bytes: copy }, transfer: [copy.buffer] };
        });
        if (reply.is !== 'converted') throw new Error(`Converting ${path}: the worker answered ${reply.is}`);
        return reply.converted;
      },
      close: () => release('converter'),
    },
    chunker: {
      async chunk(path, { content, language }) {
        const reply = await perform(`Chunking ${path}`, content.length * 2, () => ({
          work: { do: 'chunk', language, content },
          transfer: [],
        }));
        if (reply.is !== 'chunked') throw new Error(`Chunking ${path}: the worker answered ${reply.is}`);
        return chunksOf(content, unpack(reply.cuts));
      },
      close: () => release('chunker'),
    },
    close,
  };
};
