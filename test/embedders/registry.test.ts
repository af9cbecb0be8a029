import { afterAll, describe, expect, it } from 'vitest';
import { type EmbedderOptions, embedderSchema } from '../../src/config/embedder.ts';
import { knownModel, priceOf } from '../../src/embedders/models.ts';
import { embedderOf, withoutSecrets, withSecrets } from '../../src/embedders/registry.ts';
import { tokenCounter } from '../../src/embedders/token-counter.ts';
import { installed } from '../support/installed.ts';
import { smallModel } from '../support/small-model.ts';

const small = smallModel();
afterAll(small.remove);
const options: EmbedderOptions[] = [
  { kind: 'static' },
  { kind: 'openai', model: 'text-embedding-3-small' },
  ...(installed ? [{ kind: 'transformers', model: small.directory, pooling: 'mean' }] : []),
].map((given) => embedderSchema.parse(given));

describe.each(options)('an embedder of kind $kind', (given) => {
  it('has a vector space that says all that its vectors depend on, and survives JSON', async () => {
    const { embedder, vectorSpace } = embedderOf(given, () => undefined);
    expect(vectorSpace).toMatchObject({
      kind: given.kind,
      dimensions: embedder.dimensions,
      version: expect.any(Number),
    });
    expect(JSON.parse(JSON.stringify(vectorSpace))).toEqual(vectorSpace);
    await embedder.close();
  });

  it('has tokens that can be counted without it', async () => {
    const { embedder } = embedderOf(given, () => undefined);
    const count = await tokenCounter(given);
    for (const text of ['', 'one line of text', 'const userId = 1;\n'.repeat(20), 'Größe 日本語 한국어']) {
      expect(count(text)).toBeLessThanOrEqual(embedder.tokens(text));
      expect(count(`${text}\n${text}`)).toBe(2 * count(text));
    }
    await embedder.close();
  });
});

it('two configurations that give other vectors have other shapes', () => {
  const other = embedderSchema.parse({ kind: 'openai', model: 'text-embedding-3-large' });
  const shapes = [...options, other].map((given) => embedderOf(given, () => undefined).vectorSpace);
  expect(new Set(shapes.map((vectorSpace) => JSON.stringify(vectorSpace))).size).toBe(shapes.length);
});

describe('the key of a server', () => {
  const openai = (url: string, apiKey?: string) =>
    embedderSchema.parse({ kind: 'openai', url, ...(apiKey && { apiKey }) });

  it('is not among what is written down', () => {
    expect(JSON.stringify(withoutSecrets(openai('http://a', 'hidden')))).not.toContain('hidden');
  });

  it('is not among what is written down where it stands in the URL or in extra', () => {
    const given = embedderSchema.parse({
      ...{ kind: 'openai', url: 'https://h.example/v1?api-version=3&sig=hidden', dimensions: 8, model: 'm' },
      extra: { query: { input_type: 'query', auth_token: 'hidden' } },
    });
    const stored = withoutSecrets(given);
    expect(JSON.stringify(stored)).not.toContain('hidden');
    expect(withSecrets(stored, given)).toEqual(given);
    expect(
      withoutSecrets(embedderSchema.parse({ kind: 'transformers', hub: 'https://h/?token=hidden' })),
    ).toMatchObject({
      hub: 'https://h/',
    });
  });

  it('shapes no vector, and what shapes one still does', () => {
    const vectorSpace = (extra: object, url = 'https://h') =>
      JSON.stringify(
        embedderOf(embedderSchema.parse({ kind: 'openai', model: 'm', dimensions: 8, url, extra }), () => undefined)
          .vectorSpace,
      );
    expect(vectorSpace({ query: { api_key: 'one' } }, 'https://h?sig=one')).toBe(
      vectorSpace({ query: { api_key: 'two' } }),
    );
    expect(vectorSpace({ query: { input_type: 'one' } })).not.toBe(vectorSpace({ query: { input_type: 'two' } }));
  });

  it('comes back from the configuration for that server alone, and over no key of its own', () => {
    const configured = openai('http://a/v1', 'new');
    expect(withSecrets(openai('http://a'), configured)).toMatchObject({ apiKey: 'new' });
    expect(withSecrets(openai('http://a', 'own'), configured)).toMatchObject({ apiKey: 'own' });
    expect(withSecrets(openai('http://b'), configured)).not.toHaveProperty('apiKey');
    expect(withSecrets(openai('http://a'), { kind: 'static' })).not.toHaveProperty('apiKey');
  });
});

it('a model is known by the last part of its name, whoever serves it', () => {
  const bge = knownModel('BAAI/bge-small-en-v1.5');
  expect(bge).toMatchObject({ dimensions: 384, pooling: 'cls' });
  for (const name of [
    'Xenova/bge-small-en-v1.5',
    '/srv/models/bge-small-en-v1.5',
    'onnx-community/BGE-small-en-v1.5-ONNX',
  ])
    expect(knownModel(name)).toBe(bge);
  expect(knownModel('nomic-embed-text:latest')).toMatchObject({ dimensions: 768 });
  expect(knownModel('constructor')).toBeUndefined();
});

it('a price is told where one is known', () => {
  expect(priceOf('text-embedding-3-small', 1_000_000)).toBeCloseTo(0.02);
  expect(priceOf('BAAI/bge-small-en-v1.5', 1_000_000)).toBeUndefined();
});
