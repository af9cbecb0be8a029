/**
 * Work that would block the event loop, in a thread of its own that bad content may take down: with a heap limit, and a
 * deadline for each call. A call whose thread died, or that missed its deadline, is tried once more in a new thread, unless
 * its owner has another way, and then is a dead letter. The calls behind it are given to the new thread and never notice. The thread starts with the
 * first call and keeps no process alive.
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parentPort, type Transferable, Worker, type WorkerOptions, workerData } from 'node:worker_threads';
import { DeadLetter, messageOf, StopFlow, TryAgain } from '../errors.ts';
import { MINUTE } from '../units.ts';

/** Deaths in a row that no call can be blamed for. */
const MAX_IDLE_DEATHS = 3;

export interface ThreadOptions {
  /** What the thread is, in messages: `the content worker`. */
  readonly name: string;
  readonly deadlineMs: number;
  /** Of the thread's own objects and strings. */
  readonly heapMb: number;
  /** How long it may take to load what it works with. */
  readonly startMs?: number;
  /** What its file finds as `data`: whatever survives a structured clone. */
  readonly data?: unknown;
  /** None by default: whoever gets to run code in there finds no secrets. */
  readonly env?: NodeJS.ProcessEnv;
  /** How often a call is begun that brings its thread down or misses its deadline. Twice, unless this says otherwise. */
  readonly attempts?: 1 | 2;
  /** Whether the thread goes with its last call, for one that is seldom needed. */
  readonly transient?: boolean;
  /** Calls that are handed over before the one at work is answered. What waits beyond that can still be overtaken. */
  readonly ahead: { readonly calls: number; readonly bytes: number };
}

export interface Call<Request> {
  /** What a person calls it: `Converting docs/a.md`. */
  readonly name: string;
  /** Made anew for each attempt, because what is transferred goes down with the thread. */
  readonly request: () => Given<Request>;
  readonly bytes: number;
  /** Goes before those that wait, not before those that are handed over. */
  readonly urgent?: boolean;
}

export interface Given<T> {
  readonly value: T;
  readonly transfer: readonly Transferable[];
}

export interface Thread<Request, Answer> {
  call(call: Call<Request>): Promise<Answer>;
  /** What has been asked for and is not answered. */
  out(): { readonly calls: number; readonly bytes: number };
  /** Calls that are still out are rejected, to be tried again. */
  close(): Promise<void>;
}

interface Task<Request, Answer> extends Call<Request> {
  readonly id: number;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
  attempts: number;
}

type Message<Answer> =
  | { readonly is: 'ready' }
  | { readonly is: 'answer'; readonly id: number; readonly value: Answer }
  | { readonly is: 'failed'; readonly id: number; readonly kind: string | undefined; readonly message: string };

interface Inside {
  readonly data: unknown;
  /** The call that the thread is at, 0 for none, and when it began: `RUNNING` and `SINCE`. */
  readonly watch: Int32Array<SharedArrayBuffer>;
}

const RUNNING = 0;
const SINCE = 1;

/** Milliseconds on the one clock that all threads read alike and nobody sets, as far as 32 bits go. */
const tick = (): number => Number(process.hrtime.bigint() / 1_000_000n) | 0;

const bytesOf = (calls: readonly { readonly bytes: number }[]) => calls.reduce((sum, { bytes }) => sum + bytes, 0);

