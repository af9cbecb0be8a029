/**
 * The built-in embedder on texts of 1,000 characters: how many a second in a thread and on the main thread, and what each
 * does to the event loop. Texts are this package's own sources and the documentation of what it depends on.
 *
 *   npm run bench -- static [rounds]
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { staticTokens } from '../../src/embedders/static/files.ts';
import { staticModel } from '../../src/embedders/static/model.ts';
import { staticEmbedder } from '../../src/embedders/static/static.ts';
import { hashEmbedder } from '../../test/support/hash-embedder.ts';

const LENGTH = 1000;
const TEXTS = 8000;
const BATCH = 64;
const rounds = Number(process.argv[2] ?? 5);
const top = fileURLToPath(new URL('../..', import.meta.url));

const corpus = (): string[] => {
  const files = [
    ...readdirSync(join(top, 'src'), { recursive: true, encoding: 'utf8' }).map((name) => join(top, 'src', name)),
    ...readdirSync(join(top, 'node_modules')).map((name) => join(top, 'node_modules', name, 'README.md')),
  ];
  const all = files.flatMap((file) => {
    try {
      return [readFileSync(file, 'utf8')];
    } catch {
      return []; // A directory, or a package without a README.
    }
  });
  const text = all.join('\n');
  return Array.from({ length: TEXTS }, (_, at) => {
    const from = (at * 997) % (text.length - LENGTH);
    // Written anew, since a slice of a long string is read through its parent.
    return Buffer.from(text.slice(from, from + LENGTH)).toString();
  });
};

const batches = <T>(items: readonly T[]): T[][] =>
  Array.from({ length: Math.ceil(items.length / BATCH) }, (_, at) => items.slice(at * BATCH, (at + 1) * BATCH));

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;
const milliseconds = (nanoseconds: number): string => `${(nanoseconds / 1e6).toFixed(1)} ms`;

const measure = async (name: string, embedAll: () => Promise<unknown> | undefined): Promise<void> => {
  await embedAll();
  const rates: number[] = [];
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const before = performance.eventLoopUtilization();
  delay.enable();
  for (let round = 0; round < rounds; round += 1) {
    const start = performance.now();
    await embedAll();
    rates.push((TEXTS / (performance.now() - start)) * 1000);
    await setImmediate();
  }
  delay.disable();
  const { utilization } = performance.eventLoopUtilization(before);
  const loop = `event loop p99 ${milliseconds(delay.percentile(99))}, max ${milliseconds(delay.max)}`;
  console.log(
    `${name.padEnd(44)} ${median(rates).toFixed(0).padStart(7)} texts/s, ${loop}, busy ${utilization.toFixed(2)}`,
  );
};

const texts = corpus();
const cut = batches(texts);

const tokens = staticTokens();
const count = texts.reduce((sum, text) => sum + tokens.count(text), 0);
console.log(`${TEXTS} texts of ${LENGTH} characters, ${(count / TEXTS).toFixed(0)} tokens each\n`);
await measure('tokens alone, main thread', async () => {
  for (const batch of cut) {
    for (const text of batch) tokens.count(text);
    await setImmediate();
  }
});

const model = staticModel();
await measure('static, main thread, all at once', async () => model.embed(texts));
await measure('static, main thread, yielding after 64', async () => {
  for (const batch of cut) {
    model.embed(batch);
    await setImmediate();
  }
});

const started = performance.now();
const embedder = staticEmbedder();
await embedder.probe();
const startMs = performance.now() - started;
await measure('static, in its thread, all at once', () => embedder.embed(texts, 'passage'));
await measure('static, in its thread, 4 batches of 64 out', async () => {
  const queue = cut.values();
  await Promise.all(
    Array.from({ length: 4 }, async () => {
      for (const batch of queue) await embedder.embed(batch, 'passage');
    }),
  );
});
const questions: number[] = [];
for (let at = 0; at < 200; at += 1) {
  const start = performance.now();
  await embedder.embed(['how are offsets committed'], 'query');
  questions.push(performance.now() - start);
}
await embedder.close();
console.log(`\nthread ready after ${startMs.toFixed(0)} ms, a question ${median(questions).toFixed(2)} ms (median)\n`);

const hash = hashEmbedder({ dimensions: 384 });
await measure('hash, main thread, yielding after 64', async () => {
  for (const batch of cut) {
    await hash.embed(batch, 'passage');
    await setImmediate();
  }
});
