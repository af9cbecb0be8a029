/** Who is told what of the pages that are looked at from outside. */
import { request } from 'node:http';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TokenOptions } from '../../src/config/schema.ts';
import { boundedAsk } from '../../src/http/bounded.ts';
import { callersOf } from '../../src/http/callers.ts';
import { figuresOf } from '../../src/http/figures.ts';
import type { Listener } from '../../src/http/listener.ts';
import { pages } from '../../src/http/pages.ts';
import { openHttp } from '../../src/http/server.ts';
import type { Hosted } from '../../src/pipeline/host.ts';
import { type Status, statusOf } from '../../src/runs/status.ts';
import { kept } from '../../src/runtime/kept.ts';
import { backfill, pipelineOf } from '../runs/harness.ts';
import type { Pipeline } from '../support/pipeline.ts';
import { recordedTelemetry } from '../support/telemetry.ts';

const FAULT = 'gitlab https://gitlab.internal refuses the token of team/secret';
const tokenOf = (name: string) => `token-of-${name}-with-sixteen`;
const TOKENS: readonly TokenOptions[] = [
  { name: 'all', token: tokenOf('all'), scopes: ['search', 'status'], projects: [] },
  { name: 'searching', token: tokenOf('searching'), scopes: ['search'], projects: [] },
  { name: 'elsewhere', token: tokenOf('elsewhere'), scopes: ['status'], projects: ['team/elsewhere'] },
  { name: 'figures', token: tokenOf('figures'), scopes: ['metrics'], projects: [] },
];

let pipeline: Pipeline;
let server: Listener;
let computed: number;
const telemetry = recordedTelemetry();

interface Serving {
  readonly onLoopback?: boolean;
  readonly tokens?: readonly TokenOptions[];
  readonly ownMetrics?: boolean;
  readonly fault?: string;
}

const serve = async ({ onLoopback = false, tokens = TOKENS, ownMetrics = false, fault }: Serving = {}) => {
  computed = 0;
  const { parts } = pipeline;
  const status = kept(async (): Promise<Status> => {
    computed += 1;
    return statusOf(parts, []);
  }, 1_000);
  const hosted = {
    ...{ name: 'default', parts, status, gitlabs: [], dependencies: () => [] },
    flows: () => ({ running: fault === undefined, fault: fault === undefined ? undefined : new Error(fault) }),
  } as unknown as Hosted;
  const hosts = ['tidemark.example.com'];
  server = await openHttp({
    ...{ host: '127.0.0.1', port: 0, portOption: 'port', hosts, telemetry },
    pages: pages({
      ...{ onLoopback, hosts, origins: [], callerOf: callersOf(tokens, []), pipelines: [hosted] },
      ...{ named: tokens.length > 0, ask: boundedAsk(telemetry) },
      metrics: ownMetrics ? undefined : figuresOf(new Registry()),
    }),
  });
};
const get = (path: string, { token, host = 'localhost' }: { token?: string; host?: string } = {}) =>
  new Promise<{ readonly status: number | undefined; readonly body: string }>((resolve, reject) => {
    const authorization = token === undefined ? {} : { authorization: `Bearer ${tokenOf(token)}` };
    request(`${server.url}${path}`, { headers: { host, ...authorization } }, async (response) => {
      let body = '';
      for await (const part of response) body += part;
      resolve({ status: response.statusCode, body });
    })
      .on('error', reject)
      .end();
  });
const statusesOf = (path: string, asked: readonly Parameters<typeof get>[1][]) =>
  Promise.all(asked.map(async (one) => (await get(path, one)).status));

beforeEach(async () => {
  telemetry.forget();
  pipeline = pipelineOf();
  pipeline.push({ a: 'ant' });
  await pipeline.start();
  await backfill(pipeline);
});
afterEach(() => server.close());

