import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Delivery } from './deliveries.ts';
import { signature } from './deliveries.ts';
import { type SimulatedGitlab, simulatedGitlab, TOKEN } from './gitlab.ts';
import { ZEROS } from './payloads.ts';
import type { SimulatedProject } from './world.ts';

interface PushBody {
  readonly object_kind: string;
  readonly before: string;
  readonly after: string;
  readonly ref: string;
  readonly checkout_sha: string | null;
  readonly total_commits_count: number;
  readonly commits: readonly { readonly id: string; readonly added: string[]; readonly removed: string[] }[];
}

let gitlab: SimulatedGitlab;
let project: SimulatedProject;
let told: Delivery[];
const bodies = () => told.map(({ body }) => JSON.parse(body) as PushBody);
const get = (path: string) => fetch(`${gitlab.origin}/api/v4/${path}`, { headers: { 'private-token': TOKEN } });

beforeEach(async () => {
  gitlab = await simulatedGitlab();
  project = await gitlab.project('team/handbook');
  gitlab.hook(project.hooks, { url: 'http://127.0.0.1:1/' });
  told = [];
  gitlab.carryBy(async (delivery) => void told.push(delivery));
});
afterEach(() => gitlab.close());

describe('the simulated GitLab has the quirks of the real one', () => {
  it('tells of the newest twenty commits and counts them all', async () => {
    const first = await gitlab.push(project, { files: [['a', '0']] });
    const work = await gitlab.workOf(project.repository);
    for (let at = 1; at <= 25; at += 1) await work.commit({ files: [['a', String(at)]] });
    await gitlab.pushRefs(project, 'refs/heads/main:refs/heads/main');
    const last = bodies().at(-1);
    expect(last).toMatchObject({ before: first, total_commits_count: 25, ref: 'refs/heads/main' });
    expect(last?.commits).toHaveLength(20);
    expect(last?.commits.at(-1)?.id).toBe(last?.after);
  });

  it('tells of a rename as an addition, and of a force push without a word about what it dropped', async () => {
    await gitlab.push(project, { files: [['old.md', 'long enough to be recognised as the same file\n']] });
    await gitlab.push(project, {
      files: [
        ['old.md', null],
        ['new.md', 'long enough to be recognised as the same file\n'],
      ],
    });
    expect(bodies().at(-1)?.commits).toMatchObject([{ added: ['new.md'], removed: [] }]);
    await gitlab.push(project, { files: [['other.md', 'x']], orphan: true });
    expect(bodies().at(-1)?.commits).toMatchObject([{ added: ['other.md'], removed: [] }]);
  });

  it('says nothing of a push of more than three branches', async () => {
    await gitlab.push(project, { files: [['a', 'b']] });
    told = [];
    await gitlab.pushRefs(project, ...['a', 'b', 'c', 'd'].map((name) => `refs/heads/main:refs/heads/${name}`));
    expect(told).toEqual([]);
    await gitlab.pushRefs(project, ':refs/heads/a', ':refs/heads/b');
    expect(bodies()).toMatchObject([
      { after: ZEROS, checkout_sha: null, commits: [], total_commits_count: 0 },
      { after: ZEROS, checkout_sha: null },
    ]);
  });

  it('signs as the Standard Webhooks specification says', () => {
    const token = 'whsec_dGVzdHRlc3R0ZXN0dGVzdHRlc3R0ZXN0dGVzdHRlc3Q=';
    const body = '{"object_kind":"push","ref":"refs/heads/main"}';
    expect(signature(token, 'f5e5f430-f57b-4e6e-9fac-d9128cd7232f', '1744578123', body)).toBe(
      'v1,JJLPUQdHVZhy2g97l6D7t6vUjYNtwb+uAtztp44KhxE=',
    );
  });

  it('pages by keyset and by offset, redirects a moved project, and refuses a revoked token', async () => {
    await gitlab.push(project, { files: Array.from({ length: 5 }, (_, at): [string, string] => [`f${at}`, `${at}`]) });
    const first = await get(`projects/${project.id}/repository/tree?pagination=keyset&per_page=3`);
    const next = /<([^>]+)>; rel="next"/.exec(first.headers.get('link') ?? '')?.[1] ?? '';
    const rest = await fetch(next, { headers: { 'private-token': TOKEN } });
    const names = [...((await first.json()) as { name: string }[]), ...((await rest.json()) as { name: string }[])];
    expect(names.map(({ name }) => name)).toEqual(['f0', 'f1', 'f2', 'f3', 'f4']);
    await gitlab.move(project, 'team/manual');
    expect((await get(`projects/${encodeURIComponent('team/handbook')}`)).redirected).toBe(true);
    gitlab.revoke();
    expect((await get('version')).status).toBe(401);
  });
});
