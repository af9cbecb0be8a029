import { describe, expect, test } from 'vitest';
import { TryAgain } from '../../src/errors.ts';
import type { Parts } from '../../src/parts.ts';
import { documentKey, projectKey, refKey } from '../../src/records.ts';
import { mayReadNamed } from '../../src/search/access.ts';
import { read } from '../../src/search/read.ts';
import { search } from '../../src/search/search.ts';
import { entry, hashOf, point, uuid } from '../contracts/store-builders.ts';
import { memoryParts } from '../support/memory-parts.ts';
import { recordedTelemetry } from '../support/telemetry.ts';
import { embedder } from '../trials/sim/content.ts';

interface File {
  readonly project?: string;
  readonly ref?: string;
  readonly path: string;
  readonly text: string;
  readonly language?: string;
}

const PROJECTS = [
  { project: '1', path: 'team/web', groups: ['team'] },
  { project: '2', path: 'team/sub/api', groups: ['team', 'team/sub'] },
  { project: '3', path: 'teams/other', groups: ['teams'] },
];

const partsWith = async (files: readonly File[]) => {
  const { parts: made, generation, state } = await memoryParts();
  const parts = { ...made, sources: new Map([...made.sources.values()].map((source) => ['main', source] as const)) };
  for (const { project, path, groups } of PROJECTS) {
    const value = { path, groups, url: `https://git.test/${path}`, visibility: 'private', refs: [] };
    const key = projectKey({ instance: 'main', project });
    await state.raise('projects', [
      { key, scope: 'projects', seq: 1, token: 't', value: { ...value, blocked: undefined, reopened: false } },
    ]);
  }
  for (const { project = '1', ref = 'main', path, text, language = 'typescript' } of files) {
    const document = documentKey({ instance: 'main', project, ref, path });
    const id = uuid(document);
    const [vector = new Float32Array(4)] = await embedder().embed([text], 'passage');
    const one = { ...point({ id, document, text, language }), vector, hash: hashOf(text) };
    await generation.upsert([one]);
    await generation.record(entry({ document, chunks: [id], indexedBlob: `blob of ${path}` }), 'lower');
  }
  return parts;
};

const ask = async (parts: Parts, of: Partial<Parameters<typeof search>[1]>) =>
  (await search(parts, { text: 'word', mode: 'hybrid', limit: 10, ...of })).hits;

describe('one search over many projects', () => {
  const files: File[] = [
    { project: '1', path: 'src/a.ts', text: 'word a' },
    { project: '2', path: 'docs/b.md', text: 'word b', language: 'markdown' },
    { project: '2', path: 'conf/c.yaml', text: 'word c', language: 'yaml' },
    { project: '3', path: 'src/d.py', text: 'word d', language: 'python' },
    { project: '3', ref: 'dev', path: 'src/e.go', text: 'word e', language: 'go' },
  ];
  test.each([
    ['a project by its path', { project: 'team/web' }, 'a'],
    ['a project by its id', { project: '2' }, 'bc'],
    ['several projects', { project: ['team/web', 'teams/other'] }, 'ade'],
    ['a project that nobody knows', { project: 'nobody' }, ''],
    ['a group with its subgroups, and not one whose name only begins so', { group: 'team' }, 'abc'],
    ['a subgroup', { group: 'team/sub' }, 'bc'],
    ['a project outside of the group', { group: 'team/sub', project: 'team/web' }, ''],
    ['a language', { language: 'python' }, 'd'],
    ['several languages', { language: ['python', 'go'] }, 'de'],
    ['code', { kind: 'code' }, 'ade'],
    ['documentation and configuration', { kind: ['docs', 'config'] }, 'bc'],
    ['a language that is not of the kind', { kind: 'docs', language: 'go' }, ''],
    ['all at once', { group: 'teams', ref: 'dev', path: 'src/**', language: 'go', kind: 'code' }, 'e'],
  ] as const)('%s', async (_, filter, expected) => {
    const parts = await partsWith(files);
    for (const mode of ['hybrid', 'dense', 'lexical'] as const) {
      const texts = (await ask(parts, { mode, ...filter })).map(({ text }) => text.slice('word '.length));
      expect(texts.sort()).toEqual([...expected]);
    }
  });
});

test('a definition that many use is found among them', async () => {
  const users = Array.from({ length: 120 }, (_, i) => ({ path: `src/use${i}.ts`, text: `useThing(useThing(${i}))` }));
  const definition = {
    path: 'src/far.ts',
    text: `${'other words '.repeat(40)}\nexport const useThing = (n: number) => n;`,
  };
  const parts = await partsWith([...users, definition]);
  expect((await ask(parts, { text: 'useThing', limit: 5 }))[0]?.path).toBe('src/far.ts');
});

