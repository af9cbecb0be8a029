import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { embedderSchema, type OpenaiOptions } from '../../src/config/embedder.ts';
import { tokenCounter } from '../../src/content/tokens.ts';
import { endpointOf } from '../../src/embedders/model-server.ts';
import { openaiEmbedder, openaiVectorSpace } from '../../src/embedders/openai.ts';
import { BadConfiguration, DeadLetter, StopFlow, TryAgain } from '../../src/errors.ts';
import { embedderContract } from '../contracts/embedder.ts';
import {
  answer,
  DIMENSIONS,
  type EmbeddingServer,
  embeddingServer,
  refuse,
  TOXIC,
} from '../support/embedding-server.ts';

const optionsFor = (url: string, more: object = {}): OpenaiOptions => {
  const options = { kind: 'openai', url, model: 'test', dimensions: DIMENSIONS, timeoutSeconds: 5, ...more };
  return embedderSchema.parse(options) as OpenaiOptions;
};

const shared = await embeddingServer();
afterAll(shared.kill);
embedderContract('openai', {
  open: () => openaiEmbedder(optionsFor(shared.url), () => undefined),
  count: tokenCounter(),
  aloneAndBeside: true,
});

const ending: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ending.splice(0)) await end();
});

const open = async (more: object = {}) => {
  const server = await embeddingServer();
  let tokens = 0;
  const options = optionsFor(server.url, more);
  const embedder = openaiEmbedder(options, (counted) => {
    tokens += counted;
  });
  ending.push(() => embedder.close(), server.kill);
  const embed = (...texts: string[]) => embedder.embed(texts, 'passage');
  return { server, embedder, embed, tokens: () => tokens };
};
const failure = async (call: Promise<unknown>): Promise<unknown> => {
  const [settled] = await Promise.allSettled([call]);
  return settled.status === 'rejected' ? settled.reason : undefined;
};
const lastOf = ({ requests }: EmbeddingServer) => requests.at(-1);

