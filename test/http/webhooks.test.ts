import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Listener } from '../../src/http/listener.ts';
import { openHttp } from '../../src/http/server.ts';
import type { BodyLimits } from '../../src/http/webhooks/bodies.ts';
import { type News, newsOf } from '../../src/http/webhooks/events.ts';
import { gitlabWebhooks, type WebhookOptions } from '../../src/http/webhooks/webhooks.ts';
import { KIB, MIB } from '../../src/units.ts';
import { realTime } from '../support/git-source.ts';
import { headersOf, signature } from '../support/gitlab/deliveries.ts';
import { recordedTelemetry } from '../support/telemetry.ts';

const SIGNING = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const OLD_SIGNING = `whsec_${Buffer.alloc(32, 9).toString('base64')}`;
const PLAIN = 'a-plain-secret';
const A = 'a'.repeat(40);
const B = 'b'.repeat(40);
const ZEROS = '0'.repeat(40);

const PUSH = {
  ...{ object_kind: 'push', event_name: 'push', before: A, after: B, ref: 'refs/heads/main', checkout_sha: B },
  ...{ user_id: 4, project_id: 15, total_commits_count: 1 },
  project: {
    id: 15,
    path_with_namespace: 'team/handbook',
    default_branch: 'main',
    web_url: 'https://g.example/team/handbook',
  },
  commits: [{ id: B, added: ['x'], modified: [], removed: [] }],
};

let server: Listener;
let options: { -readonly [Name in keyof WebhookOptions]?: WebhookOptions[Name] };
let filed: News[];
const telemetry = recordedTelemetry();

const hookOf = (of: { token?: string; signingToken?: string } = {}) => ({
  ...{
    id: 1,
    url: '',
    token: of.token,
    signingToken: of.signingToken,
    events: {},
    failures: 0,
    disabledUntil: undefined,
  },
});
const send = (body: string, headers: Record<string, string>) =>
  fetch(`${server.url}/webhooks/gitlab`, { method: 'POST', headers, body });
const signed = (payload: unknown, { now = Date.now(), id = crypto.randomUUID() as string, token = SIGNING } = {}) => {
  const body = JSON.stringify(payload);
  const delivery = { hook: hookOf({ signingToken: token }), event: 'Push Hook', id, body };
  return { body, headers: headersOf(delivery, 'https://g.example', now) as Record<string, string> };
};
const post = async (payload: unknown, of: Parameters<typeof signed>[1] = {}) => {
  const { body, headers } = signed(payload, of);
  const response = await send(body, headers);
  return { status: response.status, said: (await response.json()) as { outcome: string; reason?: string } };
};

beforeEach(async () => {
  filed = [];
  options = {};
  telemetry.forget();
  const handler = gitlabWebhooks({
    ...{ secrets: [SIGNING, OLD_SIGNING, PLAIN], time: realTime, telemetry },
    unavailable: () => options.unavailable?.(),
    async file(news, instance) {
      const hints = await (options.file?.(news, instance) ?? Promise.resolve(1));
      filed.push(news);
      return hints;
    },
  });
  server = await openHttp({
    ...{ host: '127.0.0.1', port: 0, portOption: 'port', pages: {}, telemetry },
    receivers: { '/webhooks/gitlab': handler },
  });
});
afterEach(() => server.close());

