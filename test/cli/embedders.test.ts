import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DIMENSIONS, type EmbeddingServer, embeddingServer, refuse } from '../support/embedding-server.ts';
import { buildExecutable, type Executable } from '../support/executable.ts';
import { installed } from '../support/installed.ts';
import { makeRepository, type TestRepository } from '../support/repository.ts';
import { type SmallModel, smallModel } from '../support/small-model.ts';

const KEY = 'sk-nobody-may-see-this';

let tidemark: Executable;
let repository: TestRepository;
let model: SmallModel;
let server: EmbeddingServer;
const tide = (...args: string[]) => tidemark.run(repository.directory, args);
const configure = (embedder: object) =>
  writeFile(join(repository.directory, 'tidemark.yaml'), JSON.stringify({ pipelines: { default: { embedder } } }));
const nearest = async (query: string): Promise<string> => {
  const { stdout } = await tide('search', query, '--json', '--mode', 'dense', '--limit', '1');
  return JSON.parse(stdout).hits[0]?.path;
};

beforeAll(async () => {
  tidemark = buildExecutable();
  [repository, server] = await Promise.all([makeRepository(), embeddingServer()]);
  model = smallModel();
  await repository.commit({
    files: [
      ['tides.md', '# Tides\n\nThe moon pulls the water of the ocean.\n'],
      ['accounts.md', '# Accounts\n\nHow to delete the profile of a person.\n'],
      ['kernel.md', '# Kernel\n\nCompile it with debug symbols.\n'],
      ['long.md', 'A paragraph about the weather and the harvest.\n\n'.repeat(60)],
    ],
  });
}, 60_000);

afterAll(async () => {
  await tidemark?.remove();
  await repository?.remove();
  await server?.kill();
  model?.remove();
});

const backfilled = async () => {
  const { code, stdout, stderr } = await tide('backfill', '--json');
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
};

describe.runIf(installed)('from the built-in embedder to an ONNX model', { timeout: 180_000 }, () => {
  it('is refused until reindex has built for it, then answers by meaning, and embeds nothing twice', async () => {
    expect(await backfilled()).toMatchObject({ indexed: 4, failed: 0 });
    await configure({ kind: 'transformers', model: model.directory, pooling: 'mean' });
    const refused = await tide('backfill');
    expect(refused).toMatchObject({ code: 78, stdout: '' });
    expect(refused.stderr).toMatch(/embedder\.kind from static to transformers.*tidemark reindex/);

    const { code, stdout, stderr } = await tide('reindex', '--json');
    expect(stderr).not.toMatch(/tidemark: /);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ moved: true });
    expect(await nearest('remove a user account')).toBe('accounts.md');
    expect(await nearest('lunar gravity and the sea')).toBe('tides.md');
    expect(await backfilled()).toMatchObject({ unchanged: 4, embedded: 0 });
  });

  it('cuts chunks by the tokens of the model', async () => {
    const { stdout } = await tide('documents', 'show', 'long.md', '--json');
    const { chunkList } = JSON.parse(stdout) as { chunkList: { text: string }[] };
    const words = chunkList.map(({ text }) => text.split(/\s+/).length);
    expect(Math.max(...words)).toBeLessThanOrEqual(62);
    expect(Math.max(...words)).toBeGreaterThan(31);
  });

  it('keeps its place when the model is moved, and threads and batches change', async () => {
    await configure({ kind: 'transformers', model: model.directory, pooling: 'mean', threads: 1, batchTokens: 64 });
    expect(await backfilled()).toMatchObject({ unchanged: 4, embedded: 0 });
  });
});

describe('to a server', { timeout: 180_000 }, () => {
  it('a reindex beside a running service takes the key from whoever asks, and writes it down nowhere', async () => {
    const bearing = refuse(401, 'no key');
    server.always = (response, asked) =>
      server.requests.at(-1)?.message.headers.authorization !== `Bearer ${KEY}` && bearing(response, asked);
    const service = tidemark.start(repository.directory, ['serve']);
    await service.says(/^ready: /m);
    const extra = { query: { user: 'reader', api_key: KEY } };
    await configure({
      ...{ kind: 'openai', url: `${server.url}?sig=${KEY}`, model: 'test', dimensions: DIMENSIONS, apiKey: KEY },
      extra,
    });
    const shown = (await tide('config', 'show')).stdout + (await tide('config', 'check')).stdout;
    expect(shown).toContain('sig=***');
    expect(shown).not.toContain(KEY);
    const { code, stdout, stderr } = await tide('reindex', '--json');
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(JSON.parse(stdout)).toMatchObject({ moved: true });
    expect(server.embedded.size).toBeGreaterThan(4);
    service.child.kill('SIGINT');
    expect(await service.ended).toMatchObject({ code: 0, stderr: expect.not.stringContaining(KEY) });

    const data = join(repository.directory, '.tidemark');
    const files = await readdir(data, { recursive: true, withFileTypes: true });
    for (const file of files.filter((one) => one.isFile()))
      expect((await readFile(join(file.parentPath, file.name))).includes(KEY), file.name).toBe(false);
  });

  it('the key is needed again at the next start, and its lack is told', async () => {
    const extra = { query: { user: 'reader' } };
    await configure({ kind: 'openai', url: server.url, model: 'test', dimensions: DIMENSIONS, extra });
    const { code, stderr } = await tide('search', 'moon');
    expect(code).toBe(70);
    expect(stderr).toContain('is embedder.apiKey right?');
    const given = { TIDEMARK_EMBEDDER_API_KEY: KEY };
    expect(await tidemark.run(repository.directory, ['search', 'moon'], given)).toMatchObject({ code: 0 });
  });
});

it('without Transformers.js it says what to install', { timeout: 180_000 }, async () => {
  tidemark.without('@xenova');
  await configure({ kind: 'static' });
  expect(await tide('reindex')).toMatchObject({ code: 0 });
  await backfilled();
  await configure({ kind: 'transformers', model: model.directory, pooling: 'mean', dtype: 'q8' });
  const { code, stderr } = await tide('reindex');
  expect(code).toBe(70);
  expect(stderr).toMatch(
    /the package @xenova\/transformers is not there.*npm install .*@xenova\/transformers@npm:@huggingface\/transformers@/,
  );
});
