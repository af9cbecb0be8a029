/** The real flows with the real openai embedder, against a server that does what servers do on a bad day. */
import { afterEach, describe, expect, it } from 'vitest';
import { embedderSchema, type OpenaiOptions } from '../../src/config/embedder.ts';
import { openaiEmbedder } from '../../src/embedders/openai.ts';
import {
  DIMENSIONS,
  type EmbeddingServer,
  embeddingServer,
  type Fault,
  refuse,
  TOXIC,
} from '../support/embedding-server.ts';
import { makePipeline, type Pipeline } from '../support/pipeline.ts';
import { NAMES } from '../trials/sim/names.ts';

const FILES = 40;
const WORDS = 8;
const BATCH = 64;

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const wordsOf = (file: number): string[] => Array.from({ length: WORDS }, (_, at) => `f${file}w${at}`);
const files = Array.from({ length: FILES }, (_, file) => [`file${file}`, wordsOf(file)] as const);
const words = files.flatMap(([, own]) => own);

/** Every word is a chunk. One file has a word that the server refuses. */
const contents = Object.fromEntries([
  ...files.map(([path, own]) => [path, own.join(' ')] as const),
  ['poisoned', TOXIC],
]);

const open = async () => {
  const server = await embeddingServer();
  const options = embedderSchema.parse({
    ...{ kind: 'openai', url: server.url, model: 'test', dimensions: DIMENSIONS, timeoutSeconds: 2 },
    batch: { texts: BATCH },
  }) as OpenaiOptions;
  const embedder = openaiEmbedder(options, () => undefined);
  const pipeline = makePipeline({
    embedder,
    speed: 100,
    limits: { embedTokens: 100_000, embedTexts: BATCH, parallel: { plan: 2, collect: 50, index: 50 } },
  });
  closing.push(server.kill, () => embedder.close(), pipeline.close);
  return { server, pipeline };
};

const outcome = async ({ server, pipeline }: { server: EmbeddingServer; pipeline: Pipeline }) => {
  pipeline.push(contents, { announced: true });
  await pipeline.start();
  await pipeline.rest();
  return {
    dead: pipeline.broker.topicOf(NAMES.topics.deadLetters).flatMap(({ records }) => records).length,
    failed: pipeline.entry('poisoned')?.status,
    indexed: files.filter(([path]) => pipeline.entry(path)?.status === 'indexed').length,
    embedded: words.filter((word) => server.embedded.get(word) === 1).length,
  };
};
const allButOne = { dead: 1, failed: 'failed', indexed: FILES, embedded: words.length };

/** The first request with many texts, so that there is a batch to lose. */
const atFirstBatch = (fault: Fault): Fault => {
  let done = false;
  return (response, asked) => {
    if (done || asked.input.length < 8) return false;
    done = true;
    return fault(response, asked);
  };
};

describe('a run over texts of which one is poisoned ends by itself, with one dead letter and each other text embedded once', () => {
  it('when nothing else goes wrong, from a batch of 64', async () => {
    const { server, pipeline } = await open();
    expect(await outcome({ server, pipeline })).toEqual(allButOne);
    const refused = server.requests.filter(({ asked }) => asked.input.includes(TOXIC));
    expect(Math.max(...server.requests.map(({ asked }) => asked.input.length))).toBe(BATCH);
    expect(refused.length).toBeLessThanOrEqual(1 + Math.log2(BATCH));
  });

  it.each([
    ['429 with Retry-After', refuse(429, 'slow down', { 'retry-after': '3' })],
    ['429 without Retry-After', refuse(429, 'slow down')],
    ['500', refuse(500, 'oops')],
    ['503', refuse(503, 'loading')],
  ])('when the server answers %s', async (_, fault) => {
    const { server, pipeline } = await open();
    server.faults.push(fault, fault, fault, fault, fault, fault);
    expect(await outcome({ server, pipeline })).toEqual(allButOne);
    expect(server.faults).toEqual([]);
  });

  it('when the server takes no more than eight texts at a time', async () => {
    const { server, pipeline } = await open();
    const tooLarge = refuse(413, 'payload too large');
    server.always = (response, asked) => asked.input.length > 8 && tooLarge(response, asked);
    expect(await outcome({ server, pipeline })).toEqual(allButOne);
  });

  it('when one of the answers is cut off', async () => {
    const { server, pipeline } = await open();
    server.always = atFirstBatch((response) => {
      response.writeHead(200, { 'content-length': '1000' }).write('{"data":');
      response.destroy();
      return true;
    });
    expect(await outcome({ server, pipeline })).toEqual(allButOne);
  });

  it('when the server is killed in the middle and comes back', async () => {
    const { server, pipeline } = await open();
    let killed = 0;
    server.always = atFirstBatch(() => {
      killed += 1;
      void server.kill().then(() => setTimeout(() => void server.restart(), 300));
      return true;
    });
    expect(await outcome({ server, pipeline })).toEqual(allButOne);
    expect(killed).toBe(1);
  });
});
