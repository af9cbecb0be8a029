import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BlockProject, StopFlow, TryAgain } from '../../../src/errors.ts';
import type { RepoSource, WantedBlob } from '../../../src/ports.ts';
import { paceOf } from '../../../src/sources/gitlab/pace.ts';
import { realTime } from '../../support/git-source.ts';
import { always, firstTimes } from '../../support/gitlab/faults.ts';
import { type SimulatedGitlab, simulatedGitlab } from '../../support/gitlab/gitlab.ts';
import type { SimulatedProject } from '../../support/gitlab/world.ts';
import { type OpenedSource, openGitlab } from '../../support/gitlab-source.ts';
import type { File } from '../../support/repository.ts';

let gitlab: SimulatedGitlab;
let project: SimulatedProject;
const opened: OpenedSource[] = [];
/** Backoff takes no time. */
const hasty = { ...realTime, sleep: () => realTime.sleep(1) };

const open = async (
  options: Parameters<typeof openGitlab>[1] = {},
): Promise<OpenedSource & { readonly id: string }> => {
  const one = await openGitlab(gitlab, { scope: { projects: [project.path] }, time: hasty, ...options });
  opened.push(one);
  return { ...one, id: String(project.id) };
};
const gather = async (blobs: ReturnType<RepoSource['blobs']>) => {
  const found = new Map<string, Buffer>();
  for await (const { blob, bytes } of blobs) found.set(blob, Buffer.from(bytes));
  return found;
};
const push = (files: Iterable<readonly [string | Buffer, File | null]>) => gitlab.push(project, { files });
const asked = (pattern: RegExp) => gitlab.seen.filter(({ path }) => pattern.test(path)).length;
/** All files of the commit, as a plan of many asks for them. */
const wantedOf = async ({ source, id }: { source: RepoSource; id: string }, commit: string) => {
  const entries = (await source.tree(id, commit))?.entries ?? [];
  return entries.map((entry): WantedBlob => ({ ...entry, commit, together: 200 }));
};

beforeEach(async () => {
  gitlab = await simulatedGitlab();
  project = await gitlab.project('team/handbook');
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((one) => one.close()));
  await gitlab.close();
});

describe('what goes wrong with a request', () => {
  it.each([
    ['a limit that says how long', { status: 429, headers: { 'retry-after': '0' }, body: 'Retry later' }],
    [
      'a limit that says nothing',
      { status: 429, body: '{"message":"This endpoint has been requested too many times"}' },
    ],
    ['a bad gateway', { status: 502, body: '<html>' }],
    ['a reset', { reset: true } as const],
  ])('%s is waited for and repeated (E40)', async (_, fault) => {
    const head = await push([['a', 'b']]);
    const { source, id } = await open();
    gitlab.faults.push(firstTimes(2, /branches/, fault));
    expect(await source.head(id, 'main')).toBe(head);
    expect(asked(/branches/)).toBe(3);
  });

  it('a server that goes on failing is said to be tried again, with its own word on when', async () => {
    await push([['a', 'b']]);
    const { source, id } = await open();
    gitlab.faults.push(always(/./, { status: 503, headers: { 'retry-after': '7' }, body: '{}' }));
    await expect(source.head(id, 'main')).rejects.toMatchObject({ name: 'TryAgain', retryAfterMs: 7_000 });
    await expect(source.probe()).rejects.toThrow(TryAgain);
  });

  it('an answer that stalls is given up, and asked for again', async () => {
    const head = await push([['a', 'b']]);
    const { source, id } = await open({ silenceMs: 200 });
    gitlab.faults.push(firstTimes(1, /branches/, { stallAt: 5 }));
    expect(await source.head(id, 'main')).toBe(head);
  });

  it('a page that is no JSON, or another JSON, is no answer', async () => {
    await push([['a', 'b']]);
    const { source, id } = await open();
    gitlab.faults.push(always(/branches/, { status: 200, body: '<html>Sign in</html>' }));
    await expect(source.head(id, 'main')).rejects.toThrow(TryAgain);
    gitlab.faults.splice(0);
    gitlab.faults.push(always(/tree/, { status: 200, body: '{"message":"ok"}' }));
    await expect(source.tree(id, 'a'.repeat(40))).rejects.toThrow(TryAgain);
  });

  it('a project that was moved is found by its old path, and the token goes to no other server', async () => {
    const head = await push([['a', 'b']]);
    const { source } = await open({ scope: { projects: ['team/handbook'] } });
    await gitlab.move(project, 'team/manual');
    const told = [];
    for await (const one of source.projects()) told.push(one.path);
    expect(told).toEqual(['team/manual']);
    expect(await source.head(String(project.id), 'main')).toBe(head);
    const other = await simulatedGitlab();
    gitlab.faults.push(always(/version/, { status: 302, headers: { location: `${other.origin}/api/v4/version` } }));
    await expect(source.probe()).rejects.toThrow(TryAgain);
    expect(other.seen).toEqual([]);
    await other.close();
  });
});

