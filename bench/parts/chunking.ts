/**
 * Splitting, beside LangChain.js's splitters on the same Markdown: without token counts beside MarkdownTextSplitter, and
 * with the built-in model's exact counts as the limit beside RecursiveCharacterTextSplitter with the same counter. All of
 * it compiled, in one thread, in alternating rounds, by processor time. And what a file of one line of 3.9 MB, and a
 * larger one, does to the main thread and ends as.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { chunksOf, cutsOf, TokenCounter } from '../../src/chunker/chunker.ts';
import type { contentWorker } from '../../src/content/content-worker.ts';
import type { tokenCounter } from '../../src/embedders/token-counter.ts';
import { type Figure, median } from '../figures.ts';
import type { Stage } from '../stage.ts';

const ROUNDS = 15;
/** While they are compiled just in time. */
const WARM_UP = 4;
const TOKENS = 256;
/** What that many tokens are in English, which is how splitters by characters are set up. */
const CHARACTERS = 1_024;
const MAX_CHARACTERS = 4_000_000;
const COUNTED_SHARE = 0.2;
const LINE = 3_900_000;
const MIB = 2 ** 20;
const SPLITTERS = ['@langchain/textsplitters@1.0.2', '@langchain/core@1.2.13'];
const top = fileURLToPath(new URL('../..', import.meta.url));

interface Splitter {
  splitText(text: string): Promise<readonly string[]>;
}
type MakeSplitter = new (options: {
  readonly chunkSize: number;
  readonly chunkOverlap: number;
  readonly lengthFunction?: (text: string) => number;
}) => Splitter;
interface Splitters {
  readonly MarkdownTextSplitter: MakeSplitter;
  readonly RecursiveCharacterTextSplitter: MakeSplitter;
}
interface Product {
  readonly chunksOf: typeof chunksOf;
  readonly cutsOf: typeof cutsOf;
  readonly contentWorker: typeof contentWorker;
  readonly tokenCounter: typeof tokenCounter;
  readonly tokens: string;
}

export const chunking = async (stage: Stage): Promise<readonly Figure[]> => {
  const product = await loadProduct(stage.compiled);
  return [...(await besideSplitters(product)), ...(await longLines(product))];
};

const loadProduct = async (compiled: string): Promise<Product> => {
  const url = (file: string) => pathToFileURL(join(compiled, file)).href;
  const [chunker, worker, files] = await Promise.all(
    ['chunker/chunker.js', 'content/content-worker.js', 'embedders/token-counter.js'].map((file) => import(url(file))),
  );
  return { ...chunker, ...worker, ...files, tokens: url('content/tokens.js') };
};

/** Whatever is written in Markdown in the packages that are installed. */
const corpus = (): string[] => {
  const texts: string[] = [];
  let total = 0;
  for (const entry of readdirSync(join(top, 'node_modules'), { recursive: true, encoding: 'utf8' }).sort()) {
    const file = join(top, 'node_modules', entry);
    if (!/\.md$/i.test(entry) || !statSync(file).isFile()) continue;
    texts.push(readFileSync(file, 'utf8'));
    total += texts.at(-1)?.length ?? 0;
    if (total > MAX_CHARACTERS) break;
  }
  return texts;
};

const langchain = async (): Promise<Splitters> => {
  const directory = join(top, 'node_modules', '.cache', 'tidemark-bench-splitters');
  if (!existsSync(join(directory, 'node_modules'))) {
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, 'package.json'), '{"private":true}');
    const how = ['--legacy-peer-deps', '--ignore-scripts', '--no-audit', '--no-fund', '--silent'];
    execFileSync('npm', ['install', ...how, ...SPLITTERS], { cwd: directory, stdio: 'inherit' });
  }
  const from = createRequire(join(directory, 'package.json'));
  return await import(pathToFileURL(from.resolve('@langchain/textsplitters')).href);
};

const processorSeconds = async (run: () => unknown): Promise<number> => {
  const before = process.cpuUsage();
  await run();
  return process.cpuUsage(before).user / 1e6;
};

