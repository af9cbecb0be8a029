import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildExecutable, type Executable, eventually } from '../support/executable.ts';
import { always } from '../support/gitlab/faults.ts';
import { type SimulatedGitlab, simulatedGitlab, TOKEN } from '../support/gitlab/gitlab.ts';
import type { SimulatedProject } from '../support/gitlab/world.ts';

const SECRET = `whsec_${Buffer.alloc(32, 8).toString('base64')}`;
let tidemark: Executable;
let gitlab: SimulatedGitlab;
let project: SimulatedProject;
let place: string;

const tide = (...args: string[]) => tidemark.run(place, args, { TIDEMARK_DATA: join(place, 'data') });
const found = async (query: string): Promise<string[]> => {
  const { stdout } = await tide('search', query, '--json', '--mode', 'lexical');
  const { hits = [] } = stdout === '' ? {} : (JSON.parse(stdout) as { hits?: { path: string; url: string }[] });
  return hits.map(({ path, url }) => `${path} ${url}`);
};

beforeAll(async () => {
  tidemark = buildExecutable();
  gitlab = await simulatedGitlab();
  project = await gitlab.project('team/handbook');
  await gitlab.push(project, { files: [['docs/tides.md', '# Tides\n\nThe moon pulls.\n']] });
  place = await mkdtemp(join(tmpdir(), 'tidemark-cli-'));
  await writeFile(join(place, 'token'), `${TOKEN}\n`);
  await writeFile(
    join(place, 'tidemark.yaml'),
    `pipelines:
  default:
    sources:
      - gitlab: { url: ${gitlab.origin}, tokenFile: token, groups: [team] }
webhooks: { secrets: ['${SECRET}'] }
`,
  );
}, 60_000);
afterAll(async () => {
  await tidemark?.remove();
  await gitlab?.close();
  await rm(place, { recursive: true, force: true });
}, 30_000);