describe('the pace', () => {
  it('spreads requests over the minute after a burst, and stays away while the window is used up (E40)', async () => {
    let now = 1_000_000_000;
    const sleep = async (ms: number) => {
      now += ms;
    };
    const time = { now: () => now, sleep };
    const pace = paceOf({ perMinute: 60, parallel: 4, time });
    const { signal } = new AbortController();
    const began = time.now();
    for (let at = 0; at < 12; at += 1) (await pace.admit(signal))();
    expect(time.now() - began).toBeGreaterThanOrEqual(6_000);
    const date = new Date(time.now() - 3_600_000).toUTCString();
    const reset = String(Math.floor(Date.parse(date) / 1_000) + 30);
    pace.heed(new Headers({ date, 'ratelimit-remaining': '0', 'ratelimit-reset': reset }));
    const from = time.now();
    (await pace.admit(signal))();
    // The server's clock is an hour behind, and that makes no difference (E36).
    expect(time.now() - from).toBe(30_000);
  });
});

describe('who is refused', () => {
  it('a revoked token stops the flow, and says what to do (E39)', async () => {
    await push([['a', 'b']]);
    const { source, id } = await open();
    gitlab.revoke();
    await expect(source.head(id, 'main')).rejects.toThrow(/refuses the token.*Give it a new one/);
    await expect(source.probe()).rejects.toThrow(StopFlow);
  });

  it('a token is asked for with each request, so that it can be replaced (E39)', async () => {
    const head = await push([['a', 'b']]);
    let token = 'glpat-old';
    const { source, id } = await open({ token: async () => token });
    await expect(source.head(id, 'main')).rejects.toThrow(StopFlow);
    gitlab.issue('glpat-next');
    token = 'glpat-next';
    expect(await source.head(id, 'main')).toBe(head);
  });

  it('a token that lacks a scope is told which (E39)', async () => {
    const { source, id } = await open();
    const body = '{"error":"insufficient_scope","error_description":"The request requires higher privileges"}';
    gitlab.faults.push(always(/./, { status: 403, body }));
    await expect(source.head(id, 'main')).rejects.toThrow(/needs the scopes read_api and read_repository/);
  });

  it('a project that refuses, or is not found any more, is blocked and never empty (E39)', async () => {
    const head = await push([['a', 'b']]);
    const outsider = gitlab.user('outsider');
    gitlab.issue('glpat-outsider', outsider);
    const { source, id } = await open({ token: async () => 'glpat-outsider' });
    for (const call of [
      () => source.head(id, 'main'),
      () => source.refs(id),
      () => source.tree(id, head),
      () => source.compare(id, head, head),
      () => gather(source.blobs(id, [{ path: 'a', type: '100644', blob: 'a'.repeat(40) }])),
    ])
      await expect(call()).rejects.toThrow(BlockProject);
    project.members.set(outsider.id, 10);
    await expect(source.head(id, 'main')).rejects.toThrow(/needs at least the role Reporter/);
    project.members.set(outsider.id, 20);
    expect(await source.head(id, 'main')).toBe(head);
    project.repositoryAccess = 'disabled';
    await expect(source.tree(id, 'b'.repeat(40))).rejects.toThrow(BlockProject);
  });

  it('a group that is refused is told after all that is not', async () => {
    const { source } = await open({ scope: { groups: ['nowhere', 'team'] } });
    const told: string[] = [];
    const all = async () => {
      for await (const one of source.projects()) told.push(one.path);
    };
    await expect(all()).rejects.toThrow(/1 of the groups and projects of the configuration cannot be read.*nowhere/);
    expect(told).toEqual(['team/handbook']);
  });
});

