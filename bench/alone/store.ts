/**
 * What the embedded store does in a second. `npm run bench -- store [chunks]`, 100,000 by default, prints one line a
 * figure: ingest through the whole apply sequence, then search while nothing and while something is written.
 */
import { createHash } from 'node:crypto';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Generation, Point, Query } from '../../src/ports.ts';
import { armSize, armsOf } from '../../src/ranking/arms.ts';
import { fuse } from '../../src/ranking/fusion.ts';
import { rerank } from '../../src/ranking/rerank.ts';
import { documentKey, projectKey } from '../../src/records.ts';
import type { SearchMode } from '../../src/search/search.ts';
import { openEmbedded } from '../../src/sinks/embedded/embedded.ts';

const CHUNKS = Number(process.argv[2] ?? 100_000);
const DIMENSIONS = 256;
const CHUNKS_PER_DOCUMENT = 4;
const SIDE_BY_SIDE = 100;
const SEARCHES = 100;
const LIMIT = 10;

/** Repeats with its seed, so that two runs are of the same texts. */
const chance = (seed: number) => () => {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) | 0;
  return (seed >>> 0) / 2 ** 32;
};
const random = chance(7);

const SYLLABLES = 'ba con di ex for gra in ju ka lo mer no of per qua re set tion un val work yi zon'.split(' ');
const syllable = () => SYLLABLES[Math.floor(random() * SYLLABLES.length)] ?? '';
const WORDS = Array.from({ length: 30_000 }, (_, i) =>
  i % 5 === 0
    ? `${syllable()}${syllable()}Of${syllable().toUpperCase()}${i}`
    : `${syllable()}${syllable()}${syllable()}`,
);
/** Some words are in most texts, most in few, as in any language. */
const word = () => WORDS[Math.floor(WORDS.length * random() ** 3)] ?? '';
const text = (words: number) => Array.from({ length: words }, word).join(' ');

const vector = (): Float32Array => {
  const floats = Float32Array.from({ length: DIMENSIONS }, () => random() - 0.5);
  const length = Math.sqrt(floats.reduce((sum, value) => sum + value * value, 0));
  return floats.map((value) => value / length);
};

const sha256 = (of: string) => createHash('sha256').update(of).digest('hex');

const documentOf = (number: number, seq: number): readonly Point[] => {
  const path = `src/area${number % 50}/part${number % 7}/file${number}.ts`;
  const document = documentKey({ instance: 'main', project: String(number % 20), ref: 'main', path });
  return Array.from({ length: CHUNKS_PER_DOCUMENT }, (_, i): Point => {
    const content = text(130);
    const hash = sha256(content);
    return {
      ...{
        id: sha256(document + hash).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, '$1-$2-$3-$4-$5'),
        document,
        seq,
        hash,
      },
      ...{ text: content, embed: content, heading: [], language: 'typescript', commit: 'c'.repeat(40) },
      ...{ startLine: i * 30 + 1, endLine: i * 30 + 30, vector: vector() },
    };
  });
};

/** The steps of `operators/apply.ts`, in their order. */
const apply = async (generation: Generation, points: readonly Point[]) => {
  const { document = '', seq = 0, commit = '' } = points[0] ?? {};
  await generation.ledger([document]);
  await generation.vectors(points.map(({ hash }) => hash));
  await generation.raise(
    document,
    seq,
    points.map(({ id, startLine, endLine }) => ({ id, startLine, endLine, commit })),
  );
  const ids = points.map(({ id }) => id);
  const there = await generation.present(document, ids);
  await generation.upsert(points.filter(({ id }) => !there.has(id)));
  const counted = { chunks: ids, embedded: ids.length, reused: 0, commit, at: Date.now() };
  const entry = {
    document,
    seq,
    status: 'indexed',
    reason: '',
    blob: commit,
    indexedBlob: commit,
    rules: 'r',
  } as const;
  const standing = await generation.record({ ...entry, ...counted }, 'lower');
  await generation.prune(document, standing?.seq ?? 0, standing?.chunks ?? []);
};

