import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { resync } from '../../src/clock/resync.ts';
import { projectKey, refKey } from '../../src/records.ts';
import { search } from '../../src/search/search.ts';
import { eventually } from '../support/executable.ts';
import { always } from '../support/gitlab/faults.ts';
import { type SimulatedGitlab, simulatedGitlab } from '../support/gitlab/gitlab.ts';
import type { SimulatedProject } from '../support/gitlab/world.ts';
import { type GitlabService, gitlabService, type ServiceOptions } from '../support/gitlab-service.ts';

const SIGNING = `whsec_${Buffer.alloc(32, 3).toString('base64')}`;
const never = new AbortController().signal;

let gitlab: SimulatedGitlab;
let project: SimulatedProject;
let service: GitlabService;

const start = async (options: ServiceOptions = {}) => {
  service = await gitlabService(gitlab, options);
  void service.start();
  const url = await service.receive([SIGNING]);
  gitlab.hook(project.hooks, { url, signingToken: SIGNING });
  gitlab.hook(gitlab.world.systemHooks, { url, signingToken: SIGNING });
  expect(await service.settled(project)).toEqual([]);
};
const row = async () => {
  const key = projectKey({ instance: 'main', project: String(project.id) });
  return (await service.parts.state.read('projects', [key])).get(key)?.value;
};
const found = async (text: string) =>
  (await search(service.parts, { text, mode: 'lexical', limit: 20 })).hits.map(
    ({ path, project: name }) => `${name} ${path}`,
  );
const resyncNow = () => resync(service.parts, never);
const embedded = () => service.telemetry.told.length;

beforeEach(async () => {
  gitlab = await simulatedGitlab();
  project = await gitlab.project('team/handbook');
  await gitlab.push(project, {
    files: [
      ['docs/tides.md', '# Tides\n\nThe moon pulls.\n'],
      ['a.md', 'alpha\n'],
    ],
  });
});
afterEach(async () => {
  await service.close();
  await gitlab.close();
});

