import type { ChildProcess } from 'node:child_process';
import { DeadLetter, TryAgain } from '../../errors.ts';
import { KIB, SECOND } from '../../units.ts';
import type { Git } from './command.ts';

const HEADER_BYTES = KIB;
const STDERR_BYTES = 4 * KIB;
const NEWLINE = 0x0a;
/** Deaths in a row, with no answer between them, after which it is not the objects that are at fault. */
const DEATHS = 3;

export interface GitObject {
  readonly id: string;
  readonly type: string;
  readonly size: number;
  /** Empty when only sizes are asked for. */
  readonly bytes: Buffer;
}

export interface ObjectReader {
  /** By id, or by an expression such as `<id>^{tree}`. `undefined` when this process does not find it. */
  read(name: string): Promise<GitObject | undefined>;
  /** Goes on with a new process, which sees the repository as it is now. */
  renew(): void;
  close(): Promise<void>;
}

export interface ObjectReaderOptions {
  /** The objects themselves, or only their types and sizes. */
  readonly what: 'contents' | 'sizes';
  readonly maxBytes: number;
  /** How long an answer may make no headway. */
  readonly deadlineMs?: number;
  /** A process keeps packs open that may have been replaced long ago: without work it ends. */
  readonly idleMs?: number;
}

interface Running {
  readonly child: ChildProcess;
  stderr: string;
  unsent: string;
}

interface Request {
  readonly name: string;
  resolve(found: GitObject | undefined): void;
  reject(error: Error): void;
}

const HEADER = /^([0-9a-f]{40,64}) (\w+) (\d+)$/;

/**
 * One `git cat-file` that answers many requests, in order. It is started when it is needed and started again after it
 * died: the request that it died of fails, those behind it are asked again. How much is asked at a time, and so how
 * much may wait in memory, is up to the caller.
 */
