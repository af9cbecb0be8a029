/**
 * Work that would block the event loop, in a thread of its own: one call after the other, each with a deadline, all with
 * a bounded heap. The thread starts with the first call, starts again when it died, and keeps no process alive.
 */
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { parentPort, type Transferable, Worker, type WorkerOptions } from 'node:worker_threads';
import { DeadLetter, messageOf, StopFlow, TryAgain } from '../errors.ts';

export interface Thread<Request, Answer> {
  /** Urgent calls go before those that wait, not before those that have begun. */
  call(request: Request, urgent: boolean): Promise<Answer>;
  /** Calls that are still out reject. */
  close(): Promise<void>;
}

export interface ThreadOptions {
  /** What the thread does, for messages: "embed with static". */
  readonly action: string;
  readonly deadlineMs: number;
  readonly heapMb: number;
}

/** Answers come in the order of the calls, so none needs a number. */
type Message<Answer> = { readonly ready: true } | { readonly answer: Answer } | { readonly failed: string };

interface Call<Request, Answer> {
  readonly request: Request;
  readonly urgent: boolean;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (reason: unknown) => void;
  deaths: number;
}

/** The thread works on one while the next is on its way; what waits beyond that can still be overtaken. */
const WITH_THREAD = 2;
/** What kills its thread twice does so by its content. */
const DEATHS = 2;
/** Loading is not part of a call: on a busy machine it may take longer than any of them. */
const START_MS = 60_000;

export const thread = <Request, Answer>(file: URL, options: ThreadOptions): Thread<Request, Answer> => {
  const { action, deadlineMs, heapMb } = options;
  const waiting: Call<Request, Answer>[] = [];
  const sent: Call<Request, Answer>[] = [];
  let worker: Worker | undefined;
  let ready = false;
  let closed = false;
  let deadline: NodeJS.Timeout | undefined;

  const start = (): Worker => {
    const started = workerOf(file, { resourceLimits: { maxOldGenerationSizeMb: heapMb } });
    let cause: unknown;
    started.on('error', (error) => {
      cause = error;
    });
    started.on('message', (message: Message<Answer>) => onMessage(message));
    started.on('exit', (code) => {
      if (worker === started) onExit(cause ?? new Error(`the thread ended with ${code}`));
    });
    return started;
  };

  /** Hands over what fits, watches the oldest call, and holds the process only while one is out. */
  const advance = (): void => {
    clearTimeout(deadline);
    if (waiting.length === 0 && sent.length === 0) {
      worker?.unref();
      return;
    }
    worker ??= start();
    worker.ref();
    while (sent.length < WITH_THREAD) {
      const call = waiting.shift();
      if (!call) break;
      sent.push(call);
      worker.postMessage(call.request);
    }
    const watched = worker;
    deadline = setTimeout(() => watched.terminate(), ready ? deadlineMs : START_MS);
  };

  const onMessage = (message: Message<Answer>): void => {
    if ('ready' in message) {
      ready = true;
      advance();
      return;
    }
    const call = sent.shift();
    if ('answer' in message) call?.resolve(message.answer);
    else call?.reject(new DeadLetter('refused', `${action}: ${message.failed}`));
    advance();
  };

  const onExit = (cause: unknown): void => {
    const began = ready;
    worker = undefined;
    ready = false;
    const [first, ...others] = sent.splice(0);
    if (!began) {
      const fault = new StopFlow(`${action}: its thread does not start: ${messageOf(cause)}`, { cause });
      for (const call of [first, ...others, ...waiting.splice(0)]) call?.reject(fault);
    } else {
      waiting.unshift(...others);
      if (first) first.deaths += 1;
      if (first && first.deaths < DEATHS) waiting.unshift(first);
      else first?.reject(new DeadLetter('died', `${action}: its thread died twice: ${messageOf(cause)}`, { cause }));
    }
    advance();
  };

  return {
    call: (request, urgent) =>
      new Promise((resolve, reject) => {
        if (closed) return reject(new TryAgain(`${action}: it was closed`));
        const first = urgent ? waiting.findIndex((other) => !other.urgent) : -1;
        waiting.splice(first < 0 ? waiting.length : first, 0, { request, urgent, resolve, reject, deaths: 0 });
        if (sent.length < WITH_THREAD) advance();
      }),
    async close() {
      closed = true;
      clearTimeout(deadline);
      const ending = worker;
      worker = undefined;
      for (const call of [...sent.splice(0), ...waiting.splice(0)])
        call.reject(new TryAgain(`${action}: it was closed`));
      await ending?.terminate();
    },
  };
};

/**
 * In development the sources are run by tsx. On Node 20 a thread inherits neither that nor `--import tsx`, so it has to
 * register tsx by itself before it loads its file. What is compiled needs nothing.
 */
const workerOf = (file: URL, options: WorkerOptions): Worker => {
  if (!file.pathname.endsWith('.ts')) return new Worker(file, options);
  const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx/esm/api')).href.replace(/\.cjs$/, '.mjs');
  const loading = `import('${tsx}').then(({ register }) => { register(); return import('${file.href}'); })`;
  return new Worker(loading, { ...options, eval: true, execArgv: [] });
};

/** The thread's own side. What `answer` throws is the fault of its request, and the thread goes on. */
export const answering = <Request, Answer>(
  answer: (request: Request) => { readonly answer: Answer; readonly transfer: readonly Transferable[] },
): void => {
  const port = parentPort;
  if (!port) throw new Error('this file is the inside of a thread and does nothing by itself');
  port.on('message', (request: Request) => {
    try {
      const { answer: given, transfer } = answer(request);
      port.postMessage({ answer: given } satisfies Message<Answer>, transfer);
    } catch (error) {
      port.postMessage({ failed: messageOf(error) } satisfies Message<Answer>);
    }
  });
  port.postMessage({ ready: true } satisfies Message<Answer>);
};