test('the same text on two branches is one hit that names the other', async () => {
  const text = 'a word that stands alone';
  const parts = await partsWith([
    { path: 'a.ts', text },
    { path: 'a.ts', text, ref: 'dev' },
  ]);
  const [hit, ...others] = await ask(parts, {});
  expect(others).toEqual([]);
  expect(hit).toMatchObject({ project: 'team/web', path: 'a.ts', blob: 'blob of a.ts', language: 'typescript' });
  expect(hit?.url).toMatch(/^https:\/\/git\.test\/team\/web\/(main|dev)\/a\.ts#1-/);
  expect([hit?.ref, ...(hit?.copies ?? []).map(({ ref }) => ref)].sort()).toEqual(['dev', 'main']);
});

test('a reranker has the last word on hybrid hits, and on no others', async () => {
  const parts = await partsWith(['ant', 'bee', 'cat'].map((name) => ({ path: `${name}.ts`, text: `word ${name}` })));
  const asked: string[] = [];
  const port = {
    async score(question: string, passages: readonly string[]) {
      asked.push(question);
      return passages.map((passage) => (passage.includes('bee') ? 2 : passage.includes('cat') ? 1 : 0));
    },
    async close() {},
  };
  const reading = { ...parts, reranker: { port, passages: 30 } };
  expect((await ask(reading, { limit: 2 })).map(({ text, score }) => [text, score])).toEqual([
    ['word bee', 2],
    ['word cat', 1],
  ]);
  await ask(reading, { mode: 'lexical' });
  expect(asked).toEqual(['word']);
});

/** Its embedder holds passages with this word for the nearest. */
const comparing = (parts: Parts, best: string): Parts => ({
  ...parts,
  tools: async (generation) => {
    const tools = await parts.tools(generation);
    const compare = async (_: string, passages: readonly string[]) =>
      passages.map((passage) => (passage.includes(best) ? 1 : 0));
    return { ...tools, embedder: { ...tools.embedder, compare } };
  },
});

test('hybrid also reads what says it in other words, which neither meaning nor words have found', async () => {
  const others = Array.from({ length: 60 }, (_, at) => ({ path: `other${at}.ts`, text: `other ${at}` }));
  const parts = await partsWith([...others, { path: 'match.ts', text: 'match by glob' }]);
  const [itself = new Float32Array()] = await embedder().embed(['match by glob'], 'passage');
  const opposite: Parts['tools'] = async (generation) => {
    const tools = await parts.tools(generation);
    return { ...tools, embedder: { ...tools.embedder, embed: async () => [itself.map((value) => -value)] } };
  };
  const asked = comparing({ ...parts, tools: opposite }, 'glob');
  expect((await ask(asked, { text: 'wildcards' }))[0]?.path).toBe('match.ts');
  expect(await ask(parts, { text: 'wildcards', mode: 'lexical' })).toEqual([]);
});

test('an embedder that compares has its say in hybrid, and in no search by one arm', async () => {
  const parts = await partsWith(['ant', 'bee', 'cat'].map((name) => ({ path: `${name}.ts`, text: `word ${name}` })));
  const first = async (by: Parts, mode: 'hybrid' | 'dense' | 'lexical') =>
    (await ask(by, { text: 'sandwich of a word', mode }))[0]?.path;
  for (const name of ['ant', 'bee', 'cat']) {
    expect(await first(comparing(parts, name), 'hybrid')).toBe(`${name}.ts`);
    for (const mode of ['dense', 'lexical'] as const)
      expect(await first(comparing(parts, name), mode)).toBe(await first(parts, mode));
  }
});

test('a reranker that fails costs its order, and no answer', async () => {
  const files = ['ant', 'bee', 'cat'].map((name) => ({ path: `${name}.ts`, text: `word ${name}` }));
  const telemetry = recordedTelemetry();
  const parts = { ...(await partsWith(files)), telemetry };
  const port = { score: () => Promise.reject(new TryAgain('it is away')), async close() {} };
  const without = await ask(parts, { limit: 2 });
  expect(await ask({ ...parts, reranker: { port, passages: 30 } }, { limit: 2 })).toEqual(without);
  expect(telemetry.told).toContainEqual(['rerankingFailed', { error: 'it is away' }]);
});

describe('thousands of projects', () => {
  const hide = async (parts: Parts, project: string, hidden: string | undefined) => {
    const key = projectKey({ instance: 'main', project });
    const row = (await parts.state.read('projects', [key])).get(key);
    if (row) await parts.state.raise('projects', [{ ...row, seq: row.seq + 1, value: { ...row.value, hidden } }]);
  };

  test('are not read again by each search', async () => {
    const made = await partsWith([{ path: 'a.ts', text: 'alpha beta' }]);
    let pages = 0;
    const page: Parts['state']['page'] = (table, scope, cursor) => {
      if (table === 'projects') pages += 1;
      return made.state.page(table, scope, cursor);
    };
    const parts = { ...made, state: { ...made.state, page } };
    await ask(parts, {});
    const once = pages;
    expect(once).toBeGreaterThan(0);
    for (let again = 0; again < 5; again += 1) await ask(parts, {});
    expect(pages).toBeLessThanOrEqual(2 * once);
  });

  test('show nothing of one that was hidden since they were read', async () => {
    const parts = await partsWith([
      { path: 'a.ts', text: 'alpha beta' },
      { path: 'b.ts', text: 'alpha beta gamma', project: '2' },
    ]);
    expect((await ask(parts, {})).map(({ path }) => path).sort()).toEqual(['a.ts', 'b.ts']);
    const key = refKey({ instance: 'main', project: '2', ref: 'main' });
    const value = { planned: 'c1', dirty: false, rules: 'r1' };
    await parts.state.raise('refs', [{ key, scope: 'refs', seq: 1, token: 't', value }]);
    expect((await read(parts, { path: 'b.ts', from: 1, lines: 1 })).text).toBe('alpha beta gamma');
    await hide(parts, '2', 'it was deleted');
    expect((await ask(parts, {})).map(({ path }) => path)).toEqual(['a.ts']);
    await expect(read(parts, { path: 'b.ts', from: 1, lines: 1 })).rejects.toThrow('there is no document b.ts');
    // Nor to somebody who could read it a moment ago.
    const mayRead = mayReadNamed(['team']);
    await expect(read(parts, { path: 'b.ts', from: 1, lines: 1, mayRead })).rejects.toThrow(
      'there is no document b.ts',
    );
  });
});
