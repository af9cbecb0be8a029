import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { BlockProject } from '../../src/errors.ts';
import { pathToBytes } from '../../src/paths/bytes.ts';
import type { RefChange, RepoSource, TreeDifference, TreeEntry } from '../../src/ports.ts';
import { type File, type Listed, listed, type TestRepository } from '../support/repository.ts';

export interface Subject {
  readonly source: RepoSource;
  /** The project that the repository is, with `main` as its default branch. */
  readonly project: string;
  /** Somebody whom its server knows, where there is one. */
  readonly user?: string;
  /** What the source reads. What is done to it is seen by the source at once. */
  readonly repository: TestRepository;
  /** Another source over the same repository, as after a restart. */
  readonly again: () => Promise<RepoSource>;
  readonly close: () => Promise<void>;
}

export interface Abilities {
  /** Whether paths that are not UTF-8 can be told. */
  readonly anyBytes: boolean;
  /** Whether it can tell sizes, so that nothing too large need be fetched. */
  readonly sizes: boolean;
}

const ABSENT = 'deadbeef'.repeat(5);
const bytes = (path: string) => pathToBytes(path).toString('latin1');
const latin1 = (path: string) => Buffer.from(path).toString('latin1');

const allPages = async (source: RepoSource, project: string, commit: string) => {
  const pages: { readonly cursor: string | undefined; readonly entries: readonly TreeEntry[] }[] = [];
  for (let cursor: string | undefined; ; ) {
    const page = await source.tree(project, commit, cursor);
    if (!page) throw new Error(`commit ${commit} is not there`);
    pages.push({ cursor, entries: page.entries });
    if (page.next === undefined) return pages;
    cursor = page.next;
  }
};

