import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { afterEach, expect, it } from 'vitest';
import { type RerankerOptions, rerankerSchema } from '../../src/config/reranker.ts';
import { serverReranker } from '../../src/embedders/reranker.ts';
import { StopFlow, TryAgain } from '../../src/errors.ts';

interface Asked {
  readonly path: string | undefined;
  readonly authorization: string | undefined;
  readonly body: unknown;
}

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

const listening = async (answer: RequestListener): Promise<string> => {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};

/** Answers each request with what is given next; the last one over and over. */
const serverWith = async (...answers: readonly { readonly status?: number; readonly body: unknown }[]) => {
  const asked: Asked[] = [];
  const url = await listening(async (request, response) => {
    asked.push({ path: request.url, authorization: request.headers.authorization, body: await json(request) });
    const { status = 200, body } = answers[Math.min(asked.length, answers.length) - 1] ?? { body: null };
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  return { asked, url };
};

const reranker = (options: Partial<RerankerOptions> & Pick<RerankerOptions, 'kind' | 'url'>, now = () => 0) => {
  const port = serverReranker(rerankerSchema.parse(options), { now });
  closing.push(() => port.close());
  return port;
};

it('asks Text Embeddings Inference, and puts the scores back into the order of the passages', async () => {
  const { asked, url } = await serverWith({
    body: [
      { index: 1, score: 0.9 },
      { index: 0, score: 0.1 },
    ],
  });
  expect(await reranker({ kind: 'tei', url }).score('which?', ['ant', 'bee'])).toEqual([0.1, 0.9]);
  expect(asked).toEqual([
    {
      path: '/rerank',
      authorization: undefined,
      body: { query: 'which?', texts: ['ant', 'bee'], truncate: true },
    },
  ]);
});

it('asks as Cohere is asked, with key and model', async () => {
  const { asked, url } = await serverWith({
    body: {
      results: [
        { index: 0, relevance_score: -3.5 },
        { index: 1, relevance_score: 2 },
      ],
    },
  });
  const port = reranker({ kind: 'cohere', url: `${url}/v1`, model: 'm', apiKey: 'sesame' });
  expect(await port.score('which?', ['ant', 'bee'])).toEqual([-3.5, 2]);
  expect(asked).toEqual([
    {
      path: '/v1/rerank',
      authorization: 'Bearer sesame',
      body: { model: 'm', query: 'which?', documents: ['ant', 'bee'], top_n: 2 },
    },
  ]);
});

it('sends nothing where there is nothing to read', async () => {
  const { asked, url } = await serverWith({ body: [] });
  expect(await reranker({ kind: 'tei', url }).score('which?', [])).toEqual([]);
  expect(asked).toEqual([]);
});

it('leaves a server that has failed alone for ten seconds', async () => {
  const { asked, url } = await serverWith(
    { status: 503, body: { error: 'overloaded' } },
    { body: [{ index: 0, score: 1 }] },
  );
  let now = 1_000;
  const port = reranker({ kind: 'tei', url }, () => now);
  await expect(port.score('which?', ['ant'])).rejects.toThrow(/503.*overloaded/);
  await expect(port.score('which?', ['ant'])).rejects.toThrow(/not asked again yet: .*503/);
  expect(asked).toHaveLength(1);
  now += 10_000;
  expect(await port.score('which?', ['ant'])).toEqual([1]);
});

it.each([
  ['that is not what it says it is', { body: { results: [] } }, StopFlow, /reranker\.kind/],
  ['that leaves a passage out', { body: [{ index: 1, score: 1 }] }, TryAgain, /left out a passage/],
  ['that refuses the key', { status: 401, body: {} }, StopFlow, /reranker\.apiKey/],
  ['that is nowhere to be found', { status: 404, body: {} }, StopFlow, /reranker\.url/],
] as const)('says what is wrong with a server %s', async (_, answer, kind, message) => {
  const { url } = await serverWith(answer);
  const failure = reranker({ kind: 'tei', url }).score('which?', ['ant', 'bee']);
  await expect(failure).rejects.toBeInstanceOf(kind);
  await expect(failure).rejects.toThrow(message);
});

it('waits no longer than it may', async () => {
  const url = await listening(() => undefined);
  const port = reranker({ kind: 'tei', url, timeoutSeconds: 1 });
  await expect(port.score('which?', ['ant'])).rejects.toThrow(/no answer in 1 s/);
});