describe('/status', () => {
  it('needs a token of its scope wherever others than this machine may ask', async () => {
    await serve();
    const asked = [{}, { token: 'nobody' }, { token: 'searching' }, { token: 'figures' }, { token: 'all' }];
    expect(await statusesOf('/status', asked)).toEqual([401, 401, 403, 403, 200]);
    expect((await get('/status')).body).not.toMatch(/main|project/);
  });

  it('is narrowed to the projects of the token, and tells it no reason that could name others', async () => {
    await serve({ fault: FAULT });
    pipeline.repositories.blocked.add('1');
    await backfill(pipeline);
    const all = JSON.parse((await get('/status', { token: 'all' })).body).pipelines[0];
    expect(all).toMatchObject({ projects: [{ project: '1' }], waits: [{ on: 'project', of: { project: '1' } }] });
    expect(all.reasons).toEqual([`default: ${FAULT}`]);
    const narrow = await get('/status', { token: 'elsewhere' });
    expect(JSON.parse(narrow.body).pipelines).toMatchObject([{ ready: false, projects: [], waits: [], reasons: [] }]);
    expect(narrow.body).not.toMatch(/secret|internal|403/);
  });

  it('asks nobody on the loopback while the configuration names nobody, except through a proxy', async () => {
    await serve({ onLoopback: true, tokens: [] });
    expect(await statusesOf('/status', [{}, { host: 'tidemark.example.com' }])).toEqual([200, 401]);
    await server.close();
    await serve({ onLoopback: true });
    expect(await statusesOf('/status', [{}, { token: 'all' }])).toEqual([401, 200]);
  });

  it('is computed once for all who look at the same time', async () => {
    await serve();
    const all = await Promise.all(Array.from({ length: 40 }, () => get('/status', { token: 'all' })));
    expect(all.every(({ status }) => status === 200)).toBe(true);
    expect(computed).toBe(1);
  });

  it('asks no source, however often', async () => {
    const { parts } = pipeline;
    const before = pipeline.repositories.newest('1', 'main');
    pipeline.push({ a: 'bee' });
    const asked: string[] = [];
    const refuse = (name: string) => async () => {
      asked.push(name);
      throw new Error('a source was asked');
    };
    const sources = new Map(
      [...parts.sources].map(([name, source]) => [
        name,
        { ...source, port: { ...source.port, refs: refuse('refs'), head: refuse('head'), project: refuse('project') } },
      ]),
    );
    const told = await statusOf({ ...parts, sources } as typeof parts, []);
    expect(told.projects).toMatchObject([{ head: before, planned: before }]);
    expect(asked).toEqual([]);
  });
});

describe('/healthz and /readyz', () => {
  it('tell strangers whether, and only those who may see all projects why not', async () => {
    await serve({ fault: FAULT });
    expect(await statusesOf('/healthz', [{}, { host: '10.0.0.7' }])).toEqual([200, 421]);
    for (const asked of [{}, { token: 'searching' }, { token: 'elsewhere' }])
      expect(await get('/readyz', asked)).toEqual({ status: 503, body: '{"ready":false}\n' });
    const { body } = await get('/readyz', { token: 'all' });
    expect(JSON.parse(body)).toEqual({ ready: false, reasons: [`default: ${FAULT}`] });
  });

  it('tell everything on the loopback while the configuration names nobody', async () => {
    await serve({ onLoopback: true, tokens: [], fault: FAULT });
    expect(JSON.parse((await get('/readyz')).body)).toEqual({ ready: false, reasons: [`default: ${FAULT}`] });
  });
});

describe('/metrics', () => {
  it('is free on the loopback, and elsewhere for a token of its scope, by whatever name', async () => {
    await serve({ onLoopback: true });
    expect(await statusesOf('/metrics', [{}, { host: 'tidemark.example.com' }])).toEqual([200, 401]);
    await server.close();
    await serve();
    const asked = [{}, { token: 'all' }, { token: 'figures' }];
    expect(await statusesOf('/metrics', asked)).toEqual([401, 403, 200]);
  });

  it('is not there where figures have a port of their own', async () => {
    await serve({ onLoopback: true, ownMetrics: true });
    expect((await get('/metrics')).status).toBe(404);
  });
});

describe('a fault of ours', () => {
  it('is told to the log and not to whoever asks', async () => {
    const failing = new Registry();
    failing.metrics = () => Promise.reject(new Error(FAULT));
    server = await openHttp({
      ...{ host: '127.0.0.1', port: 0, portOption: 'port', telemetry },
      pages: { '/metrics': figuresOf(failing) },
    });
    const { status, body } = await get('/metrics');
    expect([status, body.includes('secret')]).toEqual([500, false]);
    expect(telemetry.told).toEqual([['requestFailed', { error: FAULT }]]);
  });
});