describe('the openai embedder', () => {
  it('sends its key, its model and what the server wants besides', async () => {
    const { server, embedder } = await open({
      apiKey: 'sk-test',
      extra: { query: { input_type: 'query' } },
      prefixes: { passage: 'p: ', query: 'q: ' },
    });
    await embedder.embed(['hello'], 'query');
    expect(lastOf(server)?.asked).toEqual({
      ...{ model: 'test', input: ['q: hello'], encoding_format: 'base64', input_type: 'query' },
    });
    expect(lastOf(server)?.message.headers.authorization).toBe('Bearer sk-test');
    await embedder.embed(['hello'], 'passage');
    expect(lastOf(server)?.asked).toEqual({ model: 'test', input: ['p: hello'], encoding_format: 'base64' });
  });

  it('reads numbers as well as base64', async () => {
    const { embed } = await open({ extra: { passage: { encoding_format: 'float' } } });
    const { embed: base64 } = await open();
    expect(await embed('some text')).toEqual(await base64('some text'));
  });

  it('puts vectors in the order of the texts, whatever that of the answer', async () => {
    const { server, embed } = await open();
    const vector = (at: number) => Array.from({ length: DIMENSIONS }, (_, index) => (index === at ? 2 : 0));
    const data = [1, 0].map((index) => ({ index, embedding: vector(index) }));
    server.faults.push(answer(200, { data }));
    const vectors = await embed('first', 'second');
    expect(vectors.map((one) => one.indexOf(1))).toEqual([0, 1]);
  });

  it('counts the tokens that the server has counted', async () => {
    const { embed, tokens } = await open();
    await embed('one two three', 'four five');
    expect(tokens()).toBe(5);
  });

  it('asks a model that can be shortened for fewer dimensions, and no other model', async () => {
    const { server, embed } = await open({ model: 'text-embedding-3-small' });
    await embed('a');
    expect(lastOf(server)?.asked.dimensions).toBe(DIMENSIONS);
    const { server: other, embed: embedOther } = await open({ model: 'bge-small-en-v1.5' });
    await embedOther('a');
    expect(lastOf(other)?.asked).not.toHaveProperty('dimensions');
  });

  it('knows the prefixes and dimensions of well-known models, and asks for those of others', () => {
    const vectorSpace = (model: string) =>
      openaiVectorSpace(optionsFor('http://host', { model, dimensions: undefined }));
    expect(vectorSpace('intfloat/multilingual-e5-small')).toMatchObject({
      dimensions: 384,
      prefixes: { passage: 'passage: ', query: 'query: ' },
    });
    expect(vectorSpace('nomic-embed-text:latest')).toMatchObject({ dimensions: 768 });
    expect(() => vectorSpace('my-own')).toThrow(BadConfiguration);
    expect(() => vectorSpace('my-own')).toThrow('embedder.dimensions');
  });

  it('keeps its key out of its vector space and of messages', async () => {
    expect(JSON.stringify(openaiVectorSpace(optionsFor('http://host', { apiKey: 'sk-hidden' })))).not.toContain(
      'sk-hidden',
    );
    const { server, embed } = await open({ apiKey: 'sk-hidden' });
    server.faults.push(refuse(401, 'the key sk-hidden is wrong'));
    const error = await failure(embed('a'));
    expect(error).toBeInstanceOf(StopFlow);
    expect(String(error)).toContain('the key *** is wrong');
  });

  it.each([
    [429, { 'retry-after': '7' }, 7_000],
    [429, { 'retry-after-ms': '250' }, 250],
    [429, { 'retry-after': new Date(Date.now() + 3_600_000).toUTCString() }, 300_000],
    [429, { 'retry-after': new Date(Date.now() - 60_000).toUTCString() }, 0],
    [429, { 'retry-after': '86400' }, 300_000],
    [429, {}, 1_000],
    [503, { 'retry-after': '2' }, 2_000],
    [500, {}, 0],
    [502, {}, 0],
    [408, {}, 0],
    [424, {}, 0],
  ])('tries again after %i with %o', async (status, headers, pauseMs) => {
    const { server, embed } = await open();
    server.faults.push(refuse(status, 'later', headers as Record<string, string>));
    const error = await failure(embed('a', 'b'));
    expect(error).toBeInstanceOf(TryAgain);
    expect((error as TryAgain).retryAfterMs).toBe(pauseMs);
    expect(String(error)).toContain('later');
  });

  it.each([401, 402, 403, 404])('stops the flow at %i', async (status) => {
    const { server, embed } = await open();
    server.faults.push(refuse(status, 'no'));
    expect(await failure(embed('a'))).toBeInstanceOf(StopFlow);
  });

  it.each([400, 413, 422])('dead-letters a text that is answered with %i while others are taken', async (status) => {
    const { server, embed } = await open();
    server.faults.push(refuse(status, 'too much'));
    expect(await failure(embed('a', 'b'))).toBeInstanceOf(DeadLetter);
    server.faults.push(refuse(status, 'too much'));
    expect(await failure(embed('a'))).toMatchObject({ name: 'DeadLetter', kind: 'refused' });
    expect(lastOf(server)?.asked.input).toEqual(['ok']);
  });

  it('stops the flow when the server refuses every text', async () => {
    const { server, embed } = await open();
    server.always = refuse(400, 'this model does not embed');
    const error = await failure(embed('a'));
    expect(error).toBeInstanceOf(StopFlow);
    expect(String(error)).toContain('this model does not embed');
  });

  it('stops the flow at vectors of another size, and at answers that are none', async () => {
    const { embed } = await open({ dimensions: 64 });
    expect(String(await failure(embed('a')))).toContain('32 numbers a vector where 64 belong');
    const { server, embed: other } = await open();
    server.faults.push(answer(200, { hello: 'world' }));
    expect(await failure(other('a'))).toBeInstanceOf(StopFlow);
  });

  it('dead-letters texts whose vectors are left out, or hold no numbers', async () => {
    const { server, embed } = await open();
    server.faults.push(answer(200, { data: [{ index: 0, embedding: Array(DIMENSIONS).fill(1) }] }));
    expect(await failure(embed('a', 'b'))).toBeInstanceOf(DeadLetter);
    server.faults.push(answer(200, { data: [{ index: 0, embedding: Array(DIMENSIONS).fill(null) }] }));
    expect(await failure(embed('a', 'b'))).toBeInstanceOf(DeadLetter);
  });

  it('tries again when an answer is cut off, does not come, or nobody is there', async () => {
    const { server, embed } = await open({ timeoutSeconds: 1 });
    server.faults.push((response) => {
      response.writeHead(200).end('{"data": [');
      return true;
    });
    expect(await failure(embed('a'))).toBeInstanceOf(TryAgain);
    server.faults.push(() => true);
    expect(String(await failure(embed('a')))).toContain('no answer in 1 s');
    await server.kill();
    const error = await failure(embed('a'));
    expect(error).toBeInstanceOf(TryAgain);
    expect(String(error)).toMatch(/ECONNREFUSED|closed/);
  });

  it('sends no text without content', async () => {
    const { server, embed } = await open();
    const vectors = await embed('', 'word', ' \n');
    expect(lastOf(server)?.asked.input).toEqual(['word']);
    expect(vectors.map((vector) => vector.some((value) => value !== 0))).toEqual([false, true, false]);
    await embed('\n');
    expect(server.requests).toHaveLength(1);
  });

  it('asks once for all who probe at a time', async () => {
    const { server, embedder } = await open();
    await Promise.all(Array.from({ length: 64 }, () => embedder.probe()));
    expect(server.requests).toHaveLength(1);
    await embedder.probe();
    expect(server.requests).toHaveLength(2);
  });

  it('lets go of requests that are out when it is closed', async () => {
    const { server, embedder, embed } = await open();
    server.faults.push(() => true);
    const out = failure(embed('a'));
    while (server.requests.length === 0) await sleep(1);
    await embedder.close();
    expect(await out).toBeInstanceOf(TryAgain);
  });

  it('refuses a batch with a poisoned text as one', async () => {
    const { embed } = await open();
    expect(await failure(embed('fine', TOXIC))).toBeInstanceOf(DeadLetter);
  });
});

