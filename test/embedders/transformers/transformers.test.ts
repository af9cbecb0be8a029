import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import fc from 'fast-check';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import type { TokenCounter } from '../../../src/chunker/token-counter.ts';
import { embedderSchema, type TransformersOptions } from '../../../src/config/embedder.ts';
import { staticEmbedder } from '../../../src/embedders/static/static.ts';
import { transformersTokens } from '../../../src/embedders/transformers/tokens.ts';
import { transformersEmbedder, transformersVectorSpace } from '../../../src/embedders/transformers/transformers.ts';
import { BadConfiguration, StopFlow } from '../../../src/errors.ts';
import type { Embedder } from '../../../src/ports.ts';
import { embedderContract } from '../../contracts/embedder.ts';
import { installed } from '../../support/installed.ts';
import { MAX_TOKENS, smallModel } from '../../support/small-model.ts';

const { directory, remove } = smallModel();
afterAll(remove);
const optionsFor = (more: object = {}): TransformersOptions => {
  const options = { kind: 'transformers', model: directory, pooling: 'mean', threads: 1, ...more };
  return embedderSchema.parse(options) as TransformersOptions;
};

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});
const open = (more: object = {}): Embedder => {
  const embedder = transformersEmbedder(optionsFor(more));
  closing.push(() => embedder.close());
  return embedder;
};
const one = async (embedder: Embedder, text: string, kind: 'passage' | 'query' = 'passage') => {
  const [vector = new Float32Array()] = await embedder.embed([text], kind);
  return vector;
};
const cosine = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, at) => sum + value * (b[at] ?? 0), 0);

describe.runIf(installed)('with Transformers.js', async () => {
  const count: TokenCounter = installed ? await transformersTokens(optionsFor()) : () => 0;
  for (const dtype of ['fp32', 'q8'])
    embedderContract(`transformers, ${dtype}`, {
      open: () => transformersEmbedder(optionsFor({ dtype })),
      count,
      aloneAndBeside: true,
    });

  it('gives the vectors that the model is known to give, at any place of a padded batch', async () => {
    const known = staticEmbedder();
    closing.push(() => known.close());
    const texts = [
      'offsets are committed once the store has acknowledged.',
      'short',
      'a much longer one, with more words than any of the others, so that those are padded',
      'größe der warteschlange',
    ];
    const vectors = await open().embed(texts, 'passage');
    for (const [at, other] of (await known.embed(texts, 'passage')).entries())
      for (const [index, value] of other.entries()) expect(vectors[at]?.[index]).toBeCloseTo(value, 5);
  });

  it('takes the weights that the dtype names', async () => {
    const text = 'offsets are committed';
    const [whole, quantised] = [await one(open(), text), await one(open({ dtype: 'q8' }), text)];
    expect(quantised).not.toEqual(whole);
    expect(cosine(whole, quantised)).toBeGreaterThan(0.8);
  });

  it('puts the prefixes before chunks and questions', async () => {
    const prefixed = open({ prefixes: { passage: 'passage: ', query: 'query: ' } });
    const plain = open();
    expect(await one(prefixed, 'a text')).toEqual(await one(plain, 'passage: a text'));
    expect(await one(prefixed, 'a text', 'query')).toEqual(await one(plain, 'query: a text'));
    expect(prefixed.maxTokens).toBeLessThan(plain.maxTokens);
  });

  it('cuts what is longer than the model takes', async () => {
    const embedder = open();
    const words = Array.from({ length: MAX_TOKENS * 4 }, (_, at) => ['river', 'mountain', 'garden'][at % 3]);
    const content = words.slice(0, MAX_TOKENS - 2).join(' ');
    expect(await one(embedder, words.join(' '))).toEqual(await one(embedder, content));
    expect(await one(embedder, words.slice(0, MAX_TOKENS - 3).join(' '))).not.toEqual(await one(embedder, content));
  });

  it('takes the first token where the pooling is cls', async () => {
    const embedder = open({ pooling: 'cls' });
    // The row of [CLS] is all zero in this table, and every text begins with it.
    expect((await one(embedder, 'anything')).every((value) => value === 0)).toBe(true);
  });

  it('counts a text as the sum of its lines, as the chunker takes it to', () => {
    expect(count.additive).toBe(true);
    const line = fc.string({ unit: fc.constantFrom(...'aZé9_-.[]#語\u0301\u00a0 \t'), maxLength: 12 });
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        expect(count(lines.join('\n'))).toBe(lines.reduce((sum, one) => sum + count(`${one}\n`), 0));
      }),
    );
  });

  it('counts its tokens as the model makes them, without the special ones', () => {
    expect(count('committed offsets')).toBe(3);
    expect(count('')).toBe(0);
  });

  it('leaves the event loop free while it embeds', async () => {
    const embedder = open();
    await embedder.probe();
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    await embedder.embed(
      Array.from({ length: 2000 }, (_, at) => `line ${at} of some text about offsets\n`.repeat(1 + (at % 8))),
      'passage',
    );
    delay.disable();
    expect(delay.percentile(99) / 1e6).toBeLessThan(100);
  });

  it('answers a question while a large batch is waiting', async () => {
    const embedder = open();
    await embedder.probe();
    const settled: string[] = [];
    const batch = embedder
      .embed(
        Array.from({ length: 2000 }, (_, at) => `line ${at} of some text about offsets`),
        'passage',
      )
      .then(() => settled.push('batch'));
    await one(embedder, 'where are offsets committed', 'query').then(() => settled.push('question'));
    await batch;
    expect(settled).toEqual(['question', 'batch']);
  });

  it('stops the flow, and says what to do, when the model cannot be had', async () => {
    const cache = mkdtempSync(join(tmpdir(), 'tidemark-cache-'));
    closing.push(() => rmSync(cache, { recursive: true }));
    const nowhere = open({ model: 'Xenova/all-MiniLM-L6-v2', hub: 'http://127.0.0.1:9', cache });
    const [failed] = await Promise.allSettled([nowhere.probe()]);
    expect(failed).toMatchObject({ status: 'rejected', reason: expect.any(StopFlow) });
    await expect(nowhere.probe()).rejects.toThrow(
      /Xenova\/all-MiniLM-L6-v2 cannot be loaded: .*nor to be had from http:\/\/127.0.0.1:9.*docs\/embedders.md/,
    );
  });

  it('stops the flow when the model has other dimensions than it should', async () => {
    const embedder = open({ dimensions: 128 });
    await expect(embedder.probe()).rejects.toThrow('gives 256 numbers a vector, and embedder.dimensions says 128');
  });

  it('downloads a model by its name once, and then needs no network', async () => {
    const asked: string[] = [];
    const hub = createServer(({ url = '' }, response) => {
      asked.push(url);
      const [, name = ''] = /^\/team\/small\/resolve\/v1\/(.+)$/.exec(url) ?? [];
      try {
        response.end(readFileSync(join(directory, name)));
      } catch {
        response.writeHead(404).end();
      }
    });
    await new Promise<void>((resolve) => hub.listen(0, '127.0.0.1', resolve));
    const cache = mkdtempSync(join(tmpdir(), 'tidemark-cache-'));
    closing.push(() => rmSync(cache, { recursive: true }));
    const named = {
      ...{ model: 'team/small', revision: 'v1', hub: `http://127.0.0.1:${(hub.address() as AddressInfo).port}`, cache },
      ...{ dimensions: 256, maxTokens: MAX_TOKENS },
    };
    const vector = await one(open(named), 'some text');
    expect(vector).toEqual(await one(open(), 'some text'));
    expect(asked.filter((url) => url.endsWith('.onnx'))).toHaveLength(1);
    await new Promise((resolve) => hub.close(resolve));
    expect(await one(open(named), 'some text')).toEqual(vector);
    expect((await transformersTokens(optionsFor(named)))('committed offsets')).toBe(3);
  });
});