describe('projects and branches', () => {
  it('groups expand to the projects of their subgroups, each once, whatever pages they come in', async () => {
    for (let at = 0; at < 130; at += 1)
      await gitlab.project(`team/sub-${at % 3}/p${at}`, { repository: project.repository });
    const { source } = await open({ scope: { groups: ['team', 'team/sub-1'], projects: ['team/handbook'] } });
    const told = [];
    for await (const one of source.projects()) told.push(one.path);
    expect(told).toHaveLength(131);
    expect(new Set(told).size).toBe(131);
    expect(asked(/groups/)).toBe(3);
  });

  it('what may be seen of code is the stricter of project and repository, and groups are all ancestors (E44)', async () => {
    const inner = await gitlab.project('team/a/b/inner', { visibility: 'public' });
    const { source } = await open();
    expect(await source.project(String(inner.id))).toMatchObject({
      ...{ path: 'team/a/b/inner', visibility: 'public', groups: ['team', 'team/a', 'team/a/b'], archived: false },
      url: `${gitlab.origin}/team/a/b/inner`,
    });
    inner.repositoryAccess = 'private';
    expect((await source.project(String(inner.id))).visibility).toBe('private');
  });

  it('archived projects are told or left out, as is asked; one that is to be deleted is told as hidden (E42, E43)', async () => {
    await gitlab.show(project, { archived: true });
    const paths = async (archived: boolean) => {
      const { source } = await open({ scope: { groups: ['team'], archived } });
      const told = [];
      for await (const one of source.projects()) told.push([one.archived, one.hidden]);
      return told;
    };
    expect(await paths(false)).toEqual([]);
    expect(await paths(true)).toEqual([[true, undefined]]);
    gitlab.scheduleDeletion(project);
    expect(await paths(true)).toEqual([[true, 'its deletion is scheduled']]);
  });

  it('the default branch is followed when it changes, and the one before is gone then (E21)', async () => {
    await push([['a', 'b']]);
    const trunk = await gitlab.push(project, { branch: 'trunk', files: [['c', 'd']] });
    const { source, id } = await open();
    expect([...(await source.refs(id)).keys()]).toEqual(['main']);
    await project.repository.git('symbolic-ref', 'HEAD', 'refs/heads/trunk');
    await source.project(id);
    expect(await source.refs(id)).toEqual(new Map([['trunk', trunk]]));
    expect(await source.head(id, 'main')).toBeUndefined();
  });

  it('branches are named, or matched by a pattern, and the others are not there', async () => {
    for (const branch of ['main', 'release/1', 'release/2/x', 'main-2', 'feature'])
      await gitlab.push(project, { branch, files: [['a', branch]] });
    const { source, id } = await open({ scope: { projects: [project.path], refs: ['main', 'release/*', 'missing'] } });
    expect([...(await source.refs(id)).keys()].sort()).toEqual(['main', 'release/1', 'release/2/x']);
    expect(await source.head(id, 'feature')).toBeUndefined();
    expect(await source.head(id, 'release/1')).toMatch(/^[0-9a-f]{40}$/);
  });

  it('a branch is gone only if the list of branches lacks it (E24)', async () => {
    const head = await push([['a', 'b']]);
    const { source, id } = await open();
    gitlab.faults.push(firstTimes(1, /branches\/main/, { status: 404, body: '{"message":"404 Branch Not Found"}' }));
    expect(await source.head(id, 'main')).toBe(head);
    gitlab.faults.push(always(/branches/, { status: 404, body: '{"message":"404 Not Found"}' }));
    await expect(source.head(id, 'main')).rejects.toThrow(BlockProject);
  });
});

describe('trees', () => {
  it('a tree whose commit was collected is not there, and a tree that is not found is not empty (E23, E20)', async () => {
    const head = await push([['a', 'b']]);
    const { source, id } = await open();
    expect(await source.compare(id, 'c'.repeat(40), head)).toBeUndefined();
    gitlab.faults.push(always(/tree/, { status: 404, body: '{"message":"404 Tree Not Found"}' }));
    const other = await open();
    await expect(other.source.tree(id, head)).rejects.toThrow(TryAgain);
  });

  it('a listing that is too much for one call comes page by page, and a tree beyond all bounds is named (E47)', async () => {
    const head = await push(Array.from({ length: 350 }, (_, at): [string, string] => [`d${at % 5}/f${at}`, `${at}`]));
    const { source, id } = await open();
    gitlab.faults.push(always(/pagination=none/, { status: 500, body: '{}' }));
    expect((await source.tree(id, head))?.entries).toHaveLength(350);
    expect(asked(/pagination=keyset/)).toBe(4);
    const bounded = await open({ trees: { treeBytes: 1_000, pageEntries: 10 } });
    await expect(bounded.source.tree(id, head)).rejects.toThrow(/index it by a `git` source instead/);
  });

  it('a server that does not know how to give all at once gives pages', async () => {
    const head = await push(Array.from({ length: 150 }, (_, at): [string, string] => [`f${at}`, `${at}`]));
    const { source, id } = await open();
    gitlab.faults.push(({ path }) =>
      path.includes('pagination=none')
        ? { status: 200, headers: { link: '<http://x/?page=2>; rel="next"' }, body: '[]' }
        : undefined,
    );
    expect((await source.tree(id, head))?.entries).toHaveLength(150);
  });

  it('a commit is listed once, for pages, paths and differences together', async () => {
    const first = await push([['a', '1']]);
    const second = await push([['b', '2']]);
    const { source, id } = await open();
    await source.tree(id, first);
    await source.entries(id, first, ['a']);
    await source.compare(id, first, second);
    await source.compare(id, first, second);
    expect(asked(/tree/)).toBe(2);
  });

  it('names that are not UTF-8 come as GitLab writes them; of two that look alike one is told (E3)', async () => {
    const head = await push([
      [Buffer.from([0x66, 0xff]), 'one'],
      [Buffer.from([0x66, 0xfe]), 'two'],
      ['g', 'three'],
    ]);
    const { source, id } = await open();
    expect((await source.tree(id, head))?.entries.map(({ path }) => path)).toEqual(['f\ufffd', 'g']);
  });
});

