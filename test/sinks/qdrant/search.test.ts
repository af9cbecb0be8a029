import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chunksOf, cutsOf } from '../../../src/chunker/chunker.ts';
import { staticEmbedder } from '../../../src/embedders/static/static.ts';
import { tokenCounter } from '../../../src/embedders/token-counter.ts';
import { pieces } from '../../../src/operators/chunk.ts';
import type { Generation, Point, Query } from '../../../src/ports.ts';
import { armSize, armsOf } from '../../../src/ranking/arms.ts';
import { compared } from '../../../src/ranking/comparison.ts';
import { DOUBT, fuse } from '../../../src/ranking/fusion.ts';
import { rerank } from '../../../src/ranking/rerank.ts';
import { documentKey, projectKey } from '../../../src/records.ts';
import type { SearchMode } from '../../../src/search/search.ts';
import { openEmbedded } from '../../../src/sinks/embedded/embedded.ts';
import { entry } from '../../contracts/store-builders.ts';
import { ownQdrant } from '../../support/qdrant.ts';
import { realServer } from '../../support/real-server.ts';
import { withFolder } from '../embedded/folder.ts';

const url = await realServer('Qdrant');
const TIMEOUT_MS = 180_000;
const TOP = 10;
const LEAST_OVERLAP = 0.95;

const QUERIES = [
  ...['how are offsets committed', 'what happens when the store is down', 'low-water mark', 'retry with backoff'],
  ...['openEmbedded', 'globPattern', 'dead letters', 'how does a sweep resume after a crash', 'ledger entry'],
  ...['rename a file without embedding', 'reciprocal rank fusion', 'parse the configuration file', 'API key'],
  ...['StopFlow', 'TryAgain', 'compare and set', 'tombstone', 'worker thread', 'chunk size in tokens', 'murmur3'],
  ...['search filter by project', 'rebalance of partitions', 'webhook secret', 'git cat-file', 'surrogate escape'],
  ...['license', 'where is the alias moved', 'fsync', 'SQLite', 'readFile utf8', 'health and readiness', 'exit codes'],
];

/** Both stores with the same points: this repository's own documents and sources. */
describe.skipIf(!url)('search in Qdrant and in the embedded store', () => {
  const embedder = staticEmbedder();
  let close = async () => {};
  let embedded: Generation;
  let qdrant: Generation;

  beforeAll(async () => {
    if (!url) return;
    const folder = await withFolder();
    const one = await openEmbedded({ file: folder.path('store.db') });
    const other = ownQdrant(url, { exact: true });
    close = async () => {
      await Promise.all([one.close(), other.close()]);
      await folder.remove();
    };
    const name = `${other.alias}-1`;
    const corpus = await corpusOf();
    for (const { store } of [one, other]) await store.create(name, embedder.dimensions);
    [embedded, qdrant] = [one.store.generation(name), other.store.generation(name)];
    for (const generation of [embedded, qdrant]) {
      await generation.upsert(corpus);
      const documents = new Set(corpus.map(({ document }) => document));
      const named = [...documents].map((document) => {
        const chunks = corpus.filter((point) => point.document === document).map(({ id }) => id);
        return generation.record(entry({ document, chunks }), 'lower');
      });
      await Promise.all(named);
    }
  }, TIMEOUT_MS);
  afterAll(async () => {
    await close();
    await embedder.close();
  });

  const corpusOf = async (): Promise<Point[]> => {
    const root = fileURLToPath(new URL('../../../', import.meta.url));
    const files = (
      await Promise.all(['docs', 'src', 'test'].map((folder) => readdir(`${root}${folder}`, { recursive: true })))
    ).flatMap((names, at) =>
      names.filter((path) => /\.(?:md|ts)$/.test(path)).map((path) => `${['docs', 'src', 'test'][at]}/${path}`),
    );
    const count = await tokenCounter({ kind: 'static' });
    const found = await Promise.all(
      files.sort().map(async (path) => {
        const content = await readFile(`${root}${path}`, 'utf8');
        const language = path.endsWith('.md') ? 'markdown' : 'typescript';
        const document = documentKey({ instance: 'git', project: path.split('/')[0] ?? '', ref: 'main', path });
        const chunks = chunksOf(
          content,
          cutsOf({ content, language, mediaType: 'text/plain' }, { tokens: 200, count }),
        );
        return pieces(document, chunks).map((piece) => ({ ...piece, document, seq: 1, commit: 'c', language }));
      }),
    );
    const all = found.flat();
    const vectors = await embedder.embed(
      all.map(({ embed }) => embed),
      'passage',
    );
    return all.map((piece, at) => ({ ...piece, vector: vectors[at] as Float32Array }));
  };

  const topOf = async (generation: Generation, mode: SearchMode, query: Omit<Query, 'mode'>) => {
    if (mode !== 'hybrid') return generation.search({ ...query, mode });
    const arms = await armsOf({ ...query, limit: armSize(query.limit) }, (by) =>
      generation.search({ ...query, ...by }),
    );
    const { compare } = embedder;
    if (!compare) throw new Error('the built-in embedder compares');
    return rerank(query.text, fuse(query.text, await compared(query.text, arms, compare), DOUBT.read), query.limit);
  };

  it.each(['dense', 'lexical', 'hybrid'] as const)(
    '%s brings the same top tens, with and without a filter',
    async (mode) => {
      expect((await qdrant.counts()).points).toBe((await embedded.counts()).points);
      const overlaps: number[] = [];
      for (const filter of [
        {},
        { projects: [projectKey({ instance: 'git', project: 'src' })], path: 'src/**/*.ts' },
      ] satisfies Partial<Query>[]) {
        for (const text of QUERIES) {
          const [vector] = await embedder.embed([text], 'query');
          const query = { text, limit: TOP, ...(vector ? { vector } : {}), ...filter };
          const [here, there] = await Promise.all([topOf(embedded, mode, query), topOf(qdrant, mode, query)]);
          const ids = new Set(here.map(({ point }) => point.id));
          const shared = there.filter(({ point }) => ids.has(point.id)).length;
          overlaps.push(shared / Math.max(here.length, there.length, 1));
          expect(here.length).toBe(there.length);
        }
      }
      const mean = overlaps.reduce((sum, overlap) => sum + overlap, 0) / overlaps.length;
      console.log(`${mode}: mean overlap of the top tens ${mean.toFixed(3)}`);
      expect(mean).toBeGreaterThanOrEqual(LEAST_OVERLAP);
    },
    TIMEOUT_MS,
  );
});