it('finds the endpoint from a host, a base, and all of it as Azure has it', () => {
  const of = (url: string) => endpointOf(url, { base: '/v1', last: 'embeddings' }).href;
  expect(of('http://tei:8080')).toBe('http://tei:8080/v1/embeddings');
  expect(of('http://host/api/v1/')).toBe('http://host/api/v1/embeddings');
  const azure = 'https://r.openai.azure.com/openai/deployments/d/embeddings?api-version=2024-10-21';
  expect(of(azure)).toBe(azure);
  expect(of('https://r.openai.azure.com/openai/v1')).toBe('https://r.openai.azure.com/openai/v1/embeddings');
});

it("sends Azure's key as Azure wants it", async () => {
  const asked: Request[] = [];
  const { fetch } = globalThis;
  globalThis.fetch = async (input, init) => {
    asked.push(new Request(input as URL, init));
    return new Response('{}', { status: 401 });
  };
  try {
    const url = 'https://r.openai.azure.com/openai/deployments/d/embeddings?api-version=2024-10-21';
    const embedder = openaiEmbedder(optionsFor(url, { apiKey: 'k' }), () => undefined);
    expect(await failure(embedder.embed(['a'], 'passage'))).toBeInstanceOf(StopFlow);
    expect(asked[0]?.headers.get('api-key')).toBe('k');
    expect(asked[0]?.headers.has('authorization')).toBe(false);
  } finally {
    globalThis.fetch = fetch;
  }
});
