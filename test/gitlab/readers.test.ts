import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { resync } from '../../src/clock/resync.ts';
import { userOf } from '../../src/config/user.ts';
import { projectKey } from '../../src/records.ts';
import { mayReadAs } from '../../src/search/access-as.ts';
import { search } from '../../src/search/search.ts';
import { eventually } from '../support/executable.ts';
import { always } from '../support/gitlab/faults.ts';
import { type SimulatedGitlab, simulatedGitlab } from '../support/gitlab/gitlab.ts';
import type { SimulatedProject } from '../support/gitlab/world.ts';
import { type GitlabService, gitlabService } from '../support/gitlab-service.ts';

const SIGNING = `whsec_${Buffer.alloc(32, 6).toString('base64')}`;
const never = new AbortController().signal;
let gitlab: SimulatedGitlab;
let service: GitlabService;
let open: SimulatedProject;
let inner: SimulatedProject;
let secret: SimulatedProject;

const named = (user: string) => userOf(user, service.servers);
const found = async (user?: string, limit = 20) => {
  const reader = user === undefined ? {} : { mayRead: mayReadAs(service.pipeline.parts, named(user)) };
  const { hits } = await search(service.parts, { text: 'tide', mode: 'lexical', limit, ...reader });
  return [...new Set(hits.map(({ project }) => project))].sort();
};
const visibilityOf = async (project: SimulatedProject) => {
  const key = projectKey({ instance: 'main', project: String(project.id) });
  return (await service.parts.state.read('projects', [key])).get(key)?.value.visibility;
};

beforeEach(async () => {
  gitlab = await simulatedGitlab();
  open = await gitlab.project('team/open', { visibility: 'public' });
  inner = await gitlab.project('team/inner', { visibility: 'internal' });
  secret = await gitlab.project('team/secret');
  for (const project of [open, inner, secret])
    await gitlab.push(project, {
      files: Array.from({ length: 3 }, (_, at): [string, string] => [`t${at}.md`, `tide ${at} tide\n`]),
    });
  service = await gitlabService(gitlab);
  void service.start();
  expect(await service.settled(open, inner, secret)).toEqual([]);
  await eventually(
    () => visibilityOf(secret),
    (now) => now === 'private',
  );
  await eventually(
    () => visibilityOf(inner),
    (now) => now === 'internal',
  );
  await eventually(
    () => visibilityOf(open),
    (now) => now === 'public',
  );
}, 60_000);
afterEach(async () => {
  await service.close();
  await gitlab.close();
}, 30_000);

describe('search as somebody', () => {
  it('finds what that user may read, and tells nobody who is unknown from who is forbidden (E44)', async () => {
    const reporter = gitlab.user('reporter');
    const guest = gitlab.user('guest');
    gitlab.user('outsider');
    gitlab.user('stranger', { external: true });
    secret.members.set(reporter.id, 20);
    secret.members.set(guest.id, 10);
    expect(await found()).toEqual(['team/inner', 'team/open', 'team/secret']);
    expect(await found('reporter')).toEqual(['team/inner', 'team/open', 'team/secret']);
    expect(await found('Guest')).toEqual(['team/inner', 'team/open']);
    expect(await found('outsider')).toEqual(['team/inner', 'team/open']);
    expect(await found('stranger')).toEqual(['team/open']);
    expect(await found('nobody')).toEqual([]);
    // The places of what is not shown are others'.
    const { hits } = await search(service.parts, {
      text: 'tide',
      mode: 'lexical',
      limit: 3,
      mayRead: mayReadAs(service.pipeline.parts, named('stranger')),
    });
    expect(hits.map(({ project }) => project)).toEqual(['team/open', 'team/open', 'team/open']);
  }, 60_000);

  it('asks once of a group, however many projects are in it, and of each project where that says no', async () => {
    const member = gitlab.user('member');
    const guest = gitlab.user('guest');
    const hidden = await Promise.all([0, 1, 2].map((at) => gitlab.project(`team/sub/hidden-${at}`)));
    for (const project of hidden) await gitlab.push(project, { files: [['t.md', 'tide tide\n']] });
    await resync(service.parts, never);
    expect(await service.settled(...hidden)).toEqual([]);
    for (const project of hidden)
      await eventually(
        () => visibilityOf(project),
        (now) => now === 'private',
      );
    const group = gitlab.world.groups.find(({ path }) => path === 'team');
    group?.members.set(member.id, 20);
    group?.members.set(guest.id, 10);
    hidden[1]?.members.set(guest.id, 30);
    const asked = async (user: string) => {
      const before = gitlab.seen.length;
      const projects = await found(user, 50);
      const paths = gitlab.seen.slice(before).map(({ path }) => path);
      return {
        projects,
        groups: paths.filter((path) => /^\/groups\/.*members/.test(path)).length,
        single: paths.filter((path) => /^\/projects\/.*members/.test(path)).length,
      };
    };
    expect(await asked('member')).toMatchObject({
      projects: ['team/inner', 'team/open', 'team/secret', ...hidden.map(({ path }) => path)],
      ...{ groups: 1, single: 0 },
    });
    expect(await asked('guest')).toMatchObject({
      projects: ['team/inner', 'team/open', 'team/sub/hidden-1'],
      groups: 2,
      single: 4,
    });
    expect(await asked('guest')).toMatchObject({ groups: 0, single: 0 });
    gitlab.faults.push(always(/groups\/.*members/, { status: 403, body: '{"message":"403 Forbidden"}' }));
    const late = gitlab.user('late');
    hidden[2]?.members.set(late.id, 20);
    expect(await found('late', 50)).toEqual(['team/inner', 'team/open', 'team/sub/hidden-2']);
  }, 60_000);

  it('says so when GitLab cannot be asked, and shows nothing', async () => {
    gitlab.user('outsider');
    gitlab.faults.push(always(/users/, { status: 503, body: '{}' }));
    await expect(found('outsider')).rejects.toThrow(/503/);
  }, 60_000);

  it('a hundred flips of a project under backfill are followed at once (E44)', async () => {
    gitlab.user('outsider');
    const url = await service.receive([SIGNING]);
    gitlab.hook(gitlab.world.systemHooks, { url, signingToken: SIGNING });
    await gitlab.push(open, {
      files: Array.from({ length: 300 }, (_, at): [string, string] => [`many/${at}.md`, `tide ${at}\n`]),
    });
    await resync(service.parts, never);
    const late: string[] = [];
    let polls = 0;
    for (let flip = 0; flip < 100; flip += 1) {
      const visibility = flip % 2 === 0 ? 'private' : 'public';
      await gitlab.show(open, { visibility });
      await eventually(
        () => visibilityOf(open),
        (now) => now === visibility,
      );
      const hits = await found('outsider', 50);
      polls += 1;
      if (visibility === 'private' && hits.includes('team/open')) late.push(`flip ${flip}`);
    }
    expect(late).toEqual([]);
    expect(polls).toBe(100);
    expect(await found('outsider')).toContain('team/open');
  }, 120_000);
});