describe('the executable over a GitLab', () => {
  it('serves: hooks are made, a push is found with a link to its lines, and a revoked token stops nothing but the flows', async () => {
    const service = tidemark.start(place, ['serve'], { TIDEMARK_DATA: join(place, 'data') });
    const url = (await service.says(/^ready: (\S+?)\/status/m))[1] ?? '';
    await eventually(
      () => found('moon'),
      (hits) => hits.length > 0,
    );
    expect((await tide('status')).stdout).toContain('main: no webhook was ever heard');
    const hook = `${url}/webhooks/gitlab`;
    const made = await tide('gitlab', 'hooks', 'ensure', 'team/handbook', '--url', hook);
    expect([made.code, made.stdout]).toEqual([0, expect.stringContaining('made')]);
    await gitlab.push(project, { files: [['a/ebb tide.md', 'ebbing\n']] });
    const hits = await eventually(
      () => found('ebbing'),
      (now) => now.length > 0,
    );
    expect(hits).toEqual([`a/ebb tide.md ${gitlab.origin}/team/handbook/-/blob/main/a/ebb%20tide.md#L1-1`]);

    expect((await tide('status')).stdout).toMatch(/^main: last webhook 20/m);

    gitlab.revoke();
    await gitlab.push(project, { files: [['b.md', 'flooding\n']] });
    await service.says(/the flows have stopped.*refuses the token/);
    expect((await fetch(`${url}/readyz`)).status).toBe(503);
    expect(await found('ebbing')).toHaveLength(1);
    await gitlab.push(project, { files: [['c.md', 'slack\n']] });
    expect(gitlab.sent.at(-1)?.status).toBe(200);
    service.child.kill('SIGINT');
    expect((await service.ended).code).toBe(0);

    gitlab.issue('glpat-next');
    await writeFile(join(place, 'token'), 'glpat-next\n');
    const { code, stdout } = await tide('backfill', '--json');
    expect([code, JSON.parse(stdout).failed]).toEqual([0, 0]);
    expect(await found('flooding')).toHaveLength(1);
    expect(await found('slack')).toHaveLength(1);
    const doctor = JSON.parse((await tide('doctor', '--json')).stdout) as { about: string; finding: string }[];
    expect(doctor.filter(({ about }) => about === 'source main').map(({ finding }) => finding)).toEqual([
      'answers',
      'the token has the scopes read_api, read_repository',
      'group team is there',
    ]);
  }, 180_000);

  it('hooks of a group without Premium are those of its projects, and it says so', async () => {
    gitlab.faults.push(always(/^\/groups\/team\/hooks/, { status: 404, body: '{"error":"404 Not Found"}' }));
    const hook = 'https://tidemark.example.com/webhooks/gitlab';
    const { code, stdout, stderr } = await tide('gitlab', 'hooks', 'ensure', '--url', hook);
    gitlab.faults.splice(0);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^team\/handbook: hook \d+ made; executable\n$/)]);
    expect(stderr).toMatch(/team: hooks of groups need GitLab Premium .*Those of its 1 projects stand for them/);
  }, 60_000);

  it('a trial indexes no more than its bounds, and a service then brings the rest', async () => {
    const [few, many] = [await gitlab.project('trial/few'), await gitlab.project('trial/many')];
    await gitlab.push(few, { files: [['few.md', 'little\n']] });
    await gitlab.push(many, {
      files: Array.from({ length: 30 }, (_, at): [string, string] => [`${at}.md`, `much ${at}\n`]),
    });
    const here = await mkdtemp(join(tmpdir(), 'tidemark-trial-'));
    try {
      const source = `{ gitlab: { url: '${gitlab.origin}', tokenFile: '${join(place, 'token')}', groups: [trial] } }`;
      await writeFile(join(here, 'tidemark.yaml'), `pipelines: { default: { sources: [${source}] } }`);
      const run = (...args: string[]) => tidemark.run(here, args, { TIDEMARK_DATA: join(here, 'data') });
      const paths = async () =>
        (await run('documents', '--json')).stdout
          .split('\n')
          .flatMap((line) => (line === '' ? [] : JSON.parse(line).path));
      const bounded = await run('backfill', '--max-files', '10', '--json');
      expect(JSON.parse(bounded.stdout)).toMatchObject({ status: 'success', indexed: 1 });
      expect(bounded.stderr).toContain('a trial of 1 projects with 1 files; 1 projects are left out');
      expect(await paths()).toEqual(['few.md']);
      const [hit] = JSON.parse((await run('search', 'little', '--json')).stdout).hits;
      expect(hit).toMatchObject({ project: 'trial/few', url: `${gitlab.origin}/trial/few/-/blob/main/few.md#L1-1` });
      expect((await run('backfill', '--max-projects', '1', 'trial/few:main')).code).toBe(2);
      expect((await run('backfill', '--max-projects', '1', '--dry-run')).code).toBe(2);
      expect((await run('backfill', 'trial/many', '--max-files', '10')).stderr).toContain('within the bounds');
      expect(JSON.parse((await run('backfill', '--json')).stdout).failed).toBe(0);
      expect(await paths()).toHaveLength(31);
    } finally {
      await rm(here, { recursive: true, force: true });
    }
  }, 120_000);

  it('init looks whether the token may what is asked for', async () => {
    const robot = gitlab.user('robot');
    gitlab.issue('glpat-robot', robot, { scopes: ['read_api'] });
    const empty = await mkdtemp(join(tmpdir(), 'tidemark-init-'));
    try {
      const args = ['init', '--yes', '--source', 'gitlab', '--gitlab-url', gitlab.origin, '--groups', 'team,none'];
      const { code, stderr } = await tidemark.run(empty, args, { GITLAB_TOKEN: 'glpat-robot' });
      expect(code).toBe(0);
      expect(stderr).toMatch(/and not read_repository\. Make a token with the scopes/);
      expect(stderr).toMatch(/robot is no member of group team: .*Let robot into it as Reporter/);
      expect(stderr).toMatch(/group none is not there, or not for this token/);
    } finally {
      await rm(empty, { recursive: true, force: true });
    }
  }, 60_000);
});
