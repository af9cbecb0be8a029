/**
 * MB/s of convert and chunk on one thread, and through the worker: `npm run bench -- chunker [DIRECTORY…]`. The counter
 * is the cheap one, so this is the cost of finding the cuts; a real tokenizer comes on top, about once per character.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { cutsOf } from '../../src/chunker/chunker.ts';
import { contentWorker } from '../../src/content/content-worker.ts';
import { tokenCounter } from '../../src/content/tokens.ts';
import { type Converted, convert } from '../../src/converters/convert.ts';
import { MIB } from '../../src/units.ts';

const MB = 1e6;
const ROUNDS = 5;
const MAX_BYTES = 20 * MB;
const limits = { fileBytes: 20 * MB, textBytes: 4 * MIB };
const chunk = { tokens: 256 };
const count = tokenCounter();

interface File {
  readonly path: string;
  readonly bytes: Uint8Array;
}

const collect = (directory: string, wanted: RegExp): File[] => {
  const files: File[] = [];
  let total = 0;
  for (const entry of readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort()) {
    const path = join(directory, entry);
    if (!wanted.test(entry) || !statSync(path).isFile()) continue;
    const bytes = readFileSync(path);
    files.push({ path, bytes });
    total += bytes.length;
    if (total > MAX_BYTES) break;
  }
  return files;
};

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
const seconds = async (run: () => unknown) => {
  const started = performance.now();
  await run();
  return (performance.now() - started) / 1_000;
};

const report = async (name: string, files: readonly File[]) => {
  const megabytes = files.reduce((sum, { bytes }) => sum + bytes.length, 0) / MB;
  if (megabytes === 0) return;
  let chunks = 0;
  const converting: number[] = [];
  const chunking: number[] = [];
  const through: number[] = [];
  const worker = contentWorker({
    deadlineMs: 60_000,
    heapMb: 512,
    limits,
    chunk,
    tokens: { module: new URL('../../src/content/tokens.ts', import.meta.url).href },
  });
  for (let round = 0; round < ROUNDS; round += 1) {
    let converted: Converted[] = [];
    converting.push(
      await seconds(() => {
        converted = files.map(({ path, bytes }) => convert(path, bytes, limits));
      }),
    );
    chunks = 0;
    chunking.push(
      await seconds(() => {
        for (const one of converted) if ('text' in one) chunks += cutsOf(one.text, { ...chunk, count }).length;
      }),
    );
    const queue = files.values();
    const pull = async () => {
      for (const { path, bytes } of queue) {
        const one = await worker.converter.convert(path, bytes);
        if ('text' in one) await worker.chunker.chunk(path, one.text);
      }
    };
    through.push(await seconds(() => Promise.all(Array.from({ length: 16 }, pull))));
  }
  await worker.close();
  const rate = (times: readonly number[]) => `${(megabytes / median(times)).toFixed(1)} MB/s`.padStart(11);
  console.log(
    `${name.padEnd(14)} ${megabytes.toFixed(1).padStart(5)} MB, ${String(files.length).padStart(5)} files, ${String(chunks).padStart(6)} chunks:` +
      ` convert ${rate(converting)}, chunk ${rate(chunking)} (${Math.round(chunks / median(chunking))} chunks/s), through the worker ${rate(through)}`,
  );
};

const directories = process.argv.slice(2);
const roots = directories.length > 0 ? directories : ['node_modules'];
for (const root of roots) {
  await report('Markdown', collect(root, /\.md$/i));
  await report('code', collect(root, /\.(?:[cm]?[jt]s|py|go|rs|java|rb|c|h)$/i));
  await report('JSON and YAML', collect(root, /\.(?:json|ya?ml|toml)$/i));
}
const line = Array.from({ length: 300_000 }, (_, i) => `"key${i}":${i % 1_000}`)
  .join(',')
  .slice(0, 3_900_000);
await report('one line', [{ path: 'one-line.json', bytes: new TextEncoder().encode(`{${line}}`) }]);