describe('pushes, from git to the index', () => {
  it('a change, a rename, a force push, a deletion and a merge are followed (E5, E22, E27, E29, E30)', async () => {
    await start();
    const first = await gitlab.push(project, { files: [['b.md', 'beta\n']] });
    expect(await service.settled(project)).toEqual([]);
    await gitlab.push(project, {
      files: [
        ['b.md', null],
        ['sub/c.md', 'beta\n'],
      ],
    });
    expect(await service.settled(project)).toEqual([]);
    expect(await found('beta')).toEqual(['team/handbook sub/c.md']);
    await gitlab.push(project, { files: [['only.md', 'gamma\n']], orphan: true });
    expect(await service.settled(project)).toEqual([]);
    expect(await found('alpha')).toEqual([]);
    const work = await gitlab.workOf(project.repository);
    for (let at = 0; at < 25; at += 1) await work.commit({ files: [[`many-${at}.md`, `many ${at}\n`]] });
    await gitlab.pushRefs(project, 'refs/heads/main:refs/heads/main');
    expect(await service.settled(project)).toEqual([]);
    await gitlab.pushRefs(project, `${first}:refs/heads/main`);
    expect(await service.settled(project)).toEqual([]);
    expect(await found('alpha')).toEqual(['team/handbook a.md']);
    expect(gitlab.sent.every(({ status }) => status === 200)).toBe(true);
  }, 60_000);

  it('what no event tells, because it was lost or the push had four branches, the next resync finds (E28, E35)', async () => {
    await start({ gitlab: { refs: ['main', 'release/*'] } });
    gitlab.carryBy(async () => {});
    await gitlab.push(project, { files: [['lost.md', 'lost\n']] });
    await gitlab.pushRefs(project, ...['a', 'b', 'c', 'd'].map((name) => `refs/heads/main:refs/heads/release/${name}`));
    expect(await service.differences(project)).not.toEqual([]);
    await resyncNow();
    expect(await service.settled(project)).toEqual([]);
    expect(await found('lost')).toHaveLength(5);
    await gitlab.pushRefs(project, ':refs/heads/release/a');
    await resyncNow();
    expect(await service.settled(project)).toEqual([]);
    expect(await found('lost')).toHaveLength(4);
  }, 60_000);

  it('events that come twice, late and in the wrong order end in what git has (E31, E32, E34)', async () => {
    const kept: Parameters<SimulatedGitlab['deliverNow']>[0][] = [];
    await start();
    gitlab.carryBy(async (delivery) => void kept.push(delivery));
    for (let at = 0; at < 5; at += 1)
      await gitlab.push(project, {
        files: [
          [`f${at}.md`, `f ${at}\n`],
          ['a.md', `alpha ${at}\n`],
        ],
      });
    for (const delivery of [...kept, ...kept].reverse())
      await gitlab.deliverNow({ ...delivery, id: crypto.randomUUID() });
    expect(await service.settled(project)).toEqual([]);
  }, 60_000);

  it('a branch that is deleted goes, and one that is made anew at once stays (E24, E25)', async () => {
    await start({ gitlab: { refs: ['main', 'side'] } });
    await gitlab.push(project, { branch: 'side', files: [['side.md', 'sidelong\n']] });
    await service.settled(project);
    expect(await found('sidelong')).toHaveLength(1);
    const kept: Parameters<SimulatedGitlab['deliverNow']>[0][] = [];
    gitlab.carryBy(async (delivery) => void kept.push(delivery));
    await gitlab.pushRefs(project, ':refs/heads/side');
    await gitlab.push(project, { branch: 'side', files: [['side.md', 'sidelong\n']] });
    for (const delivery of kept) await gitlab.deliverNow(delivery);
    await service.settled(project);
    expect(await found('sidelong')).toHaveLength(1);
    gitlab.carryBy(undefined);
    await gitlab.pushRefs(project, ':refs/heads/side');
    await eventually(
      () => found('sidelong'),
      (hits) => hits.length === 0,
    );
  }, 60_000);

  it('a replica that lags is waited for (E33)', async () => {
    await start();
    await gitlab.lag(project);
    await gitlab.push(project, { files: [['new.md', 'brandnew\n']] });
    setTimeout(() => gitlab.catchUp(project), 1_500);
    await eventually(
      () => found('brandnew'),
      (hits) => hits.length === 1,
    );
    expect(await service.settled(project)).toEqual([]);
  }, 60_000);

  it('a thousand pushes while GitLab is down cost at most five looks at the head afterwards', async () => {
    await start();
    const first = await project.repository.git('rev-parse', 'refs/heads/main');
    gitlab.faults.push(always(/./, { status: 503, body: '{}' }));
    const head = await gitlab.push(project, { files: [['z.md', 'zeta\n']] });
    const last = gitlab.sent.filter(({ delivery }) => delivery.event === 'Push Hook').at(-1)?.delivery;
    const body = JSON.parse(last?.body ?? '{}');
    if (!last) throw new Error('no delivery');
    for (let at = 0; at < 1_000; at += 1) {
      const after = at % 2 === 0 ? first : head;
      await gitlab.deliverNow({ ...last, id: `push-${at}`, body: JSON.stringify({ ...body, after }) });
    }
    await gitlab.deliverNow({ ...last, id: 'the-last' });
    gitlab.faults.splice(0);
    const before = gitlab.seen.length;
    await eventually(
      () => found('zeta'),
      (hits) => hits.length === 1,
    );
    expect(await service.settled(project)).toEqual([]);
    const looks = gitlab.seen.slice(before).filter(({ path }) => path.includes('/branches/'));
    expect(looks.length, JSON.stringify(looks)).toBeLessThanOrEqual(5);
    expect(await project.repository.git('rev-parse', 'refs/heads/main')).toBe(head);
  }, 90_000);
});