export const objectReader = (
  git: Git,
  { what, maxBytes, deadlineMs = 30 * SECOND, idleMs = 30 * SECOND }: ObjectReaderOptions,
): ObjectReader => {
  const waiting: Request[] = [];
  let current: Running | undefined;
  const alive = new Map<ChildProcess, Promise<void>>();
  let deaths = 0;
  let closed = false;

  /** What has been received of the answer to the first request. */
  let header: Buffer = Buffer.alloc(0);
  let object: GitObject | undefined;
  let received = 0;

  let stalled: NodeJS.Timeout | undefined;
  let idle: NodeJS.Timeout | undefined;

  const expectAnswer = () => {
    clearTimeout(stalled);
    stalled = setTimeout(() => dies(`no headway for ${deadlineMs} ms`, { all: true }), deadlineMs);
  };

  /** One write for all that is asked in one go; a process that was given up in between needs it no more. */
  const ask = (running: Running, name: string) => {
    running.unsent += `${name}\n`;
    if (running.unsent.length > name.length + 1) return;
    queueMicrotask(() => {
      if (current === running) running.child.stdin?.write(running.unsent);
      running.unsent = '';
    });
  };

  const rest = () => {
    clearTimeout(stalled);
    idle = setTimeout(() => {
      current?.child.stdin?.end();
      current = undefined;
    }, idleMs).unref();
  };

  const dies = (why: string, { all = false, cause }: { all?: boolean; cause?: unknown } = {}) => {
    const said = current?.stderr.trim();
    clearTimeout(stalled);
    deaths += 1;
    const failed = waiting.splice(0, all || closed || deaths >= DEATHS ? waiting.length : 1);
    for (const { name, reject } of failed) {
      reject(git.failure(`read ${name}`, [said, why].filter(Boolean).join('; '), cause));
    }
    resume();
  };

  /** Leaves what the process would still say, and asks another one. */
  const resume = () => {
    current?.child.kill('SIGKILL');
    current = undefined;
    header = Buffer.alloc(0);
    object = undefined;
    if (waiting.length === 0) return;
    const { child } = start();
    expectAnswer();
    child.stdin?.write(waiting.map(({ name }) => `${name}\n`).join(''));
  };

  const answered = (found: GitObject | undefined) => {
    deaths = 0;
    header = Buffer.alloc(0);
    object = undefined;
    waiting.shift()?.resolve(found);
    if (waiting.length === 0) rest();
  };

  /** Takes what the chunk holds of the first request's header; the rest of the chunk once that is whole. */
  const takeHeader = (chunk: Buffer): Buffer | undefined => {
    const end = chunk.indexOf(NEWLINE);
    const piece = end < 0 ? chunk : chunk.subarray(0, end);
    header = header.length === 0 ? piece : Buffer.concat([header, piece]);
    if (end < 0) {
      if (header.length > HEADER_BYTES) dies('an answer without a header');
      return undefined;
    }
    const line = header.toString('latin1');
    const [, id, type, size] = HEADER.exec(line) ?? [];
    if (id === undefined || type === undefined || size === undefined) {
      if (line.endsWith(' missing')) answered(undefined);
      else dies(`an answer that makes no sense, ${JSON.stringify(line)}`);
    } else if (what === 'sizes') {
      answered({ id, type, size: Number(size), bytes: Buffer.alloc(0) });
    } else {
      // Not from the pool: whoever gets the bytes may pass their buffer on to a worker.
      const kept = Number(size) <= maxBytes;
      object = { id, type, size: Number(size), bytes: kept ? Buffer.allocUnsafeSlow(Number(size)) : Buffer.alloc(0) };
      received = 0;
    }
    return end + 1 < chunk.length ? chunk.subarray(end + 1) : undefined;
  };

  /** A newline follows each content. */
  const takeContent = (chunk: Buffer, { id, size, bytes, ...rest }: GitObject): Buffer | undefined => {
    const piece = chunk.subarray(0, Math.min(chunk.length, size - received));
    if (bytes.length > 0) piece.copy(bytes, received);
    received += piece.length;
    if (piece.length === chunk.length) return undefined;
    if (size <= maxBytes) {
      answered({ id, size, bytes, ...rest });
    } else {
      waiting[0]?.reject(new DeadLetter('too_large', `object ${id} has ${size} bytes, more than ${maxBytes}`));
      answered(undefined);
    }
    return chunk.subarray(piece.length + 1);
  };

  const start = () => {
    const child = git.start(['cat-file', what === 'sizes' ? '--batch-check' : '--batch']);
    const started: Running = { child, stderr: '', unsent: '' };
    current = started;
    child.stdout?.on('data', (chunk: Buffer) => {
      if (waiting.length > 0) stalled?.refresh();
      let left: Buffer | undefined = chunk;
      // A process that was given up may still have something to say.
      while (left && left.length > 0 && current === started) {
        left = object ? takeContent(left, object) : takeHeader(left);
      }
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      started.stderr = (started.stderr + chunk.toString('utf8')).slice(-STDERR_BYTES);
    });
    // A broken pipe is told with the reason by `close`, which follows.
    child.stdin?.on('error', () => undefined);
    const ended = new Promise<void>((resolve) => {
      child.once('error', (error) => {
        resolve();
        if (current === started) dies('git cannot be started', { all: true, cause: error });
      });
      child.once('close', () => {
        resolve();
        if (current === started && waiting.length > 0) dies('git ended in the middle');
        else if (current === started) current = undefined;
      });
    });
    alive.set(child, ended);
    void ended.then(() => alive.delete(child));
    return started;
  };

  return {
    read: (name) =>
      new Promise((resolve, reject) => {
        if (closed) {
          reject(new TryAgain(`cannot read ${name}: the source is closed`));
          return;
        }
        const running = current ?? start();
        clearTimeout(idle);
        if (waiting.length === 0) expectAnswer();
        waiting.push({ name, resolve, reject });
        ask(running, name);
      }),

    renew: resume,

    async close() {
      closed = true;
      clearTimeout(idle);
      clearTimeout(stalled);
      if (waiting.length > 0) dies('the source was closed', { all: true });
      for (const child of alive.keys()) child.kill('SIGKILL');
      await Promise.all(alive.values());
    },
  };
};
