import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AnswerOf } from '../../src/api/questions.ts';
import { api } from '../../src/http/api.ts';
import { boundedAsk } from '../../src/http/bounded.ts';
import { callersOf } from '../../src/http/callers.ts';
import { always } from '../support/gitlab/faults.ts';
import { type SimulatedGitlab, simulatedGitlab } from '../support/gitlab/gitlab.ts';
import { type GitlabService, gitlabService } from '../support/gitlab-service.ts';
import { recordedTelemetry } from '../support/telemetry.ts';

const TOKENS = [
  { name: 'reporter', as: 'reporter' },
  { name: 'guest', as: 'Guest' },
  { name: 'unknown', as: 'nobody' },
  { name: 'reporter of open', as: 'reporter', projects: ['team/open'] },
  { name: 'guest of secret', as: 'guest', projects: ['team/secret'] },
].map((token) => ({ scopes: ['search' as const, 'status' as const], projects: [], ...token }));
const tokenOf = (name: string) => `the token of ${name}`.replaceAll(' ', '-');

let gitlab: SimulatedGitlab;
let service: GitlabService;
let server: Server;
let url: string;
let telemetry: ReturnType<typeof recordedTelemetry>;

const ask = (name: string, path: string, body?: unknown) =>
  fetch(`${url}${path}`, {
    headers: { authorization: `Bearer ${tokenOf(name)}` },
    ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
  });
const projectsOf = ({ hits }: AnswerOf<'search'>) => [...new Set(hits.map(({ project }) => project))].sort();
const found = async (name: string) =>
  projectsOf((await (await ask(name, '/v1/search', { query: 'tide', mode: 'lexical' })).json()) as AnswerOf<'search'>);
const foundOverMcp = async (name: string) => {
  const client = new Client({ name: 'test', version: '1' });
  const requestInit = { headers: { authorization: `Bearer ${tokenOf(name)}` } };
  await client.connect(new StreamableHTTPClientTransport(new URL(`${url}/mcp`), { requestInit }));
  try {
    const answer = await client.callTool({ name: 'search', arguments: { query: 'tide', mode: 'lexical' } });
    return projectsOf(answer.structuredContent as unknown as AnswerOf<'search'>);
  } finally {
    await client.close();
  }
};

beforeEach(async () => {
  gitlab = await simulatedGitlab();
  const open = await gitlab.project('team/open', { visibility: 'public' });
  const secret = await gitlab.project('team/secret');
  for (const project of [open, secret]) await gitlab.push(project, { files: [['tide.md', 'tide\n']] });
  const reporter = gitlab.user('reporter');
  gitlab.user('guest');
  secret.members.set(reporter.id, 20);
  service = await gitlabService(gitlab);
  void service.start();
  expect(await service.settled(open, secret)).toEqual([]);
  telemetry = recordedTelemetry();
  const handle = api({
    ...{ onLoopback: true, hosts: [], origins: [], version: '1', pipelines: [service.pipeline] },
    ask: boundedAsk(telemetry),
    callerOf: callersOf(
      TOKENS.map((token) => ({ ...token, token: tokenOf(token.name) })),
      [{ name: 'main', url: gitlab.origin }],
    ),
  });
  server = createServer((request, response) => {
    void handle(request, response, new URL(request.url ?? '/', 'http://localhost'));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}, 60_000);
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await service.close();
  await gitlab.close();
}, 30_000);

describe('a token that is bound to a user of GitLab', () => {
  it('finds what that user may read, over HTTP and MCP alike, and where it names projects what both allow', async () => {
    const expected = {
      reporter: ['team/open', 'team/secret'],
      guest: ['team/open'],
      unknown: [],
      'reporter of open': ['team/open'],
      'guest of secret': [],
    };
    for (const [name, projects] of Object.entries(expected)) {
      expect(await found(name), name).toEqual(projects);
      expect(await foundOverMcp(name), name).toEqual(projects);
    }
  }, 60_000);

  it('reads nothing, finds nothing like it and hears nothing of what that user may not read', async () => {
    const place = 'tide.md?project=team/secret';
    expect((await ask('reporter', `/v1/documents/${place}`)).status).toBe(200);
    for (const name of ['guest', 'unknown', 'guest of secret']) {
      const refused = await ask(name, `/v1/documents/${place}`);
      const missing = await ask(name, '/v1/documents/tide.md?project=team/none');
      expect([refused.status, await refused.text()], name).toEqual([404, await missing.text()]);
      const of = { project: 'team/secret', path: 'tide.md', line: 1 };
      expect((await ask(name, '/v1/similar', { of })).status, name).toBe(404);
      const { projects } = (await (await ask(name, '/v1/status')).json()) as AnswerOf<'status'>;
      expect(
        projects.map(({ path }) => path),
        name,
      ).toEqual(name === 'guest' ? ['team/open'] : []);
    }
  }, 60_000);

  it('gets no answer while GitLab cannot be asked, and hears nothing of what was asked there', async () => {
    gitlab.faults.push(always(/members/, { status: 503, body: '{}' }));
    const answer = await ask('guest', '/v1/search', { query: 'tide' });
    expect(answer.status).toBe(503);
    expect(await answer.json()).toEqual({ error: 'this cannot be answered now; the log of the service says why' });
    expect(JSON.stringify(telemetry.told)).toContain('members');
  }, 60_000);

  it('hears no number that counts what others read', async () => {
    const status = (await (await ask('guest', '/v1/status')).json()) as AnswerOf<'status'>;
    expect(status.store).toEqual({ up: true, documents: 1, points: null });
    expect([status.lanes, status.lag, status.deadLetters]).toEqual([null, null, null]);
    const { freshness } = (await (await ask('guest', '/v1/search', { query: 'tide' })).json()) as AnswerOf<'search'>;
    expect(freshness).toMatchObject({ fresh: true, pending: 0, events: null });
  }, 60_000);
});