describe('who is believed', () => {
  it('a signature by any secret of ours, among several, is taken; after the log has the hint it is 2xx', async () => {
    expect((await post(PUSH)).said).toEqual({ outcome: 'filed' });
    expect((await post(PUSH, { token: OLD_SIGNING })).status).toBe(200);
    const { body, headers } = signed(PUSH);
    const several = { ...headers, 'webhook-signature': `v1,AAAA v2,x ${headers['webhook-signature']}` };
    expect((await send(body, several)).status).toBe(200);
    expect(filed).toHaveLength(3);
  });

  it('a plain token is taken where there is no signature', async () => {
    const body = JSON.stringify(PUSH);
    expect((await send(body, { 'x-gitlab-token': PLAIN })).status).toBe(200);
    expect((await send(body, { 'x-gitlab-token': `${PLAIN}x` })).status).toBe(401);
    expect((await send(body, { 'x-gitlab-token': SIGNING })).status).toBe(401);
    expect((await send(body, {})).status).toBe(401);
    expect(filed).toHaveLength(1);
  });

  it('a bad signature never falls back to a good plain token', async () => {
    const { body, headers } = signed(PUSH, { token: `whsec_${Buffer.alloc(32, 1).toString('base64')}` });
    expect((await send(body, { ...headers, 'x-gitlab-token': PLAIN })).status).toBe(401);
    expect(filed).toEqual([]);
  });

  it('a body, an id or a time that was changed is forged', async () => {
    const { body, headers } = signed(PUSH);
    expect((await send(body.replace('main', 'evil'), headers)).status).toBe(401);
    expect((await send(body, { ...headers, 'webhook-id': 'another' })).status).toBe(401);
    const later = String(Number(headers['webhook-timestamp']) + 1);
    expect((await send(body, { ...headers, 'webhook-timestamp': later })).status).toBe(401);
    const { 'webhook-timestamp': _, ...without } = headers;
    expect((await send(body, without)).status).toBe(401);
    expect(filed).toEqual([]);
  });

  it('a replay after five minutes is refused, whatever clocks say within them (E36)', async () => {
    expect((await post(PUSH, { now: Date.now() - 6 * 60_000 })).status).toBe(401);
    expect((await post(PUSH, { now: Date.now() + 6 * 60_000 })).status).toBe(401);
    expect((await post(PUSH, { now: Date.now() - 4 * 60_000 })).status).toBe(200);
    expect((await post(PUSH, { now: Date.now() + 4 * 60_000 })).status).toBe(200);
    expect(filed).toHaveLength(2);
  });

  it('the vector of GitLab is verified', () => {
    const token = 'whsec_dGVzdHRlc3R0ZXN0dGVzdHRlc3R0ZXN0dGVzdHRlc3Q=';
    const body = '{"object_kind":"push","ref":"refs/heads/main"}';
    expect(signature(token, 'f5e5f430-f57b-4e6e-9fac-d9128cd7232f', '1744578123', body)).toBe(
      'v1,JJLPUQdHVZhy2g97l6D7t6vUjYNtwb+uAtztp44KhxE=',
    );
  });
});

describe('what is refused', () => {
  it.each(['', 'not json', '{"object_kind":', 'object_kind=push', '\u0000'])(
    'a body that is no JSON: %j',
    async (body) => {
      const delivery = { hook: hookOf({ signingToken: SIGNING }), event: 'Push Hook', id: 'x', body };
      const response = await send(body, headersOf(delivery, 'https://g.example') as Record<string, string>);
      expect(response.status).toBe(400);
      expect(await response.text()).not.toMatch(/ at |Error/);
      expect(filed).toEqual([]);
    },
  );

  it('more than 25 MB, said or sent', async () => {
    const said = request(`${server.url}/webhooks/gitlab`, {
      method: 'POST',
      headers: { 'x-gitlab-token': PLAIN, 'content-length': String(26 * MIB) },
    });
    said.on('error', () => undefined).flushHeaders();
    const [response] = await once(said, 'response');
    expect(response.statusCode).toBe(413);
    said.destroy();
    const sent = request(`${server.url}/webhooks/gitlab`, { method: 'POST', headers: { 'x-gitlab-token': PLAIN } });
    const over = new Promise((resolve) => sent.on('error', resolve).on('response', (one) => resolve(one.statusCode)));
    const chunk = Buffer.alloc(MIB, 'x');
    for (let at = 0; at < 27 && !sent.destroyed; at += 1) sent.write(chunk);
    expect(await over).toBe(413);
    sent.destroy();
    expect(filed).toEqual([]);
  });

  it('a body that is cut off leaves nothing behind', async () => {
    const { body, headers } = signed(PUSH);
    const sending = request(`${server.url}/webhooks/gitlab`, {
      method: 'POST',
      headers: { ...headers, 'content-length': String(Buffer.byteLength(body)) },
    });
    sending.on('error', () => undefined).write(body.slice(0, 20));
    setTimeout(() => sending.destroy(), 50);
    while (telemetry.told.length === 0) await realTime.sleep(10);
    expect(telemetry.told[0]?.[1]).toMatchObject({ outcome: 'refused' });
    expect(filed).toEqual([]);
  });

  it('another method, and all without a secret', async () => {
    expect((await fetch(`${server.url}/webhooks/gitlab`)).status).toBe(405);
  });
});

/** Small, so that a test fills them. */
const LIMITS: BodyLimits = {
  ...{ maxBytes: 400 * KIB, maxStrangersBytes: 300 * KIB, maxBytesOfOne: 200 * KIB, maxBodiesOfOne: 4 },
  ...{ freeBytes: 16 * KIB, readMs: 30_000 },
};

