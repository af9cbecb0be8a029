import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { resync } from '../../src/clock/resync.ts';
import { projectKey, WIKI } from '../../src/records.ts';
import { search } from '../../src/search/search.ts';
import { eventually } from '../support/executable.ts';
import { always } from '../support/gitlab/faults.ts';
import { type SimulatedGitlab, simulatedGitlab } from '../support/gitlab/gitlab.ts';
import type { SimulatedProject } from '../support/gitlab/world.ts';
import { type GitlabService, gitlabService } from '../support/gitlab-service.ts';
import { openGitlab } from '../support/gitlab-source.ts';

const SIGNING = `whsec_${Buffer.alloc(32, 4).toString('base64')}`;
const never = new AbortController().signal;

let gitlab: SimulatedGitlab;
let project: SimulatedProject;
let service: GitlabService;

const start = async (of: Record<string, unknown> = { wikis: true }) => {
  service = await gitlabService(gitlab, { gitlab: of });
  void service.start();
  const url = await service.receive([SIGNING]);
  gitlab.hook(project.hooks, { url, signingToken: SIGNING });
  expect(await service.settled(project)).toEqual([]);
};
const write = (...files: (readonly [string, string | null])[]) => gitlab.push(project, { wiki: true, files });
const found = async (text: string) => (await search(service.parts, { text, mode: 'lexical', limit: 20 })).hits;
const row = async () => {
  const key = projectKey({ instance: 'main', project: String(project.id) });
  return (await service.parts.state.read('projects', [key])).get(key)?.value;
};
const resyncNow = () => resync(service.parts, never);

beforeEach(async () => {
  gitlab = await simulatedGitlab();
  project = await gitlab.project('team/handbook', { wiki: true, visibility: 'public' });
  await gitlab.push(project, { files: [['a.md', 'alpha\n']] });
  await write(['home.md', '# Home\n\nThe moon pulls.\n'], ['guide/first-steps.md', 'alpha and omega\n']);
});
afterEach(async () => {
  await service?.close();
  await gitlab.close();
});

describe('a wiki', () => {
  it('is a ref beside the branches; pages that are written, moved and deleted are followed by their events (E53)', async () => {
    await start();
    const [hit] = await found('omega');
    expect(hit).toMatchObject({
      ...{ project: 'team/handbook', ref: WIKI, path: 'guide/first-steps.md' },
      url: `${gitlab.origin}/team/handbook/-/wikis/guide/first-steps`,
    });
    expect((await found('alpha')).map(({ ref }) => ref).sort()).toEqual([WIKI, 'main']);
    await write(
      ['home.md', 'rewritten\n'],
      ['guide/first-steps.md', null],
      ['guide/was first.md', 'alpha and omega\n'],
    );
    expect(await service.settled(project)).toEqual([]);
    expect((await found('omega')).map(({ url }) => url)).toEqual([
      `${gitlab.origin}/team/handbook/-/wikis/guide/was%20first`,
    ]);
    await write(['guide/was first.md', null]);
    await eventually(
      () => found('omega'),
      (hits) => hits.length === 0,
    );
    expect(await service.settled(project)).toEqual([]);
  }, 90_000);

  it('that was changed by a push to its repository, of which no event tells, is found by the resync', async () => {
    await start();
    gitlab.carryBy(async () => {});
    await write(['pushed.asciidoc', '= Quiet\n\nsilently\n']);
    await resyncNow();
    expect(await service.settled(project)).toEqual([]);
    expect(await found('silently')).toHaveLength(1);
  }, 60_000);

  it('that nobody asked for is not asked for', async () => {
    await start({});
    await write(['home.md', 'later\n']);
    await resyncNow();
    expect(await service.settled(project)).toEqual([]);
    expect(gitlab.seen.filter(({ path }) => path.includes('/wikis'))).toEqual([]);
    expect(await found('omega')).toEqual([]);
  }, 60_000);

  it('goes when it is switched off, and comes back with it', async () => {
    await start();
    await gitlab.show(project, { wikiAccess: 'disabled' });
    await resyncNow();
    await eventually(
      () => found('omega'),
      (hits) => hits.length === 0,
    );
    expect(await found('alpha')).toHaveLength(1);
    await gitlab.show(project, { wikiAccess: 'enabled' });
    await resyncNow();
    expect(await service.settled(project)).toEqual([]);
    expect(await found('omega')).toHaveLength(1);
  }, 90_000);

  it('that refuses us deletes nothing (E39)', async () => {
    await start();
    gitlab.faults.push(always(/\/wikis/, { status: 403, body: '{"message":"403 Forbidden"}' }));
    await resyncNow();
    await eventually(row, (now) => now?.blocked !== undefined);
    expect(await found('omega')).toHaveLength(1);
    gitlab.faults.splice(0);
    await write(['home.md', 'at last\n']);
    await resyncNow();
    expect(await service.settled(project)).toEqual([]);
    expect(await found('last')).toHaveLength(1);
  }, 60_000);

  it('for members alone makes the project one for members alone (E44)', async () => {
    await start();
    await eventually(row, (now) => now?.visibility === 'public');
    await gitlab.show(project, { wikiAccess: 'private' });
    await resyncNow();
    await eventually(row, (now) => now?.visibility === 'private');
  }, 60_000);
});

describe('the pages of a wiki, as a source', () => {
  it('are a tree under a head that changes with them, and are there once more when the cache has lost them', async () => {
    const id = String(project.id);
    const { source, close } = await openGitlab(gitlab, {
      scope: { groups: ['team'], wikis: true },
      cache: { get: async () => undefined, put: async () => {} },
    });
    const again = await openGitlab(gitlab, { scope: { groups: ['team'], wikis: true } });
    try {
      const head = (await source.head(id, WIKI)) ?? '';
      expect((await source.refs(id)).get(WIKI)).toBe(head);
      const entries = (await source.tree(id, head))?.entries ?? [];
      expect(entries.map(({ path }) => path).sort()).toEqual(['guide/first-steps.md', 'home.md']);
      const texts: string[] = [];
      for await (const { bytes } of source.blobs(
        id,
        entries.map((entry) => ({ ...entry, commit: head, together: 500 })),
      ))
        texts.push(Buffer.from(bytes).toString());
      expect(texts.sort()).toEqual(['# Home\n\nThe moon pulls.\n', 'alpha and omega\n']);
      expect(gitlab.seen.filter(({ path }) => path.includes('archive'))).toEqual([]);

      await write(['home.md', 'new\n'], ['guide/first-steps.md', null], ['home.markdown', 'the same slug\n']);
      const next = (await source.head(id, WIKI)) ?? '';
      expect((await source.compare(id, head, next))?.map(({ path, blob }) => [path, blob === null])).toEqual([
        ['home.md', false],
        ['guide/first-steps.md', true],
      ]);
      // Who has not seen the older one cannot know what it was.
      expect(await again.source.tree(id, head)).toBeUndefined();
      expect(await again.source.compare(id, head, next)).toBeUndefined();
      expect((await again.source.entries(id, next, ['home.md', 'none.md']))?.size).toBe(1);
    } finally {
      await Promise.all([close(), again.close()]);
    }
  });
});
