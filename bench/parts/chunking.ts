/**
 * Splitting, beside LangChain.js's splitters on the same Markdown: without token counts beside MarkdownTextSplitter, and
 * with exact counts as the limit, by the tokenizer of Transformers.js and by the built-in model's, beside
 * RecursiveCharacterTextSplitter with the same counter. Each in a process of its own (`splitting.js`), in alternating
 * rounds, by processor time. And what a file of one line of 3.9 MB, and larger ones, does to the main thread and ends as.
 */
import { type ChildProcess, execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { contentWorker } from '../../src/content/content-worker.ts';
import { MIB } from '../../src/units.ts';
import { makeRepository } from '../../test/support/repository.ts';
import { smallModel } from '../../test/support/small-model.ts';
import { type Figure, median } from '../figures.ts';
import type { Stage } from '../stage.ts';

/** Pairs of processes, one after the other: what is compiled just in time is compiled to other ends in each. */
const PAIRS = 5;
const ROUNDS = 15;
/** While they are compiled just in time. */
const WARM_UP = 20;
const TOKENS = 256;
const LINE = 3_900_000;
const SPLITTERS = ['@langchain/textsplitters@1.0.2', '@langchain/core@1.2.13'];
const here = fileURLToPath(new URL('.', import.meta.url));
const top = fileURLToPath(new URL('../..', import.meta.url));

interface Product {
  readonly contentWorker: typeof contentWorker;
  readonly tokens: string;
}

export const chunking = async (stage: Stage): Promise<readonly Figure[]> => {
  const compiled = await stage.compiled();
  return [...(await besideSplitters(compiled)), ...(await mainThread(compiled)), ...(await throughAll(stage.run))];
};

/** Where the splitters are installed. */
const langchain = (): string => {
  const directory = join(top, 'node_modules', '.cache', 'tidemark-bench-splitters');
  const manifest = join(directory, 'package.json');
  if (!existsSync(join(directory, 'node_modules'))) {
    mkdirSync(directory, { recursive: true });
    writeFileSync(manifest, '{"private":true}');
    const how = ['--legacy-peer-deps', '--ignore-scripts', '--no-audit', '--no-fund', '--silent'];
    execFileSync('npm', ['install', ...how, ...SPLITTERS], { cwd: directory, stdio: 'inherit' });
  }
  return manifest;
};

interface Round {
  readonly seconds: number;
  readonly characters: number;
}

type Limit = 'characters' | 'transformers' | 'static';

/** How many times as long the other took, and the rate of the first: of the median pair, by the round of each that was disturbed least. */
const beside = async (limit: Limit, compiled: string, model = '') => {
  const pairs: { readonly rate: number; readonly ratio: number }[] = [];
  while (pairs.length < PAIRS) pairs.push(await pairOf(limit, compiled, model));
  return { rate: median(pairs.map(({ rate }) => rate)), ratio: median(pairs.map(({ ratio }) => ratio)) };
};

const pairOf = async (limit: Limit, compiled: string, model: string) => {
  const start = (side: string) =>
    fork(join(here, 'splitting.js'), [side, limit, compiled, langchain(), model], { execArgv: [] });
  const [ours, theirs] = [start('ours'), start('theirs')];
  const round = async (side: ChildProcess): Promise<Round> => {
    side.send('round');
    const [answer] = (await once(side, 'message')) as [Round];
    return answer;
  };
  let [own, other] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  let megabytes = 0;
  for (let number = 0; number < WARM_UP + ROUNDS; number += 1) {
    const { seconds, characters } = await round(ours);
    const { seconds: theirSeconds } = await round(theirs);
    if (number < WARM_UP) continue;
    own = Math.min(own, seconds);
    other = Math.min(other, theirSeconds);
    megabytes = characters / 1e6;
  }
  for (const side of [ours, theirs]) side.kill();
  return { rate: megabytes / own, ratio: other / own };
};

const besideSplitters = async (compiled: string): Promise<readonly Figure[]> => {
  const model = smallModel();
  const plain = await beside('characters', compiled);
  const exact = await beside('transformers', compiled, model.directory);
  const own = await beside('static', compiled);
  model.remove();
  const unit = 'MB/s of processor';
  const recursive = 'splitting beside RecursiveCharacterTextSplitter';
  return [
    { name: 'splitting, without token counts', value: plain.rate, unit },
    { name: 'splitting beside MarkdownTextSplitter', value: plain.ratio, unit: 'times', aim: { atLeast: 2 } },
    { name: "splitting, with Transformers.js's exact token counts", value: exact.rate, unit },
    { name: recursive, value: exact.ratio, unit: 'times', aim: { atLeast: 2.5 } },
    { name: "splitting, with the built-in model's exact token counts", value: own.rate, unit },
    { name: `${recursive} with these`, value: own.ratio, unit: 'times' },
  ];
};

/** One line of JSON, which is the start of a program as well. */
const lineOf = (bytes: number): Buffer =>
  Buffer.from(`{${Array.from({ length: bytes / 11 }, (_, i) => `"key${i}":${i % 1_000}`).join(',')}}`).subarray(
    0,
    bytes,
  );

/** What the content worker's work does to the thread that waits for it, beside what this machine does to one that is idle. */
const mainThread = async (compiled: string): Promise<readonly Figure[]> => {
  const url = (file: string) => pathToFileURL(join(compiled, file)).href;
  const { contentWorker }: Product = await import(url('content/content-worker.js'));
  const content = contentWorker({
    ...{ deadlineMs: 30_000, heapMb: 512, limits: { fileBytes: 20 * MIB, textBytes: 4 * MIB } },
    ...{ chunk: { tokens: TOKENS }, tokens: { module: url('content/tokens.js') } },
  });
  await content.converter.convert('warm.json', Buffer.from('{}'));
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  const began = performance.now();
  for (const path of ['one-line.json', 'one-line.js']) {
    const converted = await content.converter.convert(path, lineOf(LINE));
    if (!('text' in converted)) throw new Error(`${path} was skipped as ${converted.skip}`);
    await content.chunker.chunk(path, converted.text);
  }
  delay.disable();
  const took = performance.now() - began;
  await content.close();
  const idle = monitorEventLoopDelay({ resolution: 5 });
  idle.enable();
  await sleep(took);
  idle.disable();
  return [
    {
      ...{ name: 'event loop while lines of 3.9 MB are chunked, p99', value: delay.percentile(99) / 1e6, unit: 'ms' },
      ...{ aim: { atMost: 100 }, ratio: { value: delay.percentile(99) / idle.percentile(99), to: 'an idle thread' } },
    },
  ];
};

/** Each by itself through a backfill of the executable, from its start to its end, with the built-in embedder. */
const throughAll = async (run: Stage['run']): Promise<readonly Figure[]> => {
  const figures: Figure[] = [];
  for (const [path, bytes] of [
    ['one-line.json', LINE],
    ['one-line.js', LINE],
    ['larger.json', 2 * LINE],
    ['largest.json', 5 * LINE],
  ] as const) {
    const repository = await makeRepository();
    await repository.commit({ files: [[path, lineOf(bytes)]] });
    const { report, seconds } = await run(repository.directory);
    const { indexed, skipped, failed, chunks } = report;
    if (indexed + skipped + failed !== 1) throw new Error(`${path} has no end: ${JSON.stringify(report)}`);
    const end = indexed > 0 ? `indexed, ${chunks} chunks` : skipped > 0 ? 'skipped' : 'a dead letter';
    const name = `${path}, one line of ${bytes / 1e6} MB, start included: ${end}`;
    figures.push({ name, value: seconds, unit: 's', aim: { atMost: 120 } });
    await repository.remove();
  }
  return figures;
};