describe('senders who are slow', () => {
  const stalled: ClientRequest[] = [];
  afterEach(() => {
    for (const one of stalled.splice(0)) one.destroy();
  });
  const listen = async (limits: Partial<BodyLimits> = {}) => {
    await server.close();
    const handler = gitlabWebhooks({
      ...{ secrets: [SIGNING, PLAIN], time: realTime, telemetry, limits: { ...LIMITS, ...limits } },
      ...{ unavailable: () => undefined, file: async () => 1 },
    });
    server = await openHttp({
      ...{ host: '127.0.0.1', port: 0, portOption: 'port', pages: {}, telemetry },
      receivers: { '/webhooks/gitlab': handler },
    });
  };
  /** Sends a part of what it announces, and no more. */
  const stall = (headers: Record<string, string>, sent = 0, from = '127.0.0.1') => {
    const sending = request(`${server.url}/webhooks/gitlab`, {
      ...{ method: 'POST', localAddress: from },
      headers: { ...headers, 'content-length': String(20 * MIB) },
    });
    sending.on('error', () => undefined).flushHeaders();
    if (sent > 0) sending.write(Buffer.alloc(sent, ' '));
    stalled.push(sending);
    return new Promise<IncomingMessage>((resolve) => sending.on('response', resolve));
  };
  const strange = () => ({
    'webhook-signature': 'v1,AAAA',
    'webhook-timestamp': String(Math.floor(Date.now() / 1_000)),
  });
  const large = (bytes: number) => ({ ...PUSH, commits: [{ id: B, message: 'x'.repeat(bytes) }] });
  const plain = (payload: unknown) => send(JSON.stringify(payload), { 'x-gitlab-token': PLAIN });

  it('a token that nobody knows is refused before its body, and so is a signature that no body could prove', async () => {
    await listen();
    for (const headers of [
      { 'x-gitlab-token': 'nonsense' },
      { ...strange(), 'webhook-timestamp': '1' },
      { 'webhook-signature': 'v1,AAAA' },
    ])
      expect((await stall(headers)).statusCode).toBe(401);
  });

  it('strangers who stall keep out neither those with a token nor what is small', async () => {
    await listen();
    for (const from of ['127.0.0.1', '127.0.0.2']) void stall(strange(), 150 * KIB, from);
    await realTime.sleep(200);
    expect((await plain(large(60 * KIB))).status).toBe(200);
    expect((await post(PUSH)).status).toBe(200);
    expect((await post(large(8 * KIB))).status).toBe(200);
  });

  it('what there is no room for is to come again, and is not called too large', async () => {
    await listen();
    void stall(strange(), 150 * KIB);
    await realTime.sleep(200);
    const { body, headers } = signed(large(150 * KIB));
    const refused = await send(body, headers);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '60']);
    for (const one of stalled.splice(0)) one.destroy();
    await expect.poll(async () => (await send(body, headers)).status).toBe(200);
  });

  it('one who has begun many bodies is told to come again with the next', async () => {
    await listen();
    for (let count = 0; count < LIMITS.maxBodiesOfOne; count += 1) void stall(strange());
    await realTime.sleep(200);
    expect((await post(PUSH)).status).toBe(503);
    expect((await plain(PUSH)).status).toBe(200);
  });

  it('a body that does not come in time is not waited for', async () => {
    await listen({ readMs: 100 });
    expect((await stall(strange(), 20 * KIB)).statusCode).toBe(408);
    expect((await stall({ 'x-gitlab-token': PLAIN })).statusCode).toBe(408);
  });
});

describe('what is taken once', () => {
  it('a delivery that comes again, and not one that was never written (E31)', async () => {
    options.unavailable = () => 'the log does not answer';
    const again = { id: 'the-same' };
    expect((await post(PUSH, again)).said).toMatchObject({ outcome: 'unavailable', reason: 'the log does not answer' });
    options.unavailable = () => undefined;
    expect((await post(PUSH, again)).said.outcome).toBe('filed');
    expect((await post(PUSH, again)).said).toEqual({ outcome: 'dropped', reason: 'delivered before' });
    expect(filed).toHaveLength(1);
  });

  it('a log that fails is 503 with its reason, so that GitLab notes it', async () => {
    options.file = async () => {
      throw new Error('log: append failed: no space left');
    };
    const { status, said } = await post(PUSH);
    expect(status).toBe(503);
    expect(said.reason).toContain('no space left');
  });
});