describe('blobs', () => {
  it('many come in one archive; what attributes change, hide or expand comes by itself (E18, E38)', async () => {
    const files: [string, string | Buffer][] = [
      [
        '.gitattributes',
        '*.crlf text eol=crlf\n*.id ident\nhidden export-ignore\n*.sub export-subst\n*.u16 working-tree-encoding=UTF-16\n',
      ],
      ...([
        ['a.crlf', 'a\nb\n'],
        ['b.id', '$Id$\n'],
        ['hidden', 'not in archives'],
        ['c.sub', '$Format:%H$\n'],
      ] as [string, string][]),
      ['d.u16', 'stored as utf-8\n'],
      ...Array.from({ length: 30 }, (_, at): [string, string] => [`plain-${at}`, `plain ${at}\n`]),
      [`${'deep/'.repeat(60)}long`, 'a path that needs an extended header\n'],
    ];
    const head = await push(files);
    const one = await open();
    const wanted = await wantedOf(one, head);
    const found = await gather(one.source.blobs(one.id, wanted));
    for (const { path, blob } of wanted)
      expect(found.get(blob)?.equals(await project.repository.run(['cat-file', 'blob', blob])), path).toBe(true);
    expect(asked(/archive/)).toBe(1);
    const single = wanted.filter(({ blob }) => asked(new RegExp(blob)) > 0).map(({ path }) => path);
    expect(single.sort()).toEqual(['a.crlf', 'b.id', 'c.sub', 'd.u16', 'hidden']);
    // Again they come from the disk.
    const before = gitlab.seen.length;
    await gather(one.source.blobs(one.id, wanted));
    expect(gitlab.seen.length).toBe(before);
  });

  it.each([
    ['is refused', { status: 404, body: '{"message":"404 File Not Found"}' }],
    ['is cut off, with 200', { truncateAt: 300 }],
    ['is empty, with 200', { truncateAt: 0 }],
    ['is no archive', { status: 200, body: 'Sign in' }],
    ['hangs', { stallAt: 100 }],
  ])('an archive that %s costs single requests, and no document (E38)', async (_, fault) => {
    const files = Array.from({ length: 40 }, (_, at): [string, string] => [`f${at}`, `content ${at} ${Math.random()}`]);
    const head = await push(files);
    const one = await open({ silenceMs: 300 });
    gitlab.faults.push(always(/archive/, fault));
    expect((await gather(one.source.blobs(one.id, await wantedOf(one, head)))).size).toBe(40);
    expect(one.troubles).toHaveLength(1);
  });

  it('one that is too large comes cut off a byte later, also beside an archive (E6)', async () => {
    const head = await push([
      ['large', 'x'.repeat(50_000)],
      ['exact', 'y'.repeat(1_000)],
    ]);
    const one = await open({ maxBlobBytes: 1_000 });
    const found = await gather(one.source.blobs(one.id, await wantedOf(one, head)));
    expect([...found.values()].map(({ length }) => length).sort()).toEqual([1_000, 1_001]);
  });

  it('bytes that are not the blob are no answer', async () => {
    const head = await push([['a', 'the true content']]);
    const one = await open();
    const [entry] = await wantedOf(one, head);
    gitlab.faults.push(always(/blobs/, { status: 200, body: 'something else' }));
    await expect(gather(one.source.blobs(one.id, [{ ...entry, together: 1 } as WantedBlob]))).rejects.toThrow(TryAgain);
  });

  it('one that was collected between list and fetch is left out (E37)', async () => {
    const head = await push([['a', 'b']]);
    const one = await open();
    const [entry] = await wantedOf(one, head);
    gitlab.faults.push(always(/blobs/, { status: 404, body: '{"message":"404 Blob Not Found"}' }));
    expect(await gather(one.source.blobs(one.id, [{ ...entry, together: 1 } as WantedBlob]))).toEqual(new Map());
  });

  it('a file whose name climbs, or a link, in an archive writes nowhere (E50)', async () => {
    const head = await push([
      ['link', { mode: '120000', content: '/etc/passwd' }],
      ['a', 'b'],
    ]);
    const one = await open();
    const found = await gather(one.source.blobs(one.id, await wantedOf(one, head)));
    expect([...found.values()].map(String).sort()).toEqual(['/etc/passwd', 'b']);
  });
});
