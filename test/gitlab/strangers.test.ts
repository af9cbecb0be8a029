/** Whoever has the secret of the hooks may send what they like: nothing of what they make up stays. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { lagOf, sumOf } from '../../src/state/lag.ts';
import { rows } from '../../src/state/pages.ts';
import { headersOf } from '../support/gitlab/deliveries.ts';
import { type SimulatedGitlab, simulatedGitlab } from '../support/gitlab/gitlab.ts';
import type { SimulatedProject } from '../support/gitlab/world.ts';
import { type GitlabService, gitlabService } from '../support/gitlab-service.ts';

const SIGNING = `whsec_${Buffer.alloc(32, 5).toString('base64')}`;
const [A, B] = ['a'.repeat(40), 'b'.repeat(40)];

let gitlab: SimulatedGitlab;
let service: GitlabService;
let ours: SimulatedProject;
let elsewhere: SimulatedProject;
let url: string;

const stateOf = async () => {
  const keys: string[] = [];
  for (const table of ['projects', 'refs', 'sweeps'] as const)
    for await (const { key } of rows(service.parts.state, table, table)) keys.push(`${table} ${key}`);
  return keys.sort();
};
const send = async (payload: unknown) => {
  const hook = gitlab.hook([], { url, signingToken: SIGNING });
  const body = JSON.stringify(payload);
  const headers = headersOf({ hook, event: 'Push Hook', id: crypto.randomUUID(), body }, gitlab.origin, Date.now());
  const response = await fetch(url, { method: 'POST', body, headers: headers as Record<string, string> });
  return { status: response.status, ...((await response.json()) as { outcome: string; reason?: string }) };
};
const push = (id: unknown, path: string, ref = 'refs/heads/main') => ({
  ...{ object_kind: 'push', event_name: 'push', before: A, after: B, ref, project_id: id },
  project: { id, path_with_namespace: path, default_branch: 'main', web_url: `${gitlab.origin}/${path}` },
});
const atRest = async () => {
  for (const until = Date.now() + 20_000; sumOf(await lagOf(service.parts)) > 0; )
    if (Date.now() > until) throw new Error('it does not come to rest');
};

beforeAll(async () => {
  gitlab = await simulatedGitlab();
  ours = await gitlab.project('team/ours');
  elsewhere = await gitlab.project('other/elsewhere');
  for (const project of [ours, elsewhere]) await gitlab.push(project, { files: [['a.md', 'ant\n']] });
  service = await gitlabService(gitlab, { gitlab: { refs: ['main', 'made-up-*'] } });
  void service.start();
  url = await service.receive([SIGNING]);
  expect(await service.settled(ours)).toEqual([]);
}, 60_000);
afterAll(async () => {
  await service?.close();
  await gitlab?.close();
}, 30_000);

it('a project that is not there, or that the configuration does not lead to, leaves no row', async () => {
  const before = await stateOf();
  for (let id = 900_001; id <= 900_020; id += 1) await send(push(id, 'team/made-up'));
  await send(push(elsewhere.id, 'team/ours-in-truth'));
  await send({ event_name: 'project_destroy', project_id: 900_021, path_with_namespace: 'team/made-up' });
  await atRest();
  expect(await stateOf()).toEqual(before);
}, 30_000);

it('a branch that is not there leaves no row', async () => {
  const before = await stateOf();
  const gone = '0'.repeat(40);
  for (let number = 1; number <= 20; number += 1)
    await send({ ...push(ours.id, 'team/ours', `refs/heads/made-up-${number}`), after: gone });
  await atRest();
  expect(await stateOf()).toEqual(before);
}, 30_000);

it.each([1e308, 1.5, -1, 0, 2 ** 53, '15'])('an id that GitLab cannot give files nothing (%s)', async (id) => {
  expect(await send(push(id, 'team/made-up'))).toMatchObject({ status: 200, outcome: 'dropped' });
});

it.each(['team/a b', 'team//a', 'team/\u0000', '/team/a', `team/${'x'.repeat(5_000)}`, 'team/../a\n'])(
  'a path that GitLab cannot give files nothing (%j)',
  async (path) => {
    expect(await send(push(7, path))).toMatchObject({
      ...{ status: 200, outcome: 'dropped' },
      reason: expect.stringContaining('not the shape of GitLab'),
    });
  },
);

it('a body that is wrong a million times over is answered in a few lines, and soon', async () => {
  const { reason = '' } = await send({ ...push(ours.id, 'team/ours'), changes: new Array(1_000_000).fill(1) });
  expect(reason).toContain('not the shape of GitLab');
  expect(reason.length).toBeLessThan(1_000);
}, 20_000);

it('a hook of any number of branches files a hundred looks at most', async () => {
  const { topics } = service.parts.names;
  const endOf = async () => (await service.parts.log.bounds(topics.events)).reduce((sum, { end }) => sum + end, 0);
  // Of its head, as one that nobody has is waited for.
  const head = await ours.repository.git('rev-parse', 'refs/heads/main');
  const changes = Array.from({ length: 5_000 }, () => ({ before: A, after: head, ref: 'refs/heads/main' }));
  const before = await endOf();
  await send({ ...push(ours.id, 'team/ours'), event_name: 'repository_update', changes });
  expect((await endOf()) - before).toBeLessThanOrEqual(100);
});
