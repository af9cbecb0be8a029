/** Converts and chunks off the main thread, both in one warm thread that a bad file may take down. */
import { chunksOf } from '../chunker/chunker.ts';
import type { ContentLimits, Converted } from '../converters/convert.ts';
import { TryAgain } from '../errors.ts';
import type { Chunker, Converter } from '../ports.ts';
import { besideOf, type Given, thread } from '../thread.ts';
import { type Reply, type ThreadData, type TokensModule, unpack, type Work } from './protocol.ts';

const MB = 2 ** 20;

/** Enough that the thread never waits for the main one, few enough that a new thread is not given much again. */
const AHEAD = { calls: 8, bytes: 8 * MB };
/** Beyond these somebody forgot to wait for his answers. The window of the flow is far smaller. */
const MAX_OUT = 4_096;
const MAX_OUT_BYTES = 256 * MB;

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
  const worker = thread<Work, Reply>(besideOf(import.meta.url, 'content-thread'), {
    name: `the content worker (${tokens.module})`,
    ...{ deadlineMs, heapMb, data, ahead: AHEAD },
  });

  const perform = async (name: string, bytes: number, request: () => Given<Work>): Promise<Reply> => {
    const out = worker.out();
    if (out.calls >= MAX_OUT || out.bytes + bytes > MAX_OUT_BYTES + limits.fileBytes)
      throw new TryAgain(`${name}: ${out.calls} items wait for the content worker already`);
    return worker.call({ name, bytes, request });
  };

  const users = new Set(['converter', 'chunker']);
  const release = async (user: string) => {
    users.delete(user);
    if (users.size === 0) await worker.close();
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
    close: () => worker.close(),
  };
};
