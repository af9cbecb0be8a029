/** Two GitLabs and a plain repository in one pipeline: whose name somebody bears on one says nothing on the other. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AnswerOf, answerTo } from '../../src/api/questions.ts';
import { parseCommand } from '../../src/cli/command.ts';
import { search } from '../../src/cli/commands/search.ts';
import { configSchema } from '../../src/config/schema.ts';
import { userOf } from '../../src/config/user.ts';
import { api } from '../../src/http/api.ts';
import { boundedAsk } from '../../src/http/bounded.ts';
import { callersOf } from '../../src/http/callers.ts';
import { asking } from '../../src/owner/access.ts';
import { perform } from '../../src/owner/perform.ts';
import { projectKey } from '../../src/records.ts';
import { statusOf } from '../../src/runs/status.ts';
import { mayReadAs } from '../../src/search/access-as.ts';
import { type SimulatedGitlab, simulatedGitlab, TOKEN } from '../support/gitlab/gitlab.ts';
import { type GitlabService, gitlabService } from '../support/gitlab-service.ts';
import { makeRepository, type TestRepository } from '../support/repository.ts';
import { recordedTelemetry } from '../support/telemetry.ts';

const TOKENS = ['jane@main', 'jane@extern', 'JANE@extern', 'blocked@main', 'before@main', 'after@main', 'jane@again'];
const bearerOf = (as: string) => `the-token-of-${as}`;

let main: SimulatedGitlab;
let extern: SimulatedGitlab;
let plain: TestRepository;
let service: GitlabService;
let server: Server;
let url: string;

const ask = async (as: string, path: string, body?: unknown) =>
  fetch(`${url}${path}`, {
    headers: { authorization: `Bearer ${bearerOf(as)}` },
    ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
  });
// biome-ignore lint/suspicious/noExplicitAny: whoever asks knows which answer it is.
const answered = async (as: string, path: string, body?: unknown): Promise<any> => (await ask(as, path, body)).json();
const textsOf = ({ hits }: Pick<AnswerOf<'search'>, 'hits'>) => hits.map(({ text }) => text.trim()).sort();

beforeAll(async () => {
  [main, extern, plain] = await Promise.all([simulatedGitlab(), simulatedGitlab(), makeRepository()]);
  await plain.commit({ files: [['tide.md', 'tide of plain\n']] });
  for (const [gitlab, name] of [
    [main, 'main'],
    [extern, 'extern'],
  ] as const) {
    const open = await gitlab.project('team/open', { visibility: 'public' });
    const secret = await gitlab.project('team/secret');
    await gitlab.push(open, {
      files: [
        ['open.md', `tide of ${name} open\n`],
        ['both.md', 'ebb of both\n'],
      ],
    });
    await gitlab.push(secret, {
      files: [
        ['secret.md', `tide of ${name} secret\n`],
        ['both.md', 'ebb of both\n'],
      ],
    });
    const jane = gitlab.user('jane');
    const blocked = gitlab.user('blocked', { state: 'blocked' });
    const renamed = gitlab.user('before');
    // The other Jane is a member of nothing.
    if (name === 'main') secret.members.set(jane.id, 20);
    for (const { id } of [blocked, renamed]) secret.members.set(id, 20);
    renamed.username = 'after';
  }
  const source = (name: string, { origin }: SimulatedGitlab, slash = '') => ({
    gitlab: { name, url: `${origin}${slash}`, token: TOKEN, groups: ['team'], requestsPerMinute: 100_000 },
  });
  const sources = [source('main', main), source('again', main, '/'), source('extern', extern)];
  service = await gitlabService(main, {
    pipeline: { sources: [...sources, { git: { path: plain.directory, name: 'plain' } }] },
  });
  expect((await service.backfill()).status).toBe('success');
  const handle = api({
    ...{ onLoopback: true, hosts: [], origins: [], version: '1', pipelines: [service.pipeline] },
    ask: boundedAsk(recordedTelemetry()),
    callerOf: callersOf(
      TOKENS.map((as) => ({ name: as, as, token: bearerOf(as), scopes: ['search', 'status'], projects: [] })),
      service.servers,
    ),
  });
  server = createServer((request, response) => {
    void handle(request, response, new URL(request.url ?? '/', 'http://localhost'));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}, 60_000);
afterAll(async () => {
  server?.closeAllConnections();
  server?.close();
  await service?.close();
  await Promise.all([main, extern].map((gitlab) => gitlab?.close()));
  await plain?.remove();
}, 30_000);

const MAIN_JANE = ['tide of main open', 'tide of main open', 'tide of main secret', 'tide of main secret'];
const EXPECTED: Readonly<Record<string, readonly string[]>> = {
  'jane@main': MAIN_JANE,
  // The same server under another name of ours.
  'jane@again': MAIN_JANE,
  'jane@extern': ['tide of extern open'],
  'JANE@extern': ['tide of extern open'],
  'blocked@main': [],
  'before@main': [],
  'after@main': MAIN_JANE,
};
const QUERY = { query: 'tide', mode: 'lexical' };

const command = async (as: string) => {
  const lines: string[] = [];
  const { args } = parseCommand(search, ['tide', '--mode', 'lexical', '--json', '--as', as]);
  const output = { line: async (text: string) => void lines.push(text), note: () => {}, progress: () => {} };
  const { signal } = new AbortController();
  const ask = asking((...asked) => perform(service.host, ...asked), configSchema.parse({}), 'default', signal);
  await search.run({ ask, pipeline: 'default', output, terminal: false, signal }, args);
  return JSON.parse(lines.join('')) as AnswerOf<'search'>;
};

describe('a user of one of several GitLabs', () => {
  it('finds what that user may read there, over HTTP, MCP and the command line, and nothing of the other or of a plain repository', async () => {
    for (const [as, texts] of Object.entries(EXPECTED)) {
      expect(textsOf(await answered(as, '/v1/search', QUERY)), as).toEqual(texts);
      expect(textsOf(await command(as)), as).toEqual(texts);
      const client = new Client({ name: 'test', version: '1' });
      const requestInit = { headers: { authorization: `Bearer ${bearerOf(as)}` } };
      await client.connect(new StreamableHTTPClientTransport(new URL(`${url}/mcp`), { requestInit }));
      const { structuredContent } = await client.callTool({ name: 'search', arguments: QUERY });
      await client.close();
      expect(textsOf(structuredContent as never), as).toEqual(texts);
    }
  });

  it('is told of no copy, no line and no likeness of what only the other one of that name may read', async () => {
    const copiesFor = async (as: string) => {
      const { hits } = (await answered(as, '/v1/search', { query: 'ebb of both' })) as AnswerOf<'search'>;
      const same = hits.filter(({ path }) => path === 'both.md');
      return same.flatMap(({ project, copies }) => [project, ...copies.map((copy) => copy.project)]).sort();
    };
    expect(await copiesFor('jane@extern')).toEqual(['team/open']);
    expect(await copiesFor('jane@main')).toEqual(['team/open', 'team/open', 'team/secret', 'team/secret']);
    for (const instance of ['main', 'extern'])
      expect((await ask('jane@extern', `/v1/documents/secret.md?project=${instance}/team/secret`)).status).toBe(404);
    expect((await ask('jane@main', '/v1/documents/secret.md?project=main/team/secret')).status).toBe(200);
    const of = { path: 'secret.md', project: 'main/team/secret' };
    expect((await ask('jane@extern', '/v1/similar', { of })).status).toBe(404);
    const like = await answered('jane@extern', '/v1/similar', { text: 'tide of main secret' });
    expect(textsOf(like)).toEqual(['ebb of both', 'tide of extern open']);
  });

  it('hears in the status of the projects that it may read, although another GitLab has some of the same path', async () => {
    const statusOf = async (as: string) => (await answered(as, '/v1/status')) as AnswerOf<'status'>;
    const told = await statusOf('jane@extern');
    expect(told.projects.map(({ instance, path }) => `${instance}:${path}`)).toEqual(['extern:team/open']);
    expect(told.webhooks.map(({ instance }) => instance)).toEqual(['extern']);
    const all = await statusOf('jane@main');
    expect(new Set(all.projects.map(({ instance }) => instance))).toEqual(new Set(['main', 'again']));
  });

  it('waits for what is fresh in its own projects alone', async () => {
    const found = (await answered('jane@extern', '/v1/search', { ...QUERY, fresh: true })) as AnswerOf<'search'>;
    expect(found.freshness).toMatchObject({ fresh: true, pending: 0 });
    expect(textsOf(found)).toEqual(EXPECTED['jane@extern']);
  });

  it('is a mistake at the command line without the instance, with one that is not there, and with an address of mail', async () => {
    await expect(command('jane')).rejects.toThrow(
      '--as: expected the instance too, as a user of one GitLab is somebody else on another: "jane@main", "jane@again" or "jane@extern", got "jane"',
    );
    await expect(command('jane@mian')).rejects.toThrow('expected an instance that is configured: "jane@main"');
    await expect(command('jane@example.com')).rejects.toThrow('got "jane@example.com"');
    await expect(command('@jane')).rejects.toThrow('--as: expected a user of GitLab, as "jane" or "jane@instance"');
  });
});

it('a wait that names a project is told to those who may read that one, not one of the same path elsewhere', async () => {
  const [secret] = main.world.projects.filter(({ path }) => path === 'team/secret');
  if (!secret) throw new Error('there is no such project');
  const { state } = service.parts;
  const key = projectKey({ instance: 'extern', project: String(secret.id) });
  const row = (await state.read('projects', [key])).get(key);
  if (!row) throw new Error('the project has no row');
  const blocked = { reason: 'it refuses us', at: 0 };
  await state.raise('projects', [{ ...row, seq: row.seq + 1, value: { ...row.value, blocked } }]);
  const waiting = ({ waits }: AnswerOf<'status'>) =>
    waits.flatMap(({ on, of }) => (on === 'project' ? [of?.instance] : []));
  expect(waiting(await statusOf(service.parts, service.pipeline.dependencies()))).toEqual(['extern']);
  expect(waiting(await answered('jane@main', '/v1/status'))).toEqual([]);
});

it('a GitLab that does not answer is named to those alone who may read something there', async () => {
  const sources = new Map(
    [...service.parts.sources].map(([name, source]) => [
      name,
      { ...source, dependency: { ...source.dependency, downSince: () => 0 } },
    ]),
  );
  const down = [...sources.values()].map(({ dependency }) => dependency);
  const status = await statusOf({ ...service.parts, sources }, down);
  const named = ({ waits }: AnswerOf<'status'>) =>
    waits.flatMap(({ on, name }) => (on === 'dependency' ? [name] : [])).sort();
  expect(named(status)).toEqual(['git', 'gitlab again', 'gitlab extern', 'gitlab main']);
  const told = await answerTo(
    'status',
    {
      pipeline: { ...service.pipeline, status: async () => status },
      mayRead: mayReadAs(service.parts, userOf('jane@extern', service.servers)),
      signal: new AbortController().signal,
    },
    {},
  );
  expect(named(told)).toEqual(['gitlab extern']);
});
