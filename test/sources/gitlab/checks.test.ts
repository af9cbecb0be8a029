import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { gitlabChecks } from '../../../src/sources/gitlab/checks.ts';
import { gitlabHooks } from '../../../src/sources/gitlab/hooks.ts';
import { paceOf } from '../../../src/sources/gitlab/pace.ts';
import { requests } from '../../../src/sources/gitlab/requests.ts';
import { realTime } from '../../support/git-source.ts';
import { type SimulatedGitlab, simulatedGitlab, TOKEN } from '../../support/gitlab/gitlab.ts';

const URL_OF_HOOK = 'https://tidemark.example.com/webhooks/gitlab';
let gitlab: SimulatedGitlab;

interface Checking {
  readonly token?: string | undefined;
  readonly groups?: readonly string[];
  readonly projects?: readonly string[];
  readonly url?: string;
}

const check = async ({ groups = [], projects = [], url = gitlab.origin, ...of }: Checking) => {
  const secret = 'token' in of ? of.token : TOKEN;
  const token = async () => secret;
  const asking = requests({
    url,
    token,
    time: realTime,
    pace: paceOf({ perMinute: 60_000, parallel: 8, time: realTime }),
  });
  const hooks = { port: gitlabHooks(asking), url: URL_OF_HOOK };
  const found = await gitlabChecks({ requests: asking, token, scope: { groups, projects }, time: realTime, hooks })();
  asking.close();
  for (const { level, remedy } of found) expect(remedy === '').toBe(level === 'ok');
  return found.map(({ level, finding }) => `${level}: ${finding}`);
};

beforeEach(async () => {
  gitlab = await simulatedGitlab();
  const project = await gitlab.project('team/handbook');
  await gitlab.project('team/open', { visibility: 'public' });
  gitlab.hook(project.hooks, { url: URL_OF_HOOK });
});
afterEach(() => gitlab.close());

describe('what a token may do', () => {
  it('is well where it may all that is asked', async () => {
    const member = gitlab.user('robot');
    gitlab.world.groups[0]?.members.set(member.id, 20);
    gitlab.issue('glpat-robot', member);
    expect(await check({ token: 'glpat-robot', groups: ['team'], projects: ['team/handbook'] })).toEqual([
      'ok: the token has the scopes read_api, read_repository',
      'ok: robot is Reporter of group team',
      `warning: no hook of group team leads to ${URL_OF_HOOK}`,
      'ok: robot is Reporter of project team/handbook',
      'ok: the hook of project team/handbook is called',
    ]);
  });

  it('is told by its scopes and by how long it holds', async () => {
    const expiresAt = new Date(Date.now() + 3 * 86_400_000).toISOString().slice(0, 10);
    gitlab.issue('glpat-narrow', undefined, { scopes: ['read_repository'], expiresAt });
    expect(await check({ token: 'glpat-narrow' })).toEqual([
      'error: the token has the scopes read_repository, and not read_api: nothing can be listed',
      `warning: the token expires on ${expiresAt}`,
    ]);
    gitlab.issue('glpat-api', undefined, { scopes: ['api'] });
    expect(await check({ token: 'glpat-api' })).toEqual(['ok: the token has the scopes api']);
    gitlab.issue('glpat-read', undefined, { scopes: ['read_api'] });
    expect(await check({ token: 'glpat-read' })).toEqual([
      'warning: the token has the scopes read_api, and not read_repository',
    ]);
  });

  it('is told by the role of its user in each group and project', async () => {
    const guest = gitlab.user('guest');
    gitlab.world.projects[0]?.members.set(guest.id, 10);
    gitlab.issue('glpat-guest', guest);
    const found = await check({
      ...{ token: 'glpat-guest', groups: ['team', 'none'], projects: ['team/handbook', 'team/open', 'team/none'] },
    });
    expect(found.filter((one) => !one.includes('hook of'))).toEqual([
      'ok: the token has the scopes read_api, read_repository',
      'warning: guest is no member of group team: of its private projects nothing is indexed',
      'error: group none is not there, or not for this token',
      'error: guest is Guest of project team/handbook, whose code is not for it',
      'ok: project team/open is public',
      'error: project team/none is not there, or not for this token',
    ]);
  });

  it('a hook that GitLab does not call any more is an error', async () => {
    const [hook] = gitlab.world.projects[0]?.hooks ?? [];
    if (hook) Object.assign(hook, { failures: 40, disabledUntil: Date.now() + 1_000 });
    expect(await check({ projects: ['team/handbook'] })).toContain(
      'error: the hook of project team/handbook is disabled',
    );
  });

  it('is nothing without one, with one that is revoked, and where nobody answers', async () => {
    expect((await check({ token: undefined, projects: ['team/open'] }))[0]).toMatch(/warning: there is no token/);
    gitlab.revoke();
    expect(await check({ groups: ['team'] })).toEqual([expect.stringMatching(/^error: the token is refused/)]);
    expect(await check({ url: 'http://127.0.0.1:1' })).toEqual([expect.stringMatching(/^error: GET .*127.0.0.1:1/)]);
  });
});
