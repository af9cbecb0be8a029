/**
 * Any ONNX model that Transformers.js runs, in a thread of its own: inference is synchronous in every version of its
 * runtime, and would hold the event loop for as long as a batch takes.
 */
import { availableParallelism } from 'node:os';
import type { TransformersOptions } from '../../config/embedder.ts';
import type { Embedder } from '../../ports.ts';
import { besideOf, thread } from '../../runtime/thread.ts';
import { MINUTE } from '../../units.ts';
import { inSlices } from '../slices.ts';
import { transformersModel } from './model.ts';
import type { TransformersData } from './transformers-thread.ts';

/** A model may have to be downloaded first. */
const START_MS = 30 * MINUTE;
const DEADLINE_MS = 5 * MINUTE;
/** Vocabularies of 250,000 pieces are objects; weights and activations are outside of the heap. */
const HEAP_MB = 1024;
/** One at work: what is handed over cannot be overtaken by a question. */
const AHEAD = { calls: 1, bytes: Number.POSITIVE_INFINITY };
/** About: how many of them fit together is counted in the thread. */
const CHARACTERS_PER_TOKEN = 4;
/** One token, if unknown to the vocabulary, is a whole word; longer words than this are nobody's prose. */
const MOST_CHARACTERS_PER_TOKEN = 64;
/** What a tokenizer adds to a text. */
const SPECIAL_TOKENS = 2;

/** Their activations are scaled by what else is in the batch: in one of its own each text has one vector, always. */
const DYNAMIC: readonly string[] = ['q8', 'int8', 'uint8'];

export const transformersShape = (options: TransformersOptions) => {
  const {
    model,
    local,
    version: weights,
    dtype,
    pooling,
    prefixes,
    dimensions,
    maxTokens,
  } = transformersModel(options);
  // A directory may be moved; what lies in it is the model.
  const name = local ? {} : { model };
  return { kind: 'transformers', ...name, weights, dtype, pooling, prefixes, dimensions, maxTokens, version: 1 };
};

export const transformersEmbedder = (options: TransformersOptions): Embedder => {
  const { revision, hub, cache, threads = availableParallelism(), batchTokens } = options;
  const { version: _, prefixes, ...model } = transformersModel(options);
  const { dimensions, maxTokens, dtype } = model;
  const data: TransformersData = {
    ...{ ...model, revision, hub, cache, threads, batchTokens },
    alone: DYNAMIC.includes(dtype),
  };
  const inference = thread<readonly string[], Float32Array>(besideOf(import.meta.url, 'transformers-thread'), {
    name: `the embedder ${options.model}`,
    ...{ deadlineMs: DEADLINE_MS, startMs: START_MS, heapMb: HEAP_MB, data, env: process.env, ahead: AHEAD },
  });
  const call = (texts: readonly string[], urgent: boolean) =>
    inference.call({
      name: `Embedding ${texts.length} texts with ${options.model}`,
      request: () => ({ value: texts, transfer: [] }),
      bytes: 0,
      urgent,
    });
  const longest = maxTokens * MOST_CHARACTERS_PER_TOKEN;
  const reserved = (prefix: string) => SPECIAL_TOKENS + Buffer.byteLength(prefix);

  return {
    dimensions,
    maxTokens: maxTokens - reserved(prefixes.passage),
    batch: { texts: Number.POSITIVE_INFINITY, tokens: Number.POSITIVE_INFINITY, parallel: 2 },
    async probe() {
      await call([], true);
    },
    tokens: (text) => Buffer.byteLength(text) + reserved(prefixes.passage),
    embed(texts, kind) {
      const whole = texts.map((text) => prefixes[kind] + text.slice(0, longest).toWellFormed());
      const characters = batchTokens * CHARACTERS_PER_TOKEN;
      return inSlices(whole, { dimensions, characters, call: (slice) => call(slice, kind === 'query') });
    },
    close: () => inference.close(),
  };
};
