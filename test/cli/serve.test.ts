import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildExecutable, type Executable, eventually, type Running } from '../support/executable.ts';
import { makeRepository, type TestRepository } from '../support/repository.ts';

let tidemark: Executable;
let repository: TestRepository;
let service: Running;
let url: string;

const tide = (...args: string[]) => tidemark.run(repository.directory, args);
const found = async (query: string): Promise<{ path: string }[]> => {
  const { stdout } = await tide('search', query, '--json', '--mode', 'lexical');
  return stdout === '' ? [] : JSON.parse(stdout).hits;
};
const serve = async () => {
  service = tidemark.start(repository.directory, ['serve']);
  url = (await service.says(/^ready: (\S+?)\/status/m))[1] ?? '';
};

beforeAll(async () => {
  tidemark = buildExecutable();
  repository = await makeRepository();
  await repository.commit({
    files: [
      ['docs/tides.md', '# Tides\n\n## Spring tide\n\nThe moon pulls the water.\n'],
      ['src/offsets.ts', 'export const commit = (offset: number) => offset + 1;\n'],
      ['picture.bin', Buffer.from([0, 1, 2, 3])],
    ],
  });
  await serve();
}, 60_000);

afterAll(async () => {
  await tidemark?.remove();
  await repository?.remove();
});