describe('which model it is', () => {
  const copy = () => {
    const other = mkdtempSync(join(tmpdir(), 'tidemark-model-'));
    cpSync(directory, other, { recursive: true });
    closing.push(() => rmSync(other, { recursive: true }));
    return other;
  };

  it('does not depend on where it lies, and does on what lies there', () => {
    const vectorSpace = transformersVectorSpace(optionsFor());
    const moved = copy();
    expect(transformersVectorSpace(optionsFor({ model: moved }))).toEqual(vectorSpace);
    const weights = join(moved, 'onnx', 'model.onnx');
    const bytes = readFileSync(weights);
    for (let at = 0; at < bytes.length; at += 1000) bytes[at] = 0;
    writeFileSync(weights, bytes);
    expect(transformersVectorSpace(optionsFor({ model: moved }))).not.toEqual(vectorSpace);
  });

  it('depends on dtype, pooling, prefixes and revision, and not on threads, batches and caches', () => {
    const vectorSpace = (more: object) => JSON.stringify(transformersVectorSpace(optionsFor(more)));
    const hub = { model: 'Xenova/all-MiniLM-L6-v2' };
    const others = [
      ...[{}, { dtype: 'q8' }, { pooling: 'cls' }, { prefixes: { passage: 'p', query: '' } }],
      ...[hub, { ...hub, revision: 'v2' }, { model: 'Xenova/all-MiniLM-L12-v2' }],
    ];
    expect(new Set(others.map(vectorSpace)).size).toBe(others.length);
    expect(vectorSpace({ threads: 3, batchTokens: 64, cache: '/x', hub: 'https://mirror.example' })).toBe(
      vectorSpace({}),
    );
  });

  it('is told from the files that lie beside it', () => {
    const other = copy();
    rmSync(join(other, 'tokenizer_config.json'));
    cpSync(join(other, 'config.json'), join(other, 'sentence_bert_config.json'));
    writeFileSync(join(other, 'sentence_bert_config.json'), JSON.stringify({ max_seq_length: 32 }));
    writeFileSync(
      join(other, 'config_sentence_transformers.json'),
      JSON.stringify({ prompts: { query: 'Q: ', document: 'D: ' } }),
    );
    const config = JSON.parse(readFileSync(join(other, 'config.json'), 'utf8'));
    const name = { ...config, _name_or_path: 'BAAI/bge-small-en-v1.5' };
    writeFileSync(join(other, 'config.json'), JSON.stringify(name));
    expect(transformersVectorSpace(optionsFor({ model: other, pooling: undefined }))).toMatchObject({
      ...{ pooling: 'cls', dimensions: 256, maxTokens: 32, prefixes: { passage: 'D: ', query: 'Q: ' } },
    });
  });

  it('is asked for where nobody can tell', () => {
    const unknown = () => transformersVectorSpace(optionsFor({ model: 'team/unknown', pooling: undefined }));
    expect(unknown).toThrow(BadConfiguration);
    expect(unknown).toThrow('team/unknown: Tidemark does not know this model; say embedder.pooling');
  });

  it('is refused when its files are not there, with what is', () => {
    const q4 = () => transformersVectorSpace(optionsFor({ dtype: 'q4' }));
    expect(q4).toThrow(BadConfiguration);
    expect(q4).toThrow(/onnx\/model_q4.onnx: .*there is model.onnx, model_quantized.onnx/);
    expect(() =>
      transformersVectorSpace(optionsFor({ model: '/nowhere/at/all', dimensions: 8, maxTokens: 32 })),
    ).toThrow(/config.json.*there is nothing/);
  });
});