const ingest = async (generation: Generation, documents: readonly (readonly Point[])[]) => {
  let next = 0;
  const worker = async () => {
    for (let points = documents[next++]; points; points = documents[next++]) await apply(generation, points);
  };
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, worker));
};

const took = async (action: () => Promise<unknown>): Promise<number> => {
  const start = performance.now();
  await action();
  return performance.now() - start;
};

const print = (what: string, figure: string) => console.log(`${what.padEnd(52)} ${figure}`);
const quantiles = (times: readonly number[]) => {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share: number) =>
    (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(1);
  return `p50 ${at(0.5)} ms, p95 ${at(0.95)} ms`;
};

type Asked = Omit<Query, 'limit' | 'mode'> & { readonly mode: SearchMode };

/** As `search.ts` does it. */
const searchOnce = async (generation: Generation, { mode, ...query }: Asked): Promise<unknown> => {
  if (mode !== 'hybrid') return generation.search({ ...query, mode, limit: LIMIT });
  const arms = await armsOf({ ...query, limit: armSize(LIMIT) }, (by) => generation.search({ ...query, ...by }));
  return rerank(query.text, fuse(query.text, arms), LIMIT);
};

const searches = async (generation: Generation, query: () => Asked, sideBySide: number) => {
  const times: number[] = [];
  const worker = async () => {
    while (times.length < SEARCHES) times.push(await took(() => searchOnce(generation, query())));
  };
  await Promise.all(Array.from({ length: sideBySide }, worker));
  return quantiles(times);
};

const folder = await mkdtemp(join(tmpdir(), 'tidemark-bench-'));
const embedded = await openEmbedded({ file: join(folder, 'store.db') });
await embedded.store.create('bench', DIMENSIONS);
const generation = embedded.store.generation('bench');

let ingestMs = 0;
const delay = monitorEventLoopDelay({ resolution: 5 });
const BLOCK = 2_500;
for (let from = 0; from * CHUNKS_PER_DOCUMENT < CHUNKS; from += BLOCK) {
  const count = Math.min(BLOCK, Math.ceil(CHUNKS / CHUNKS_PER_DOCUMENT) - from);
  const documents = Array.from({ length: count }, (_, i) => documentOf(from + i, 1));
  delay.enable();
  ingestMs += await took(() => ingest(generation, documents));
  delay.disable();
}
const { points } = await generation.counts();
print(`ingest of ${points} chunks`, `${Math.round((points / ingestMs) * 1000)} chunks/s`);
print('event loop delay meanwhile', `p99 ${(delay.percentile(99) / 1e6).toFixed(1)} ms`);
print('resident memory before any search', `${Math.round(process.memoryUsage().rss / 1e6)} MB`);
print('file', `${Math.round((await stat(join(folder, 'store.db'))).size / 1e6)} MB`);

const query =
  (mode: SearchMode, more: Partial<Query> = {}) =>
  (): Asked => ({ text: text(8), vector: vector(), ...more, mode });
print(
  'first search, which builds the index',
  `${(await took(() => searchOnce(generation, query('hybrid')()))).toFixed(0)} ms`,
);
print('resident memory with the index', `${Math.round(process.memoryUsage().rss / 1e6)} MB`);
for (const mode of ['dense', 'lexical', 'hybrid'] as const) {
  for (const sideBySide of [1, 8]) {
    print(`${mode} search, ${sideBySide} at a time`, await searches(generation, query(mode), sideBySide));
  }
}
const filter = {
  projects: [projectKey({ instance: 'main', project: '3' })],
  path: 'src/**/*.ts',
  languages: ['typescript'],
};
print('hybrid search with all filters, 1 at a time', await searches(generation, query('hybrid', filter), 1));

const changed = Array.from({ length: 2_500 }, (_, i) => documentOf(i, 2));
const writing = took(() => ingest(generation, changed));
print('hybrid search while 2,500 documents change, 1 at a time', await searches(generation, query('hybrid'), 1));
print(
  'their ingest meanwhile',
  `${Math.round((changed.length * CHUNKS_PER_DOCUMENT * 1000) / (await writing))} chunks/s`,
);

await embedded.close();
await rm(folder, { recursive: true });
