/**
 * The built-in embedder: works offline, at once, and needs no neural network. It runs in a thread, because tokenising
 * and summing would hold the event loop for as long as a batch is large.
 */
import type { Embedder } from '../../ports.ts';
import { besideOf, thread } from '../../runtime/thread.ts';
import { SECOND } from '../../units.ts';
import { inSlices } from '../slices.ts';
import type { StaticRequest } from './static-thread.ts';

const DIMENSIONS = 256;

/** All that shapes a vector. `version` rises with every change of the tokens, the table or the mean. */
export const staticShape = {
  kind: 'static',
  model: 'static-minilm-256',
  dtype: 'int8',
  pooling: 'mean',
  prefixes: { passage: '', query: '' },
  dimensions: DIMENSIONS,
  version: 1,
} as const;

/** About 10 ms of work: how long an urgent question waits behind a batch at most, twice. */
const SLICE_CHARACTERS = 100_000;
/** The thread works on one while the next is on its way. */
const AHEAD = { calls: 2, bytes: Number.POSITIVE_INFINITY };
const DEADLINE_MS = 60 * SECOND;
const HEAP_MB = 192;

export const staticEmbedder = (): Embedder => {
  const model = thread<StaticRequest, Float32Array>(besideOf(import.meta.url, 'static-thread'), {
    name: 'the built-in embedder',
    ...{ deadlineMs: DEADLINE_MS, heapMb: HEAP_MB, ahead: AHEAD },
  });
  const call = (request: StaticRequest, urgent: boolean) =>
    model.call({
      name: `${request.question === undefined ? 'Embedding' : 'Comparing'} ${request.texts.length} texts`,
      request: () => ({ value: request, transfer: [] }),
      bytes: 0,
      urgent,
    });

  return {
    dimensions: DIMENSIONS,
    // A mean has no longest text.
    maxTokens: Number.MAX_SAFE_INTEGER,
    batch: { texts: Number.POSITIVE_INFINITY, tokens: Number.POSITIVE_INFINITY, parallel: 2 },
    async probe() {
      await call({ texts: [] }, true);
    },
    tokens: tokensAtMost,
    embed: (texts, kind) =>
      inSlices(texts, {
        ...{ dimensions: DIMENSIONS, characters: SLICE_CHARACTERS },
        call: (slice) => call({ texts: slice }, kind === 'query'),
      }),
    compare: (question, texts) => call({ question, texts }, true),
    close: () => model.close(),
  };
};

/** No character has more pieces than letters it is written in: one, if ASCII, and three at most (a Hangul syllable). */
export const tokensAtMost = (text: string): number => {
  let tokens = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code > 127) tokens += 3;
    else if (code > 32) tokens += 1;
  }
  return tokens;
};