/** Of alternating rounds: how many times as long the other took, and the rate of the first. */
const beside = async (megabytes: number, ours: () => unknown, theirs: () => Promise<unknown>) => {
  const rates: number[] = [];
  const ratios: number[] = [];
  for (let round = 0; round < WARM_UP + ROUNDS; round += 1) {
    const own = await processorSeconds(ours);
    const other = await processorSeconds(theirs);
    if (round < WARM_UP) continue;
    rates.push(megabytes / own);
    ratios.push(other / own);
  }
  return { rate: median(rates), ratio: median(ratios) };
};

const besideSplitters = async ({ chunksOf, cutsOf, tokenCounter }: Product): Promise<readonly Figure[]> => {
  const { MarkdownTextSplitter, RecursiveCharacterTextSplitter } = await langchain();
  const texts = corpus();
  const counted = texts.filter((_, i) => i % Math.round(1 / COUNTED_SHARE) === 0);
  const megabytes = (of: readonly string[]) => of.reduce((sum, { length }) => sum + length, 0) / 1e6;
  const split = (of: readonly string[], count: TokenCounter) => () => {
    for (const content of of) {
      const text = { content, language: 'markdown', mediaType: 'text/markdown' };
      chunksOf(content, cutsOf(text, { tokens: TOKENS, count }));
    }
  };
  const splitBy = (of: readonly string[], splitter: Splitter) => async () => {
    for (const text of of) await splitter.splitText(text);
  };
  const exact = await tokenCounter({ kind: 'static' });
  const plain = await beside(
    megabytes(texts),
    split(
      texts,
      Object.assign((text: string) => (text.length * TOKENS) / CHARACTERS, { additive: true }),
    ),
    splitBy(texts, new MarkdownTextSplitter({ chunkSize: CHARACTERS, chunkOverlap: CHARACTERS / 10 })),
  );
  const limited = await beside(
    megabytes(counted),
    split(counted, exact),
    splitBy(
      counted,
      new RecursiveCharacterTextSplitter({ chunkSize: TOKENS, chunkOverlap: TOKENS / 10, lengthFunction: exact }),
    ),
  );
  const to = (splitter: string) => `${splitter} of LangChain.js`;
  return [
    {
      ...{ name: 'splitting, without token counts', value: plain.rate, unit: 'MB/s of processor' },
      ratio: { value: plain.ratio, to: to('MarkdownTextSplitter') },
    },
    { name: 'splitting beside MarkdownTextSplitter', value: plain.ratio, unit: 'times', aim: { atLeast: 2 } },
    {
      ...{ name: 'splitting, with exact token limits', value: limited.rate, unit: 'MB/s of processor' },
      ratio: { value: limited.ratio, to: to('RecursiveCharacterTextSplitter') },
    },
    {
      name: 'splitting beside RecursiveCharacterTextSplitter',
      value: limited.ratio,
      unit: 'times',
      aim: { atLeast: 2.5 },
    },
  ];
};

const longLines = async ({ contentWorker, tokens }: Product): Promise<readonly Figure[]> => {
  const content = contentWorker({
    ...{ deadlineMs: 30_000, heapMb: 512, limits: { fileBytes: 20 * MIB, textBytes: 4 * MIB } },
    ...{ chunk: { tokens: TOKENS }, tokens: { module: tokens } },
  });
  const line = Buffer.from(`{${Array.from({ length: 600_000 }, (_, i) => `"key${i}":${i % 1_000}`).join(',')}}`);
  await content.converter.convert('warm.json', Buffer.from('{}'));
  const delay = monitorEventLoopDelay({ resolution: 5 });
  const figures: Figure[] = [];
  delay.enable();
  for (const [path, bytes] of [
    ['one-line.json', LINE],
    ['one-line.js', LINE],
    ['larger.json', 2 * LINE],
  ] as const) {
    const started = performance.now();
    const converted = await content.converter.convert(path, line.subarray(0, bytes));
    const chunks = 'text' in converted ? (await content.chunker.chunk(path, converted.text)).length : 0;
    const ends = 'text' in converted ? `${chunks} chunks` : `skipped, ${converted.skip}`;
    const seconds = (performance.now() - started) / 1e3;
    figures.push({ name: `${path} of ${bytes / 1e6} MB: ${ends}`, value: seconds, unit: 's', aim: { atMost: 120 } });
  }
  delay.disable();
  await content.close();
  const p99 = delay.percentile(99) / 1e6;
  return [...figures, { name: 'event loop meanwhile, p99', value: p99, unit: 'ms', aim: { atMost: 100 } }];
};
