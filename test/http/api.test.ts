import { once } from 'node:events';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ApiOptions, api } from '../../src/http/api.ts';
import { boundedAsk } from '../../src/http/bounded.ts';
import { callersOf } from '../../src/http/callers.ts';
import type { Parts } from '../../src/parts.ts';
import type { Hosted } from '../../src/pipeline/host.ts';
import { backfill, pipelineOf } from '../runs/harness.ts';
import type { Pipeline } from '../support/pipeline.ts';
import { recordedTelemetry } from '../support/telemetry.ts';

const TOKEN = 'a-token-of-sixteen-and-more';
let pipeline: Pipeline;
let server: Server;
let url: string;
let telemetry: ReturnType<typeof recordedTelemetry>;

const serve = async (parts: Parts, options: Partial<ApiOptions> = {}) => {
  telemetry = recordedTelemetry();
  const hosted = { name: 'default', parts, dependencies: () => [] } as unknown as Hosted;
  const handle = api({
    ...{ onLoopback: true, hosts: [], origins: [], pipelines: [hosted], ask: boundedAsk(telemetry), version: '1' },
    callerOf: callersOf([{ name: 'me', token: TOKEN, scopes: ['search', 'status'], projects: [] }], []),
    ...options,
  });
  server = createServer((request, response) => {
    void handle(request, response, new URL(request.url ?? '/', 'http://localhost'));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};
const search = (query: string, headers: Record<string, string> = {}) =>
  fetch(`${url}/v1/search`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}`, ...headers },
    body: JSON.stringify({ query }),
  });

beforeEach(async () => {
  pipeline = pipelineOf();
  pipeline.push({ a: 'ant', b: 'bee' });
  await pipeline.start();
  await backfill(pipeline);
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

describe('a question over HTTP', () => {
  it('about paths of any glob is answered, and one beyond the bounds is refused', async () => {
    await serve(pipeline.parts);
    const statusOf = async (path: string) => {
      const headers = { authorization: `Bearer ${TOKEN}` };
      const answer = await fetch(`${url}/v1/search`, {
        method: 'POST',
        headers,
        body: JSON.stringify({ query: 'ant', path }),
      });
      return [answer.status, answer.status === 200 ? '' : ((await answer.json()) as { error: string }).error];
    };
    for (const path of ['{**,**}'.repeat(10), '[a&b]*', '(x', '\ud800', '\0', 'a-b'])
      expect(await statusOf(path)).toEqual([200, '']);
    expect(await statusOf('a'.repeat(1_001))).toEqual([400, expect.stringContaining('at most 1000 characters')]);
    expect(await statusOf('{'.repeat(11) + '}'.repeat(11))).toEqual([400, expect.stringContaining('at most 10 deep')]);
  });

  it('is counted by what was asked and how it ended, and never with what was asked for', async () => {
    await serve(pipeline.parts);
    expect((await search('ant')).status).toBe(200);
    expect((await search('')).status).toBe(400);
    const told = telemetry.told.filter(([name]) => name === 'asked').map(([, of]) => of);
    expect(told).toMatchObject([
      { question: 'search', by: 'me', status: 200 },
      { question: 'search', by: 'me', status: 400 },
    ]);
    expect(JSON.stringify(told)).not.toMatch(/ant|a-token/);
  });

  it('that nobody can answer is held in a bounded number, and the next is told to come back', async () => {
    const stuck = { ...pipeline.parts, state: { ...pipeline.parts.state, read: () => new Promise<never>(() => {}) } };
    await serve(stuck);
    const leave = new AbortController();
    const waiting = Array.from({ length: 64 }, () =>
      fetch(`${url}/v1/search`, {
        ...{ method: 'POST', body: '{"query":"x"}', signal: leave.signal },
        headers: { authorization: `Bearer ${TOKEN}` },
      }).catch(() => undefined),
    );
    await expect.poll(async () => (await search('ant')).status, { timeout: 10_000 }).toBe(503);
    leave.abort();
    await Promise.all(waiting);
    // They are gone, and what they have asked for is not answered yet.
    const refused = await search('ant');
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
  });

  it('of one caller without end leaves room for the others', async () => {
    let begun = 0;
    const read = () => {
      begun += 1;
      return new Promise<never>(() => {});
    };
    await serve(
      { ...pipeline.parts, state: { ...pipeline.parts.state, read } },
      {
        callerOf: callersOf(
          ['me', 'other'].map((name) => ({ name, token: `${TOKEN}-${name}`, scopes: ['search'], projects: [] })),
          [],
        ),
      },
    );
    const leave = new AbortController();
    const refused: string[] = [];
    const askAs = (name: string) =>
      fetch(`${url}/v1/search`, {
        ...{ method: 'POST', body: '{"query":"x"}', signal: leave.signal },
        headers: { authorization: `Bearer ${TOKEN}-${name}` },
      }).then(
        ({ status }) => void refused.push(`${name} ${status}`),
        () => undefined,
      );
    const all = Array.from({ length: 64 }, () => askAs('me'));
    await expect.poll(() => refused, { timeout: 10_000 }).toEqual(new Array(16).fill('me 503'));
    all.push(askAs('other'));
    await expect.poll(() => begun, { timeout: 10_000 }).toBe(49);
    leave.abort();
    await Promise.all(all);
    expect(refused).toHaveLength(16);
  });

  it('that a fault of ours leaves without an answer says nothing of it, over HTTP and MCP alike', async () => {
    const broken = async () => {
      throw new Error('ENOENT: /var/lib/tidemark/secret');
    };
    await serve({ ...pipeline.parts, state: { ...pipeline.parts.state, read: broken } });
    const said = await (await search('ant')).text();
    const client = new Client({ name: 'test', version: '1' });
    const requestInit = { headers: { authorization: `Bearer ${TOKEN}` } };
    await client.connect(new StreamableHTTPClientTransport(new URL(`${url}/mcp`), { requestInit }));
    const answer = await client.callTool({ name: 'search', arguments: { query: 'ant' } });
    await client.close();
    expect(answer.isError).toBe(true);
    for (const text of [said, JSON.stringify(answer)]) {
      expect(text).toContain('this could not be answered; the log of the service says why');
      expect(text).not.toContain('ENOENT');
    }
    const failed = telemetry.told.filter(([name]) => name === 'requestFailed');
    expect(failed).toHaveLength(2);
    expect(JSON.stringify(failed)).toContain('ENOENT');
  });

  it('is answered under a configured name alone where there are some, and to pages that are named', async () => {
    await serve(pipeline.parts, {
      onLoopback: false,
      hosts: ['search.example.com'],
      origins: ['https://ui.example.com'],
    });
    expect((await search('ant')).status).toBe(200);
    expect((await search('ant', { origin: 'https://ui.example.com' })).status).toBe(200);
    expect((await search('ant', { origin: 'https://other.example.com' })).status).toBe(403);
  });

  it('by MCP is refused with a method that the protocol has not, also where no web request could be made of it', async () => {
    await serve(pipeline.parts);
    const sending = request(`${url}/mcp`, { method: 'TRACE', headers: { authorization: `Bearer ${TOKEN}` } }).end();
    const [response] = await once(sending, 'response');
    expect(response.statusCode).toBe(405);
    response.resume();
  });

  it('needs a token that is known to the last character', async () => {
    await serve(pipeline.parts);
    for (const authorization of [
      '',
      'Bearer',
      'Bearer ',
      `Basic ${TOKEN}`,
      `Bearer ${TOKEN.slice(0, -1)}`,
      `Bearer ${TOKEN} x`,
    ])
      expect((await search('ant', { authorization })).status, authorization).toBe(401);
    expect((await search('ant', { authorization: `bearer ${TOKEN}` })).status).toBe(200);
  });
});
