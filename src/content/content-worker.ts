/**
 * Converts and chunks off the main thread, in a warm thread that a bad file may take down. There a call has a slice of
 * time. One that needs more, or that brought the thread down, goes to a patient thread, which is there for as long as
 * there are such calls, and has the whole deadline. So no file holds up the others for longer than a slice.
 */
import { chunksOf } from '../chunker/chunker.ts';
import type { ContentLimits, Converted } from '../converters/convert.ts';
import { DeadLetter, TryAgain } from '../errors.ts';
import type { Chunker, Converter } from '../ports.ts';
import { besideOf, type Given, type ThreadOptions, thread } from '../runtime/thread.ts';
import { MIB, SECOND } from '../units.ts';
import { type Reply, type ThreadData, type TokensModule, unpack, type Work } from './protocol.ts';

/** Enough that the thread never waits for the main one, few enough that a new thread is not given much again. */
const AHEAD = { calls: 8, bytes: 8 * MIB };
/** Ten times what files of the usual limits need on a slow machine. */
const SLICE_MS = 3 * SECOND;
/** Beyond these somebody forgot to wait for his answers. The window of the flow is far smaller. */
const MAX_OUT = 4_096;
const MAX_OUT_BYTES = 256 * MIB;

/** How a thread says that a call was too much for it, and not that its content was refused. */
const SLOW: ReadonlySet<string> = new Set(['deadline', 'worker_died']);

export interface ContentWorkerOptions {
  /** How long one item may take. */
  readonly deadlineMs: number;
  /** Of the thread's own objects and strings. The bytes of a file are outside of it and bounded by `limits`. */
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
   * Ends the thread, as does closing both of the others. What is still out is rejected, to be tried again by whoever
   * comes next.
   */
  close(): Promise<void>;
}

export const contentWorker = (options: ContentWorkerOptions): ContentWorker => {
  const { deadlineMs, heapMb, limits, chunk, tokens } = options;
  const data: ThreadData = { limits, chunk, tokens };
  const threadOf = (name: string, more: Pick<ThreadOptions, 'deadlineMs' | 'transient'>) =>
    thread<Work, Reply>(besideOf(import.meta.url, 'content-thread'), {
      name: `${name} (${tokens.module})`,
      ...{ heapMb, data, ahead: AHEAD, attempts: 1, ...more },
    });
  const quick = threadOf('the content worker', { deadlineMs: Math.min(deadlineMs, SLICE_MS) });
  const patient = threadOf('the content worker for slow files', { deadlineMs, transient: true });

  const perform = async (name: string, bytes: number, request: () => Given<Work>): Promise<Reply> => {
    const [one, other] = [quick.out(), patient.out()];
    const out = { calls: one.calls + other.calls, bytes: one.bytes + other.bytes };
    if (out.calls >= MAX_OUT || out.bytes + bytes > MAX_OUT_BYTES + limits.fileBytes)
      throw new TryAgain(`${name}: ${out.calls} items wait for the content worker already`);
    try {
      return await quick.call({ name, bytes, request });
    } catch (error) {
      if (!(error instanceof DeadLetter && SLOW.has(error.kind))) throw error;
      return patient.call({ name, bytes, request });
    }
  };

  const close = async () => {
    await Promise.all([quick.close(), patient.close()]);
  };

  const users = new Set(['converter', 'chunker']);
  const release = async (user: string) => {
    users.delete(user);
    if (users.size === 0) await close();
  };

  return {
    converter: {
      async convert(path, bytes): Promise<Converted> {
        // Not even copied: this is what keeps one huge file from filling the queue.
        if (bytes.length > limits.fileBytes) return { skip: 'too_large' };
        const reply = await perform(`Converting ${path}`, bytes.length, () => {
          const copy = new Uint8Array(bytes);
          return { value: { do: 'convert', path, bytes: copy }, transfer: [copy.buffer] };
        });
        if (reply.is !== 'converted') throw new Error(`Converting ${path}: the worker answered ${reply.is}`);
        return reply.converted;
      },
      close: () => release('converter'),
    },
    chunker: {
      async chunk(path, { content, language }) {
        const reply = await perform(`Chunking ${path}`, content.length * 2, () => ({
          value: { do: 'chunk', language, content },
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