describe('projects that change', () => {
  it('a rename and a transfer change the row, and nothing is planned or embedded (E41)', async () => {
    await start();
    const planned = () => service.telemetry.told.filter(([name]) => name === 'planned').length;
    const before = planned();
    await gitlab.move(project, 'team/manual');
    await eventually(row, (now) => now?.path === 'team/manual');
    await gitlab.move(project, 'team/sub/manual');
    await eventually(row, (now) => now?.groups.includes('team/sub') ?? false);
    expect(await found('alpha')).toEqual(['team/sub/manual a.md']);
    expect(planned()).toBe(before);
    expect(embedded()).toBeGreaterThan(0);
  }, 60_000);

  it('visibility is the row’s, and follows without a change of content (E44)', async () => {
    await start();
    await gitlab.show(project, { visibility: 'public' });
    await eventually(row, (now) => now?.visibility === 'public');
    await gitlab.show(project, { repositoryAccess: 'private' });
    await eventually(row, (now) => now?.visibility === 'private');
    await gitlab.show(project, { archived: true });
    await eventually(row, (now) => now?.archived === true);
    expect(await found('alpha')).toHaveLength(1);
  }, 60_000);

  it('the default branch that changes brings the new one, and takes the old one away (E21)', async () => {
    await start();
    await gitlab.push(project, { branch: 'trunk', files: [['trunk.md', 'trunkish\n']] });
    expect(await found('trunkish')).toEqual([]);
    await project.repository.git('symbolic-ref', 'HEAD', 'refs/heads/trunk');
    await resyncNow();
    await eventually(
      () => found('trunkish'),
      (hits) => hits.length === 1,
    );
    await eventually(
      () => found('alpha'),
      (hits) => hits.length === 0,
    );
    expect(await service.settled(project)).toEqual([]);
  }, 90_000);

  it('a deletion that is scheduled hides a project, and its restoration shows it (E43)', async () => {
    await start();
    gitlab.scheduleDeletion(project);
    await resyncNow();
    await eventually(row, (now) => now?.hidden !== undefined);
    expect(await found('alpha')).toEqual([]);
    gitlab.restore(project);
    await resyncNow();
    await eventually(row, (now) => now?.hidden === undefined);
    // Where a search looks is known for a second; what it may show is asked each time.
    await eventually(
      () => found('alpha'),
      (hits) => hits.length === 1,
    );
  }, 60_000);

  it('a project that is destroyed is hidden at once, and stays until somebody forgets it (E43)', async () => {
    await start();
    await gitlab.destroy(project);
    await eventually(row, (now) => now?.hidden === 'it was deleted');
    expect(await found('alpha')).toEqual([]);
    expect((await service.indexed(project)).size).toBe(2);
  }, 60_000);

  it('a project that is not found is blocked, keeps what it has, and comes back with what it missed (E39)', async () => {
    await start();
    const gone = always(new RegExp(`projects/${project.id}`), {
      status: 404,
      body: '{"message":"404 Project Not Found"}',
    });
    gitlab.faults.push(gone);
    await gitlab.push(project, { files: [['missed.md', 'missed\n']] });
    await eventually(row, (now) => now?.blocked !== undefined);
    expect(await found('alpha')).toHaveLength(1);
    gitlab.faults.splice(0);
    await resyncNow();
    await eventually(
      () => found('missed'),
      (hits) => hits.length === 1,
    );
    expect(await service.settled(project)).toEqual([]);
  }, 60_000);

  it('a project that is moved out of the configuration is hidden, and a new one is found (E41)', async () => {
    await start();
    const other = await gitlab.project('team/other');
    await gitlab.push(other, { files: [['other.md', 'otherwise\n']] });
    await gitlab.move(project, 'elsewhere/handbook');
    await resyncNow();
    await eventually(row, (now) => now?.hidden !== undefined);
    expect(await found('alpha')).toEqual([]);
    await eventually(
      () => found('otherwise'),
      (hits) => hits.length === 1,
    );
    expect(await service.settled(other)).toEqual([]);
  }, 60_000);

  it('forks have points of their own, and the same blob is embedded once (E45, E46)', async () => {
    await start();
    const fork = await gitlab.project('team/fork');
    await gitlab.push(fork, {
      files: [
        ['docs/tides.md', '# Tides\n\nThe moon pulls.\n'],
        ['copy.md', 'alpha\n'],
      ],
    });
    await resyncNow();
    await eventually(
      () => found('alpha'),
      (hits) => hits.length === 2,
    );
    expect(await service.settled(project, fork)).toEqual([]);
  }, 60_000);

  it('an event of a project that the configuration does not name is dropped (E51)', async () => {
    await start();
    const stranger = await gitlab.project('others/secret');
    gitlab.hook(stranger.hooks, { url: project.hooks[0]?.url ?? '', signingToken: SIGNING });
    await gitlab.push(stranger, { files: [['x.md', 'stranger\n']] });
    expect(gitlab.sent.at(-1)?.status).toBe(200);
    await service.settled(project);
    const keys = [refKey({ instance: 'main', project: String(stranger.id), ref: 'main' })];
    expect((await service.parts.state.read('refs', keys)).size).toBe(0);
  }, 60_000);
});