export const thread = <Request, Answer>(file: URL, options: ThreadOptions): Thread<Request, Answer> => {
  const {
    name,
    deadlineMs,
    heapMb,
    startMs = MINUTE,
    data,
    env = {},
    ahead,
    attempts = 2,
    transient = false,
  } = options;
  const often = attempts === 2 ? ', twice' : '';
  const waiting: Task<Request, Answer>[] = [];
  const sent: Task<Request, Answer>[] = [];
  let worker: Worker | undefined;
  let ready = false;
  let watch = new Int32Array(new SharedArrayBuffer(8));
  let timer: NodeJS.Timeout | undefined;
  let overdue: number | undefined;
  let failure: unknown;
  let idleDeaths = 0;
  let nextId = 1;
  let closed = false;

  const start = () => {
    watch = new Int32Array(new SharedArrayBuffer(8));
    const inside: Inside = { data, watch };
    // Flags of the process are not meant for it, and some keep a thread from starting.
    const limits = { execArgv: [], env, resourceLimits: { maxOldGenerationSizeMb: heapMb } };
    const started = startThread(file, { ...limits, workerData: inside });
    worker = started;
    ready = false;
    failure = undefined;
    overdue = undefined;
    started.on('message', (message: Message<Answer>) => {
      stopWatch();
      if (message.is === 'ready') ready = true;
      else settle(message);
      advance();
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

  /** Brings thread, timer and the event loop's hold on them in line with what there is to do. */
  const advance = () => {
    if (closed) return;
    if (!worker && waiting.length > 0) start();
    if (!worker) return;
    while (ready && sent.length < ahead.calls && (sent.length === 0 || bytesOf(sent) < ahead.bytes)) {
      const task = waiting.shift();
      if (!task) break;
      sent.push(task);
      const { value, transfer } = task.request();
      worker.postMessage({ id: task.id, value }, transfer);
    }
    if (sent.length + waiting.length === 0) {
      if (transient) leave(worker);
      else worker.unref();
      return;
    }
    worker.ref();
    timer ??= setTimeout(overrun, ready ? deadlineMs : startMs);
  };

  const leave = (idle: Worker) => {
    worker = undefined;
    ready = false;
    void idle.terminate();
  };

  const stopWatch = () => {
    clearTimeout(timer);
    timer = undefined;
  };

  const settle = (message: Exclude<Message<Answer>, { is: 'ready' }>) => {
    const place = sent.findIndex(({ id }) => id === message.id);
    const [task] = place < 0 ? [] : sent.splice(place, 1);
    if (!task) return;
    idleDeaths = 0;
    if (message.is === 'answer') task.resolve(message.value);
    else if (message.kind === undefined) task.reject(new Error(`${task.name} failed: ${message.message}`));
    else task.reject(new DeadLetter(message.kind, `${task.name}: ${message.message}`));
  };

  /** The thread says itself what it is at and since when: this one may have been too busy to hear its answers. */
  const overrun = () => {
    if (!worker) return;
    const running = Atomics.load(watch, RUNNING);
    const left = deadlineMs - ((tick() - Atomics.load(watch, SINCE)) | 0);
    if (ready && (running === 0 || left > 0)) {
      timer = setTimeout(overrun, running === 0 ? deadlineMs : left);
      return;
    }
    overdue = running;
    if (!ready) failure = new Error(`it was not ready within ${startMs} ms`);
    void worker.terminate();
  };

  const died = (code: number) => {
    stopWatch();
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
    advance();
  };

  const blame = (task: Task<Request, Answer>, cause: unknown) => {
    task.attempts += 1;
    if (task.attempts < attempts) waiting.unshift(task);
    else if (overdue === task.id)
      task.reject(new DeadLetter('deadline', `${task.name} took longer than ${deadlineMs} ms${often}`));
    else
      task.reject(
        new DeadLetter('worker_died', `${task.name} brought its worker down${often}: ${messageOf(cause)}`, { cause }),
      );
  };

  /** A thread that does not even start is no fault of what is to be done. */
  const refuseAll = (cause: unknown) => {
    idleDeaths = 0;
    const error = new StopFlow(`${name} does not run: ${messageOf(cause)}`, { cause });
    for (const task of [...sent.splice(0), ...waiting.splice(0)]) task.reject(error);
  };

  return {
    call: (call) =>
      new Promise((resolve, reject) => {
        if (closed) throw new TryAgain(`${call.name}: ${name} is closed`);
        const first = call.urgent ? waiting.findIndex(({ urgent }) => !urgent) : -1;
        const task = { ...call, id: nextId, resolve, reject, attempts: 0 };
        nextId = nextId === 0x7fffffff ? 1 : nextId + 1;
        waiting.splice(first < 0 ? waiting.length : first, 0, task);
        if (!worker || sent.length < ahead.calls) advance();
      }),
    out: () => ({ calls: waiting.length + sent.length, bytes: bytesOf(waiting) + bytesOf(sent) }),
    async close() {
      closed = true;
      stopWatch();
      const ending = worker;
      worker = undefined;
      for (const task of [...sent.splice(0), ...waiting.splice(0)])
        task.reject(new TryAgain(`${task.name}: ${name} was closed`));
      await ending?.terminate();
    },
  };
};

/**
 * Compiled, a thread's file is like any other. From source it has to be taught TypeScript: on Node 20 a thread inherits
 * neither tsx nor `--import tsx`, and tsx's CommonJS entry does not find its own parts.
 */
export const startThread = (file: URL, options: WorkerOptions): Worker => {
  if (!file.pathname.endsWith('.ts')) return new Worker(file, options);
  const tsx = createRequire(import.meta.url)
    .resolve('tsx/esm/api')
    .replace(/\.cjs$/, '.mjs');
  const code = `import(${JSON.stringify(pathToFileURL(tsx).href)})
    .then(({ register }) => { register(); return import(${JSON.stringify(file.href)}); })`;
  return new Worker(code, { ...options, eval: true });
};

/**
 * A thread's file: beside the one that starts it in `src`, and in `dist`, where all lie side by side. Tests compile them
 * once and say where, since translating costs half a second for each thread.
 */
export const besideOf = (url: string, name: string): URL => {
  if (!url.endsWith('.ts')) return new URL(`./${name}.js`, url);
  const compiled = process.env.TIDEMARK_TEST_THREADS;
  return compiled === undefined ? new URL(`./${name}.ts`, url) : pathToFileURL(join(compiled, `${name}.js`));
};

/** The inside of a thread: what it was given, and the loop that answers calls in their order. */
export const inside = <Request, Answer>() => {
  const port = parentPort;
  if (!port) throw new Error('this file is the inside of a thread and does nothing by itself');
  const { data, watch } = workerData as Inside;
  const post = (message: Message<Answer>, transfer: readonly Transferable[] = []) =>
    port.postMessage(message, transfer);

  const answer = async (id: number, perform: () => Given<Answer> | Promise<Given<Answer>>) => {
    Atomics.store(watch, SINCE, tick());
    Atomics.store(watch, RUNNING, id);
    try {
      const { value, transfer } = await perform();
      post({ is: 'answer', id, value }, transfer);
    } catch (error) {
      const known = error instanceof DeadLetter;
      // Of a fault of ours, where it happened is all that there is to go by.
      const message = (!known && error instanceof Error && error.stack) || messageOf(error);
      post({ is: 'failed', id, kind: known ? error.kind : undefined, message });
    }
    Atomics.store(watch, RUNNING, 0);
  };

  return {
    data,
    answering(perform: (request: Request) => Given<Answer> | Promise<Given<Answer>>): void {
      let before: Promise<void> = Promise.resolve();
      port.on('message', ({ id, value }: { id: number; value: Request }) => {
        before = before.then(() => answer(id, () => perform(value)));
      });
      post({ is: 'ready' });
    },
  };
};
