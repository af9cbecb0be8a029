import { describe, expect, it } from 'vitest';
import type { EmbedderOptions } from '../../src/config/embedder.ts';
import { embedderOf } from '../../src/embedders/registry.ts';
import { tokenCounter } from '../../src/embedders/token-counter.ts';

const options: EmbedderOptions[] = [{ kind: 'static' }, { kind: 'hash', dimensions: 64 }];

describe.each(options)('an embedder of kind $kind', (given) => {
  it('has a shape that says all that its vectors depend on, and survives JSON', async () => {
    const { embedder, shape } = embedderOf(given, () => undefined);
    expect(shape).toMatchObject({ kind: given.kind, dimensions: embedder.dimensions, version: expect.any(Number) });
    expect(JSON.parse(JSON.stringify(shape))).toEqual(shape);
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
  const shapes = [...options, { kind: 'hash', dimensions: 128 } as const].map(
    (given) => embedderOf(given, () => undefined).shape,
  );
  expect(new Set(shapes.map((shape) => JSON.stringify(shape))).size).toBe(shapes.length);
});
