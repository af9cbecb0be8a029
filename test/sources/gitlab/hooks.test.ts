import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { gitlabHooks } from '../../../src/sources/gitlab/hooks.ts';
import { paceOf } from '../../../src/sources/gitlab/pace.ts';
import { type Requests, requests } from '../../../src/sources/gitlab/requests.ts';
import { realTime } from '../../support/git-source.ts';
import { always } from '../../support/gitlab/faults.ts';
import { type SimulatedGitlab, simulatedGitlab, TOKEN } from '../../support/gitlab/gitlab.ts';
import type { SimulatedProject } from '../../support/gitlab/world.ts';

const SIGNING = `whsec_${Buffer.alloc(32, 5).toString('base64')}`;
const wanted = { url: 'https://tidemark.example.com/webhooks/gitlab', secret: SIGNING, wikis: false };
const target = { kind: 'projects', path: 'team/handbook' } as const;

let gitlab: SimulatedGitlab;
let project: SimulatedProject;
let http: Requests;

beforeEach(async () => {
  gitlab = await simulatedGitlab();
  project = await gitlab.project('team/handbook');
  const pace = paceOf({ perMinute: 60_000, parallel: 4, time: realTime });
  http = requests({ url: gitlab.origin, token: async () => TOKEN, pace, time: realTime });
});
afterEach(async () => {
  http.close();
  await gitlab.close();
});

describe('hooks', () => {
  it('are made once, signed, for pushes alone', async () => {
    const hooks = gitlabHooks(http);
    expect((await hooks.ensure(target, wanted, false)).did).toEqual(['made']);
    expect((await hooks.ensure(target, wanted, false)).did).toEqual([]);
    expect(project.hooks).toMatchObject([
      { url: wanted.url, signingToken: SIGNING, events: { push_events: true, tag_push_events: false } },
    ]);
    expect(await hooks.ensure(await hooks.targetOf('team'), wanted, false)).toMatchObject({
      target: { kind: 'groups', path: 'team' },
      did: ['made'],
    });
  });

  it('of a group that has none are those of its projects, subgroups too, on as many pages as there are', async () => {
    for (let at = 0; at < 101; at += 1) await gitlab.project(`team/sub/p${at}`, { repository: project.repository });
    const hooks = gitlabHooks(http);
    expect(await hooks.places({ kind: 'groups', path: 'team' })).toEqual({
      targets: [{ kind: 'groups', path: 'team' }],
    });
    for (const status of [403, 404]) {
      gitlab.faults.splice(0, 1, always(/^\/groups\/[^/]*\/hooks/, { status, body: '{"error":"no"}' }));
      const { targets, because } = await hooks.places({ kind: 'groups', path: 'team' });
      expect(targets).toHaveLength(102);
      expect(targets).toContainEqual(target);
      expect(because).toContain(String(status));
    }
    gitlab.faults.splice(0, 1, always(/hooks/, { status: 403, body: '{"error":"insufficient_scope"}' }));
    await expect(hooks.places({ kind: 'groups', path: 'team' })).rejects.toThrow(/insufficient_scope/);
  }, 60_000);

  it('that somebody changed are mended, and one that was disabled runs again (E35)', async () => {
    const hooks = gitlabHooks(http);
    await hooks.ensure(target, wanted, false);
    const [hook] = project.hooks;
    if (!hook) throw new Error('there is no hook');
    hook.events = { push_events: false, wiki_page_events: true };
    hook.failures = 4;
    hook.disabledUntil = Date.now() + 60_000;
    expect(await hooks.list(target)).toMatchObject([{ alert: 'temporarily_disabled', pushes: false, isSigned: true }]);
    const { did, hook: now } = await hooks.ensure(target, wanted, false);
    expect(did).toEqual(['pushes were not told', 'wiki pages were told', 'it was temporarily disabled, and was tried']);
    expect(now).toMatchObject({ alert: 'executable', pushes: true, wikis: false });
  });

  it('are removed where they lead here, and others stay', async () => {
    const hooks = gitlabHooks(http);
    await hooks.ensure(target, wanted, false);
    gitlab.hook(project.hooks, { url: 'https://elsewhere.example.com' });
    expect(await hooks.remove(target, wanted.url)).toBe(1);
    expect((await hooks.list(target)).map(({ url }) => url)).toEqual(['https://elsewhere.example.com']);
  });

  it('of a server that knows no signing tokens are refused rather than left unsigned', async () => {
    const hooks = gitlabHooks(http);
    gitlab.faults.push(({ method }) =>
      method === 'POST'
        ? { status: 201, body: JSON.stringify({ id: 1, url: wanted.url, push_events: true }) }
        : undefined,
    );
    await expect(hooks.ensure(target, wanted, false)).rejects.toThrow(/does not know signing tokens/);
  });

  it('are not written twice when the answer is lost', async () => {
    gitlab.faults.push(always(/hooks$/, { status: 502, body: '' }));
    await expect(gitlabHooks(http).ensure(target, wanted, false)).rejects.toThrow(/502/);
    expect(gitlab.seen.filter(({ method }) => method === 'POST').length).toBeLessThanOrEqual(1);
  });
});
