/** The worker's side: one task at a time, in the order in which they came. Runs in a worker thread only. */
import { parentPort, workerData } from 'node:worker_threads';
import { cutsOf, type TokenCounter } from '../chunker/chunker.ts';
import { parseOf } from '../chunker/grammars.ts';
import { convert } from '../converters/convert.ts';
import { DeadLetter, messageOf } from '../errors.ts';
import { pack, type Reply, type Request, RUNNING, SINCE, type ThreadData, tick, type Work } from './protocol.ts';

const port = parentPort;
if (!port) throw new Error('This module is the content worker and runs in a worker thread only');
const { limits, chunk, tokens, watch } = workerData as ThreadData;

const loaded: { tokenCounter?: (options: unknown) => TokenCounter | Promise<TokenCounter> } = await import(
  tokens.module
);
if (typeof loaded.tokenCounter !== 'function') throw new Error(`${tokens.module} exports no function tokenCounter`);
const count = await loaded.tokenCounter(tokens.options);

const reply = (message: Reply, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer);

const perform = async (id: number, work: Work) => {
  if (work.do === 'convert') {
    reply({ is: 'converted', id, converted: convert(work.path, work.bytes, limits) });
    return;
  }
  const text = { content: work.content, language: work.language, mediaType: '' };
  const cuts = pack(cutsOf(text, { tokens: chunk.tokens, count, parse: await parseOf(work.language) }));
  reply({ is: 'chunked', id, cuts }, [cuts.numbers.buffer]);
};

const handle = async ({ id, work }: Request) => {
  Atomics.store(watch, SINCE, tick());
  Atomics.store(watch, RUNNING, id);
  try {
    await perform(id, work);
  } catch (error) {
    if (error instanceof DeadLetter) reply({ is: 'failed', id, kind: error.kind, message: error.message });
    // A fault of ours: where it happened is all that there is to go by.
    else
      reply({
        is: 'failed',
        id,
        kind: undefined,
        message: (error instanceof Error && error.stack) || messageOf(error),
      });
  }
  Atomics.store(watch, RUNNING, 0);
};

let last = Promise.resolve();
port.on('message', (request: Request) => {
  last = last.then(() => handle(request));
});
reply({ is: 'ready' });