describe('beside a running service', () => {
  it('search is made ready once the index is in step, before anybody asks', async () => {
    await service.says(/in step, 3 documents/);
    await service.says(/search is ready/);
  });

  it('a search answers with all that scripts rely on', async () => {
    await eventually(
      () => found('moon'),
      (hits) => hits.length > 0,
    );
    const { code, stdout } = await tide('search', 'what does the moon do?', '--json', '--limit', '1');
    expect(code).toBe(0);
    const answer = JSON.parse(stdout);
    expect(answer).toMatchObject({ query: 'what does the moon do?', mode: 'hybrid' });
    expect(answer.generation).toMatch(/^tidemark-default-[0-9a-f]{12}$/);
    expect(answer.hits).toEqual([
      {
        ...{ score: expect.any(Number), project: 'repository', ref: 'main', path: 'docs/tides.md' },
        ...{ startLine: expect.any(Number), endLine: expect.any(Number), heading: expect.any(Array) },
        ...{ text: expect.stringContaining('moon'), blob: expect.any(String), commit: expect.any(String), url: null },
        ...{ language: 'markdown', copies: [], head: expect.any(String), stale: false },
      },
    ]);
    expect(answer).toMatchObject({ next: 1, freshness: { fresh: true, pending: 0, pendingOf: 'scope' } });
  });

  it('what was committed a moment ago is found by who waits for it', async () => {
    const head = await repository.commit({ files: [['docs/moment.md', 'The petrichor of this moment.\n']] });
    const { stdout } = await tide('search', 'petrichor', '--json', '--mode', 'lexical', '--fresh');
    expect(JSON.parse(stdout)).toMatchObject({
      hits: [{ path: 'docs/moment.md', commit: head, head, stale: false }],
      freshness: { fresh: true },
    });
    await repository.commit({ files: [['docs/moment.md', null]] });
  });

  it('a commit is found, and what it deleted is not', async () => {
    await repository.commit({
      files: [
        ['docs/ebb.md', 'The zygomorphic ebb.\n'],
        ['docs/tides.md', null],
      ],
    });
    const hits = await eventually(
      () => found('zygomorphic'),
      (found) => found.length > 0,
    );
    expect(hits[0]?.path).toBe('docs/ebb.md');
    await eventually(
      () => found('moon'),
      (found) => found.length === 0,
    );
  });

  it('a backfill of what is in step plans and embeds nothing', async () => {
    const { code, stdout } = await tide('backfill', '--json');
    expect(JSON.parse(stdout)).toMatchObject({ status: 'success', planned: 0, embedded: 0, unchanged: 3 });
    expect(code).toBe(0);
  });

  it('status, documents and verify agree with the repository', async () => {
    const status = JSON.parse((await tide('status', '--json')).stdout);
    const head = await repository.git('rev-parse', 'main');
    expect(status).toMatchObject({
      ready: true,
      projects: [{ project: 'repository', head, planned: head, pending: 0 }],
    });
    const documents = (await tide('documents', '--json')).stdout.trimEnd().split('\n');
    const listed = documents.map((line) => JSON.parse(line)).map(({ path, status, reason }) => [path, status, reason]);
    expect(listed.sort()).toEqual([
      ['docs/ebb.md', 'indexed', ''],
      ['picture.bin', 'skipped', 'binary'],
      ['src/offsets.ts', 'indexed', ''],
    ]);
    const shown = JSON.parse((await tide('documents', 'show', 'docs/ebb.md', '--json')).stdout);
    expect(shown.chunkList).toMatchObject([{ startLine: 1, endLine: 1, text: 'The zygomorphic ebb.' }]);
    const verified = await tide('verify', '--json');
    expect(JSON.parse(verified.stdout)).toMatchObject({ documents: 3, differences: [], status: 'same' });
    expect(verified.code).toBe(0);
  });

  it('its pages say how it is, to callers of this machine alone', async () => {
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    expect(await (await fetch(`${url}/readyz`)).json()).toEqual({ ready: true, reasons: [] });
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(metrics).toMatch(/^tidemark_deliveries_settled_total\{.*flow="index"/m);
    expect(metrics).toMatch(/^tidemark_lag_records\{pipeline="default",flow="plan"\} 0$/m);
    expect(metrics).toMatch(/^tidemark_indexed\{pipeline="default",what="documents"\} 3$/m);
    expect(await (await fetch(`${url}/status`)).json()).toMatchObject({
      pipelines: [{ pipeline: 'default', ready: true }],
    });
    expect((await fetch(`${url}/nothing`)).status).toBe(404);
    expect((await fetch(`${url}/status`, { method: 'POST' })).status).toBe(405);
  });

  it('a reindex for another chunk size loses no commit, and searches are answered throughout (E49)', async () => {
    await writeFile(join(repository.directory, 'tidemark.yaml'), 'pipelines: { default: { chunk: { tokens: 64 } } }');
    const reindex = tidemark.start(repository.directory, ['reindex', '--json']);
    const answers = new Set<string>();
    for (let commit = 0; reindex.child.exitCode === null; commit += 1) {
      await repository.commit({ files: [[`during/${commit}.md`, `Number ${commit} of the cormorants.\n`]] });
      const { stdout } = await tide('search', 'zygomorphic', '--json', '--mode', 'lexical');
      const { generation, hits } = JSON.parse(stdout);
      expect(hits).toHaveLength(1);
      answers.add(generation);
    }
    const { generation, previous, moved } = JSON.parse((await reindex.ended).stdout);
    expect(moved).toBe(true);
    expect([...answers].every((name) => name === generation || name === previous)).toBe(true);
    const verified = await eventually(
      () => tide('verify', '--json'),
      ({ code }) => code === 0,
    );
    expect(JSON.parse(verified.stdout)).toMatchObject({ differences: [] });
    expect(JSON.parse((await tide('status', '--json')).stdout)).toMatchObject({ generation, previous });
  });

  it('a second service is refused, and told where to look', async () => {
    const { code, stderr } = await tide('serve');
    expect(code).toBe(75);
    expect(stderr).toContain(url);
  });
});

describe('ending', () => {
  it('Ctrl-C, twice within a second as npm makes it, drains and says what is left; then commands do without', async () => {
    service.child.kill('SIGINT');
    service.child.kill('SIGINT');
    const { code, stderr } = await service.ended;
    expect(code).toBe(0);
    expect(stderr).toMatch(/nothing is left/);
    expect((await found('zygomorphic'))[0]?.path).toBe('docs/ebb.md');
    expect(await readFile(join(repository.directory, '.tidemark', '.gitignore'), 'utf8')).toBe('*\n');
  });

  it('what it has logged into a pipe was JSON, line by line to the end', async () => {
    const { stderr } = await service.ended;
    const lines = stderr
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.length).toBeGreaterThan(3);
    for (const line of lines) expect(line).toMatchObject({ level: expect.any(Number), msg: expect.any(String) });
  });

  it('with --log text it logs sentences into a pipe too, in colours where FORCE_COLOR asks for them', async () => {
    const texts = tidemark.start(repository.directory, ['serve', '--log', 'text'], { FORCE_COLOR: '1' });
    await texts.says(/search is ready/);
    texts.child.kill('SIGINT');
    const { code, stderr } = await texts.ended;
    expect(code).toBe(0);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are controls.
    expect(stderr).toMatch(/^\u001b\[2m\d\d:\d\d:\d\d\u001b\[0m \u001b\[36minfo \u001b\[0m search is ready/m);
    expect(await tide('serve', '--log', 'yaml')).toMatchObject({ code: 2, stderr: expect.stringContaining('"yaml"') });
  });

  it('after kill -9 in the middle of the work the next start goes on, and nothing is lost', async () => {
    const before = JSON.parse((await tide('verify', '--json')).stdout).documents;
    const files = Array.from({ length: 300 }, (_, at) => [`many/${at}.md`, `# File ${at}\n\nabout ${at}\n`] as const);
    await serve();
    await repository.commit({ files });
    await service.says(/sweep opened|changes":300/);
    service.child.kill('SIGKILL');
    await service.ended;
    const { stdout } = await tide('backfill', '--json');
    const { planned, indexed, skipped, deleted, failed, superseded } = JSON.parse(stdout);
    expect(planned).toBe(indexed + skipped + deleted + failed + superseded);
    const after = JSON.parse((await tide('verify', '--json')).stdout);
    expect(after).toMatchObject({ documents: before + 300, differences: [] });
  });
});