/** In the shapes of doc/user/project/integrations/webhook_events.md and doc/administration/system_hooks.md. */
describe('every kind of event', () => {
  const project = {
    id: 15,
    path_with_namespace: 'team/handbook',
    default_branch: 'main',
    web_url: 'https://g.example/team/handbook',
  };
  const system = { project_id: 15, path_with_namespace: 'team/handbook', owners: [{ name: 'x' }] };
  const told = { project: '15', path: 'team/handbook' };

  it.each<[string, unknown, object]>([
    ['push', PUSH, { is: 'push', ...told, moved: [{ ref: 'main', before: A, after: B }], defaultBranch: 'main' }],
    [
      'push of a new branch',
      { ...PUSH, before: ZEROS },
      { is: 'push', moved: [{ ref: 'main', before: null, after: B }] },
    ],
    [
      'deletion of a branch',
      { ...PUSH, after: ZEROS, checkout_sha: null, commits: [] },
      { is: 'push', moved: [{ ref: 'main', before: A, after: null }] },
    ],
    [
      'push of a repository of SHA-256',
      { ...PUSH, before: '0'.repeat(64), after: 'c'.repeat(64) },
      { is: 'push', moved: [{ before: null, after: 'c'.repeat(64) }] },
    ],
    [
      'tag (E26)',
      { ...PUSH, object_kind: 'tag_push', event_name: 'tag_push', ref: 'refs/tags/v1' },
      { is: 'push', moved: [] },
    ],
    [
      'test, whose commits have no files (E51)',
      { ...PUSH, commits: [{ id: B, message: 'x' }] },
      { is: 'push', moved: [{ ref: 'main' }] },
    ],
    [
      'push of a system hook, whose project has no id',
      { ...PUSH, project: { path_with_namespace: 'team/handbook', default_branch: 'main' }, commits: [] },
      { is: 'push', ...told },
    ],
    [
      'repository_update',
      {
        event_name: 'repository_update',
        project_id: 15,
        project,
        changes: [{ before: A, after: B, ref: 'refs/heads/x' }],
        refs: ['refs/heads/x'],
      },
      { is: 'push', moved: [{ ref: 'x', before: A, after: B }] },
    ],
    [
      'wiki page (E53)',
      { object_kind: 'wiki_page', project, wiki: {}, object_attributes: { action: 'delete', slug: 'a' } },
      { is: 'wiki', ...told },
    ],
    ...['project_create', 'project_rename', 'project_transfer', 'project_update'].map(
      (event_name): [string, unknown, object] => [
        event_name,
        { event_name, ...system },
        { is: 'project', ...told, destroyed: false },
      ],
    ),
    ['project_destroy', { event_name: 'project_destroy', ...system }, { is: 'project', ...told, destroyed: true }],
    [
      'group_rename',
      { event_name: 'group_rename', full_path: 'crew', old_full_path: 'team', group_id: 3 },
      { is: 'group', paths: ['team', 'crew'] },
    ],
    [
      'subgroup_create',
      { event_name: 'subgroup_create', full_path: 'team/x', group_id: 3 },
      { is: 'group', paths: ['team/x'] },
    ],
    ...[
      'issue',
      'work_item',
      'note',
      'merge_request',
      'pipeline',
      'build',
      'deployment',
      'release',
      'feature_flag',
      'emoji',
      'access_token',
      'vulnerability',
    ].map((object_kind): [string, unknown, object] => [
      object_kind,
      { object_kind, project, object_attributes: { id: 1, action: 'open' } },
      { is: 'other', kind: object_kind },
    ]),
    ...['user_add_to_group', 'user_add_to_team', 'key_create', 'user_create'].map(
      (event_name): [string, unknown, object] => [
        event_name,
        { event_name, user_id: 4, group_id: 3 },
        { is: 'other', kind: event_name },
      ],
    ),
    ['a number', 5, { is: 'strange' }],
    ['a list', [], { is: 'strange' }],
    ['a project without an id', { object_kind: 'push', ref: 'refs/heads/main' }, { is: 'strange' }],
    ['ids that are none', { ...PUSH, after: '../../x' }, { is: 'push', moved: [] }],
  ])('%s', async (_, payload, expected) => {
    expect(newsOf(payload)).toMatchObject(expected);
    expect((await post(payload)).status).toBe(200);
    const { is } = newsOf(payload);
    expect(filed).toHaveLength(is === 'other' || is === 'strange' ? 0 : 1);
  });
});
