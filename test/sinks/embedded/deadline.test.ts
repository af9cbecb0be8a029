import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { BadUsage, TryAgain } from '../../../src/errors.ts';
import type { Query } from '../../../src/ports.ts';
import { type Embedded, openEmbedded } from '../../../src/sinks/embedded/embedded.ts';
import { entry, point } from '../../contracts/store-builders.ts';

/** Hangs at a question for the word `hang`, whatever else is asked; for the rest it is the searcher itself. */
const hanging = (searcher: string) => `
  import { parentPort } from 'node:worker_threads';
  parentPort.on('message', ({ calls = [] }) => {
    if (calls.some(({ args: [, query] }) => query.text === 'hang')) for (;;);
  });
  await import(${JSON.stringify(pathToFileURL(searcher).href)});
`;

const compiled = process.env.TIDEMARK_TEST_THREADS ?? '';
let folder: string;
let embedded: Embedded;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-'));
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  await writeFile(
    join(folder, 'writer.js'),
    `import ${JSON.stringify(pathToFileURL(join(compiled, 'writer.js')).href)};`,
  );
  await writeFile(join(folder, 'searcher.js'), hanging(join(compiled, 'searcher.js')));
  process.env.TIDEMARK_TEST_THREADS = folder;
  embedded = await openEmbedded({ file: join(folder, 'store.db'), searchMs: 1_000 });
  const { store } = embedded;
  await store.create('g', 4);
  const generation = store.generation('g');
  await generation.upsert([point({ id: 'p' })]);
  await generation.record(entry({ chunks: ['p'] }), 'lower');
});
afterEach(async () => {
  await embedded.close();
  process.env.TIDEMARK_TEST_THREADS = compiled;
  await rm(folder, { recursive: true });
});

const search = (text: string, rest: Partial<Query> = {}) =>
  embedded.store.generation('g').search({
    ...{ mode: 'dense', text, limit: 5, vector: Float32Array.of(1, 0, 0, 0) },
    ...rest,
  });

it('a search that hangs loses its thread, and nobody else notices', async () => {
  expect((await search('first')).length).toBe(1);
  const [before, hung, after, later] = await Promise.allSettled(
    ['before', 'hang', 'after', 'later'].map((text) => search(text)),
  );
  expect(before).toMatchObject({ status: 'fulfilled', value: [expect.anything()] });
  expect(hung).toMatchObject({ status: 'rejected', reason: expect.any(TryAgain) });
  expect(String((hung as PromiseRejectedResult).reason.message)).toContain('said nothing for 1000 ms and was ended');
  expect(after).toMatchObject({ status: 'fulfilled', value: [expect.anything()] });
  expect(later).toMatchObject({ status: 'fulfilled', value: [expect.anything()] });
  await expect(search('hang')).rejects.toThrow(TryAgain);
  expect((await search('last')).length).toBe(1);
});

it('a store whose search hangs can be closed', async () => {
  const hung = expect(search('hang')).rejects.toThrow(TryAgain);
  await embedded.close();
  await hung;
});

it('a glob beyond the bounds is the fault of whoever asks, and costs no thread', async () => {
  await expect(search('a', { path: 'a'.repeat(1_001) })).rejects.toThrow(BadUsage);
  expect((await search('a', { path: '{**,**}'.repeat(10) })).length).toBe(1);
  expect((await search('a', { path: '[a&b]*/nowhere' })).length).toBe(0);
});