export const sourceContract = (name: string, abilities: Abilities, open: () => Promise<Subject>) => {
  const opened: Subject[] = [];
  const subject = async () => {
    const one = await open();
    opened.push(one);
    return one;
  };

  const asListed = (entries: Iterable<TreeEntry>): Map<string, Listed> =>
    new Map([...entries].map(({ path, type, blob, size }) => [bytes(path), { type, blob, size }]));
  const asGitSays = async (repository: TestRepository, commit: string): Promise<Map<string, Listed>> => {
    const says = await listed(repository, commit);
    return abilities.sizes ? says : new Map([...says].map(([path, file]) => [path, { ...file, size: undefined }]));
  };
  const treeOf = async ({ source, project }: Subject, commit: string) => {
    const entries = (await allPages(source, project, commit)).flatMap((page) => page.entries);
    return asListed(await source.sized(project, entries));
  };

  const contents = async ({ source, project }: Subject, entries: readonly TreeEntry[]) => {
    const found = new Map<string, Buffer>();
    for await (const { blob, bytes: content } of source.blobs(project, entries)) {
      expect(found.has(blob), `blob ${blob} is given once`).toBe(false);
      found.set(blob, Buffer.from(content));
    }
    return found;
  };

  /** What the difference must be, told from two listings. */
  const expectedDifference = async (repository: TestRepository, base: string, head: string) => {
    const [before, after] = [await asGitSays(repository, base), await asGitSays(repository, head)];
    const expected = new Map<string, Listed | 'gone'>();
    for (const [path, file] of after) {
      const old = before.get(path);
      if (old?.blob !== file.blob || old.type !== file.type) expected.set(path, { ...file, size: undefined });
    }
    for (const path of before.keys()) if (!after.has(path)) expected.set(path, 'gone');
    return expected;
  };
  const asDifference = (differences: readonly TreeDifference[] | undefined) => {
    expect(differences).toBeDefined();
    const told = new Map<string, Listed | 'gone'>();
    for (const entry of differences ?? []) {
      const path = bytes(entry.path);
      expect(told.has(path), `${entry.path} is told once`).toBe(false);
      if (entry.blob === null) told.set(path, 'gone');
      else told.set(path, { type: entry.type, blob: entry.blob, size: undefined });
    }
    return told;
  };

  describe(`source contract: ${name}`, () => {
    afterEach(async () => {
      await Promise.all(opened.splice(0).map(({ close }) => close()));
    });

    it('answers a probe, and tells its project', async () => {
      const { source, project } = await subject();
      await source.probe();
      const told = [];
      for await (const one of source.projects()) told.push(one);
      expect(told.map(({ id }) => id)).toContain(project);
      expect((await source.project(project)).id).toBe(project);
    });

    it('finds nothing wrong where all that is configured can be read', async () => {
      const { source, repository } = await subject();
      await repository.commit({ files: [['a.md', 'one']] });
      const findings = await source.check();
      expect(findings.length).toBeGreaterThan(0);
      expect(findings.filter(({ level }) => level === 'error')).toEqual([]);
      for (const { level, finding, remedy } of findings) {
        expect(finding).not.toBe('');
        expect(remedy === '', `${finding}: ${remedy}`).toBe(level === 'ok');
      }
    });

    it('shows no project to a user of another server, nor to anybody where it has no users', async () => {
      const { source, project, user = 'root' } = await subject();
      const open = { id: project, visibility: 'public', groups: [] };
      for (const server of ['https://elsewhere.test', '', ...(source.server === undefined ? ['undefined'] : [])])
        expect(await source.mayRead({ name: user, server }, open)).toBe(false);
      if (source.server === undefined) return;
      expect(await source.mayRead({ name: user, server: source.server }, open)).toBe(true);
      expect(await source.mayRead({ name: 'nobody-of-that-name', server: source.server }, open)).toBe(false);
    });

    it('knows without asking that the configuration leads to its project and default branch, and not to others', async () => {
      const { source, project } = await subject();
      const { path } = await source.project(project);
      expect(source.leadsTo({ project, path })).toBe(true);
      expect(source.leadsTo({ project: '999999', path: 'nowhere/to-be-found' })).toBe(false);
      expect(source.mayTrack(project, 'main', 'main')).toBe(true);
    });

    it('tells of each head by hooks, or by watching until it is told to end', async () => {
      const { source, project, repository } = await subject();
      const head = await repository.commit({ files: [['a.md', 'one']] });
      const stop = new AbortController();
      const told: RefChange[] = [];
      const troubles: string[] = [];
      const watching = source.watch({
        signal: stop.signal,
        tracked: async () => [],
        onChange: (change) => void told.push(change),
        onTrouble: (of, error) => void troubles.push(`${of}: ${error.message}`),
      });
      if (source.hooks) await watching;
      else
        await vi.waitFor(() => expect(told).toEqual([{ project, ref: 'main', before: null, after: head }]), {
          timeout: 10_000,
        });
      stop.abort();
      await watching;
      expect(troubles).toEqual([]);
    });

    it('believes no hook without a proof, and makes no news of what is none', async () => {
      const { source } = await subject();
      const { hooks } = source;
      if (!hooks) return;
      // By which a hook is known to be one of its server's.
      expect(source.server).toBeDefined();
      expect(hooks.proof({}, { secrets: ['a secret'], now: Date.now() })).toHaveProperty('refused');
      expect(hooks.isSigned({}, Buffer.from('{}'), ['a secret'])).toBe(false);
      for (const body of [null, [], 'text', { event: 1 }]) expect(['strange', 'other']).toContain(hooks.news(body).is);
      expect(hooks.said({})).toEqual({ event: '', id: undefined, server: undefined });
    });

    it('shows lines on a page below that of the project, or on none', async () => {
      const { source } = await subject();
      const lines = { ref: 'main', path: 'a b/ü#?.md', startLine: 3, endLine: 4 };
      const url = source.urlOf('https://git.test/team/web', lines);
      if (url !== undefined) {
        expect(url.startsWith('https://git.test/team/web/')).toBe(true);
        expect(new URL(url).href).toBe(url);
        expect(url).toContain('a%20b/%C3%BC%23%3F.md');
      }
      expect(source.urlOf('https://git.test/team/web', { ...lines, path: 'a\udcff' })).toBeUndefined();
    });

    it('blocks a project that it does not have, whatever is asked', async () => {
      const { source } = await subject();
      await expect(source.project('999999')).rejects.toThrow(BlockProject);
      await expect(source.refs('999999')).rejects.toThrow(BlockProject);
      await expect(source.head('999999', 'main')).rejects.toThrow(BlockProject);
      await expect(source.tree('999999', ABSENT)).rejects.toThrow(BlockProject);
    });

    it('a repository without commits has no refs and no head', async () => {
      const { source, project } = await subject();
      expect(await source.refs(project)).toEqual(new Map());
      expect(await source.head(project, 'main')).toBeUndefined();
    });

    it('the head follows commits and force pushes, and is undefined once the branch is deleted', async () => {
      const { source, project, repository } = await subject();
      const first = await repository.commit({ files: [['a.md', 'one']] });
      expect(await source.refs(project)).toEqual(new Map([['main', first]]));
      const second = await repository.commit({ files: [['a.md', 'two']] });
      expect(await source.head(project, 'main')).toBe(second);
      const forced = await repository.commit({ files: [['b.md', 'three']], orphan: true });
      expect(await source.head(project, 'main')).toBe(forced);
      await repository.commit({ branch: 'maintenance', files: [['c.md', 'four']] });
      await repository.git('update-ref', '-d', 'refs/heads/main');
      expect(await source.head(project, 'main')).toBeUndefined();
      expect((await source.refs(project)).has('main')).toBe(false);
    });

    it('lists every file with its mode, blob and size, as git does', async () => {
      const one = await subject();
      const { repository } = one;
      const names: (string | Buffer)[] = [
        ...[
          'plain.md',
          'with space.md',
          ' leading',
          'trailing ',
          'line\nbreak',
          'quote"\'`\\',
          'tab\there',
          '*',
          '?[a]{b}',
        ],
        ...['#hash', '!bang', '-dash', '~tilde', 'é-nfc'.normalize('NFC'), 'é-nfd'.normalize('NFD'), '日本語/文書.md'],
        ...[
          'emoji-👩‍👩‍👧.txt',
          'a/b/c/d/e/f/g/h.md',
          'a.b',
          'a-b',
          'a0',
          'A/README.md',
          'a/README.md',
          '\u{1f}\u{7f}',
          '...',
          '%2e%2e',
        ],
        ...(abilities.anyBytes
          ? [Buffer.from([0x66, 0xff, 0x2e]), Buffer.from([0xc3]), Buffer.from([0xed, 0xb3, 0x83, 0x2f, 0xa9])]
          : []),
      ];
      const files = names.map((path, index): [string | Buffer, File] => [path, `content ${index}\n`]);
      const head = await repository.commit({
        files: [
          ...files,
          ['empty', ''],
          ['run.sh', { mode: '100755', content: '#!/bin/sh\n' }],
          ['link', { mode: '120000', content: 'plain.md' }],
          ['modules/sub', { mode: '160000', commit: ABSENT }],
        ],
      });
      const tree = await treeOf(one, head);
      expect(tree).toEqual(await asGitSays(repository, head));
      expect(tree.size).toBe(files.length + 4);
      expect(tree.get('modules/sub')).toEqual({ type: '160000', blob: ABSENT, size: undefined });
      expect(tree.has(latin1('é-nfc'.normalize('NFC'))) && tree.has(latin1('é-nfd'.normalize('NFD')))).toBe(true);
    });

    it('lists many pages, each the same whenever and by whomever it is asked for', async () => {
      const one = await subject();
      const { source, project, repository, again } = one;
      const files = Array.from({ length: 2_600 }, (_, index): [string, string] => [
        `${index % 3 === 0 ? 'flat' : `deep/${index % 7}/${index % 11}/x`}/file ${index}.txt`,
        `${index % 50}`,
      ]);
      const head = await repository.commit({ files });
      await repository.commit({ files: [['flat/later.txt', 'not of that commit']] });
      const pages = await allPages(source, project, head);
      expect(pages.length).toBeGreaterThan(2);
      const entries = pages.flatMap((page) => page.entries);
      expect(entries.length).toBe(files.length);
      expect(asListed(await source.sized(project, entries))).toEqual(await asGitSays(repository, head));
      const other = await again();
      for (const { cursor, entries: before } of [...pages].reverse()) {
        expect((await source.tree(project, head, cursor))?.entries).toEqual(before);
        expect((await other.tree(project, head, cursor))?.entries).toEqual(before);
      }
      await other.close();
    });

    it('an empty tree is one empty page, and a commit that is not there has no tree', async () => {
      const { source, project, repository } = await subject();
      await repository.commit({ files: [['a', 'b']] });
      const empty = await repository.commit({ files: [['a', null]] });
      expect(await source.tree(project, empty)).toEqual({ entries: [] });
      expect(await source.tree(project, ABSENT)).toBeUndefined();
      expect(await source.tree(project, '0'.repeat(40))).toBeUndefined();
    });

    it('finds those of the paths that the commit has, and no folder', async () => {
      const { source, project, repository } = await subject();
      const head = await repository.commit({
        files: [
          ['docs/deep/a b.md', 'x'],
          ['docs/deep/é', 'y'],
          ['top', { mode: '100755', content: 'z' }],
          ['sub', { mode: '160000', commit: ABSENT }],
          ...(abilities.anyBytes ? [[Buffer.from('docs/\xff', 'latin1'), 'w'] as const] : []),
        ],
      });
      const has = [...(await treeOf({ source, project } as Subject, head)).keys()];
      const asked = ['docs/deep/a b.md', 'docs/deep/é', 'top', 'sub', ...(abilities.anyBytes ? ['docs/\udcff'] : [])];
      const not = [
        '',
        'docs',
        'docs/',
        'docs/deep',
        '/top',
        'top/',
        'top/x',
        'TOP',
        'nope',
        'docs//deep',
        './top',
        '../top',
        '*',
      ];
      const found = await source.entries(project, head, [...asked, ...not, 'top']);
      expect([...(found?.keys() ?? [])].sort()).toEqual([...asked].sort());
      const says = await asGitSays(repository, head);
      expect(asListed(await source.sized(project, [...(found?.values() ?? [])]))).toEqual(
        new Map(has.map((path) => [path, says.get(path)])),
      );
      expect(await source.entries(project, head, [])).toEqual(new Map());
    });

    it('tells every kind of difference, and a rename as a deletion and an addition', async () => {
      const { source, project, repository } = await subject();
      const base = await repository.commit({
        files: [
          ['same', 'same'],
          ['edited', 'one'],
          ['renamed from', 'a long content that any detection of renames would find'],
          ['deleted', 'x'],
          ['mode', 'y'],
          ['becomes link', 'target'],
          ['becomes module', 'z'],
          ['becomes folder', 'file'],
          ['was folder/a', 'a'],
          ['module', { mode: '160000', commit: ABSENT }],
          ['line\nbreak', 'u'],
        ],
      });
      const head = await repository.commit({
        files: [
          ['edited', 'two'],
          ['renamed from', null],
          ['renamed to é', 'a long content that any detection of renames would find'],
          ['deleted', null],
          ['mode', { mode: '100755', content: 'y' }],
          ['becomes link', { mode: '120000', content: 'target' }],
          ['becomes module', { mode: '160000', commit: ABSENT }],
          ['becomes folder', null],
          ['becomes folder/file', 'file'],
          ['was folder/a', null],
          ['was folder', 'a'],
          ['module', { mode: '160000', commit: 'cafe'.repeat(10) }],
          ['line\nbreak', 'v'],
          ['added/deep/x', 'w'],
        ],
      });
      const told = asDifference(await source.compare(project, base, head));
      expect(told).toEqual(await expectedDifference(repository, base, head));
      expect(told.get('renamed from')).toBe('gone');
      expect(asDifference(await source.compare(project, head, base))).toEqual(
        await expectedDifference(repository, head, base),
      );
    });

    it('compares trees and no histories: a force push to something unrelated, and no change at all', async () => {
      const { source, project, repository } = await subject();
      const base = await repository.commit({
        files: [
          ['a', '1'],
          ['b', '2'],
        ],
      });
      const head = await repository.commit({
        files: [
          ['b', '2'],
          ['c', '3'],
        ],
        orphan: true,
      });
      expect(asDifference(await source.compare(project, base, head))).toEqual(
        await expectedDifference(repository, base, head),
      );
      expect(await source.compare(project, head, head)).toEqual([]);
    });

    it('cannot tell a difference from, or to, a commit that is not there', async () => {
      const { source, project, repository } = await subject();
      const head = await repository.commit({ files: [['a', '1']] });
      expect(await source.compare(project, ABSENT, head)).toBeUndefined();
      expect(await source.compare(project, '0'.repeat(40), head)).toBeUndefined();
      expect(await source.compare(project, head, ABSENT)).toBeUndefined();
    });

    it('gives blobs byte by byte, whatever attributes ask for', async () => {
      const one = await subject();
      const { source, project, repository } = one;
      const contentsByPath = new Map<string, string | Uint8Array>([
        ['.gitattributes', '* text eol=crlf ident\nhidden export-ignore\n*.u16 working-tree-encoding=UTF-16\n'],
        ['unix', 'a\nb\n$Id$\n'],
        ['dos', 'a\r\nb\r\n'],
        ['bom', '\ufeffbom'],
        ['latin1', Buffer.from('caf\xe9', 'latin1')],
        ['x.u16', 'stored as utf-8'],
        ['hidden', 'not for archives'],
        ['binary', randomBytes(100_000)],
        ['zeros', new Uint8Array(70_000)],
        ['empty', ''],
        ['no end of line', 'x'],
        ['like a header', `${ABSENT} blob 5\n${ABSENT} missing\n`],
        ['json.json', '{"a":1}'],
      ]);
      const head = await repository.commit({
        files: [...contentsByPath, ['link', { mode: '120000', content: 'unix' }]],
      });
      const entries = (await allPages(source, project, head)).flatMap((page) => page.entries);
      const found = await contents(one, entries);
      for (const entry of entries) {
        const expected = contentsByPath.get(entry.path) ?? 'unix';
        expect(found.get(entry.blob)?.equals(Buffer.from(expected)), entry.path).toBe(true);
      }
    });

    it('a blob that is not there, and what a submodule names, is left out; one that is asked for twice comes once', async () => {
      const one = await subject();
      const { source, project, repository } = one;
      const head = await repository.commit({
        files: [
          ['a', 'same'],
          ['b', 'same'],
          ['c', 'other'],
          ['sub', { mode: '160000', commit: ABSENT }],
        ],
      });
      const entries = (await allPages(source, project, head)).flatMap((page) => page.entries);
      const unsized = entries.map(({ path, type, blob }) => ({ path, type, blob }));
      const absent = { path: 'x', type: '100644', blob: ABSENT };
      for (const asked of [
        [...entries, absent],
        [absent, ...unsized],
        [absent, { ...absent, blob: 'cafe'.repeat(10), size: 4 }, ...entries],
      ]) {
        const found = await contents(one, asked);
        expect([...found.values()].map(String).sort()).toEqual(['other', 'same']);
      }
      expect(await contents(one, [absent])).toEqual(new Map());
      expect(await contents(one, [])).toEqual(new Map());
    });

    it('serves many callers at once, and one that stops in the middle', async () => {
      const one = await subject();
      const { source, project, repository } = one;
      const files = Array.from({ length: 300 }, (_, index): [string, string] => [
        `f${index}`,
        `${index}-`.repeat(index * 3),
      ]);
      const head = await repository.commit({ files });
      const entries = (await allPages(source, project, head)).flatMap((page) => page.entries);
      for await (const { bytes: content } of source.blobs(project, entries)) {
        expect(content.length).toBeGreaterThanOrEqual(0);
        break;
      }
      const slices = Array.from({ length: 6 }, (_, index) =>
        entries.filter((_entry, at) => at % 6 === index || at % 5 === 0),
      );
      const results = await Promise.all(slices.map((slice) => contents(one, slice)));
      for (const [index, slice] of slices.entries()) {
        for (const { path, blob } of slice) {
          const number = Number(path.slice(1));
          expect(String(results[index]?.get(blob))).toBe(`${number}-`.repeat(number * 3));
        }
      }
    });

    it('what a force push left behind can be read as long as it is there', async () => {
      const one = await subject();
      const { source, project, repository } = one;
      const old = await repository.commit({ files: [['a', 'old']] });
      await repository.commit({ files: [['a', 'new']], orphan: true });
      expect(await treeOf(one, old)).toEqual(await asGitSays(repository, old));
      const entries = (await source.tree(project, old))?.entries ?? [];
      expect([...(await contents(one, entries)).values()].map(String)).toEqual(['old']);
    });
  });
};
