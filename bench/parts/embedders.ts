/**
 * The transformers embedder on a model in MiniLM's shape with chance weights, one thread, texts of mixed length: beside a
 * bare ONNX session that is fed the same batches of tokens, and beside a loop over LangChain.js's embeddings. Rounds
 * alternate, and medians are told, since machines have neighbours. LangChain.js is no dependency: it is installed into
 * node_modules/.cache, once, and runs on the same copy of Transformers.js.
 */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { embedderSchema, type TransformersOptions } from '../../src/config/embedder.ts';
import { inSlices } from '../../src/embedders/slices.ts';
import { batchesOf } from '../../src/embedders/transformers/batches.ts';
import { transformersEmbedder } from '../../src/embedders/transformers/transformers.ts';
import { writeMinilm } from '../../test/support/minilm.ts';
import { type Figure, median } from '../figures.ts';

const BARE_TEXTS = 32;
const BARE_ROUNDS = 9;
const LANGCHAIN_TEXTS = 96;
const LANGCHAIN_ROUNDS = 3;
const SHORTEST = 100;
const LONGEST = 1600;
const BATCH_TOKENS = 1024;
/** Where LangChain.js cuts, so that nobody computes more than the others. */
const MAX_TOKENS = 512;
const CHARACTERS_PER_TOKEN = 4;
const top = fileURLToPath(new URL('../..', import.meta.url));
const require = createRequire(import.meta.url);

/** Log-uniform between the two, from this package's sources and the documentation of what it depends on. */
const mixed = (count: number): string[] => {
  const files = [
    ...readdirSync(join(top, 'src'), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => join(top, 'src', name)),
    ...readdirSync(join(top, 'docs')).map((name) => join(top, 'docs', name)),
  ];
  const all = files.map((file) => readFileSync(file, 'utf8')).join('\n');
  let state = 7;
  const chance = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  return Array.from({ length: count }, () => {
    const length = Math.round(SHORTEST * (LONGEST / SHORTEST) ** chance());
    const from = Math.floor(chance() * (all.length - length));
    return Buffer.from(all.slice(from, from + length)).toString();
  });
};

interface Taken {
  readonly wall: number;
  /** Of the whole process, whatever its neighbours do. */
  readonly cpu: number;
}

const taken = async (run: () => Promise<unknown>): Promise<Taken> => {
  const [start, before] = [performance.now(), process.cpuUsage()];
  await run();
  const { user, system } = process.cpuUsage(before);
  return { wall: (performance.now() - start) / 1e3, cpu: (user + system) / 1e6 };
};

const rate = (texts: number, all: readonly Taken[]): number => texts / median(all.map(({ wall }) => wall));

/** How many times as long the other took, by the clock and by the processor. */
const ratios = (ours: readonly Taken[], other: readonly Taken[]) => {
  const of = (key: keyof Taken) => median(ours.map((one, round) => (other[round]?.[key] ?? 0) / one[key]));
  return { wall: of('wall'), cpu: of('cpu') };
};

interface Session {
  run(feeds: Readonly<Record<string, unknown>>): Promise<unknown>;
}
interface Runtime {
  readonly InferenceSession: { create(file: string, options: object): Promise<Session> };
  readonly Tensor: new (type: 'int64', data: BigInt64Array, dims: readonly number[]) => unknown;
}
interface Library {
  readonly env: { allowRemoteModels: boolean; localModelPath: string };
  readonly AutoTokenizer: {
    from_pretrained(model: string): Promise<(text: string, options: object) => { input_ids: number[] }>;
  };
}
interface LangChain {
  readonly HuggingFaceTransformersEmbeddings: new (
    options: object,
  ) => { embedDocuments(texts: readonly string[]): Promise<unknown> };
}

const libraryFile = require.resolve('@xenova/transformers');
const load = async <T>(file: string): Promise<T> => await import(file);

/** The batches that the embedder makes of the texts, as tensors that are ready. */
const feedsOf = async (texts: readonly string[], model: string, dtype: string, { Tensor }: Runtime) => {
  const { AutoTokenizer } = await load<Library>('@xenova/transformers');
  const tokenizer = await AutoTokenizer.from_pretrained(model);
  const alone = dtype !== 'fp32';
  const feeds: Record<string, unknown>[] = [];
  const call = async (slice: readonly string[]) => {
    const tokens = slice.map((text) => {
      const ids = tokenizer(text, { padding: false, truncation: false, return_tensor: false }).input_ids;
      return { ids: ids.slice(0, MAX_TOKENS) };
    });
    for (const batch of batchesOf(tokens, { batchTokens: BATCH_TOKENS, alone })) {
      const width = batch[0]?.ids.length ?? 0;
      const tensor = (value: (ids: readonly number[], at: number) => number) =>
        new Tensor(
          'int64',
          BigInt64Array.from(
            batch.flatMap(({ ids }) => Array.from({ length: width }, (_, at) => value(ids, at))),
            BigInt,
          ),
          [batch.length, width],
        );
      feeds.push({
        input_ids: tensor((ids, at) => ids[at] ?? 0),
        attention_mask: tensor((ids, at) => (at < ids.length ? 1 : 0)),
        token_type_ids: tensor(() => 0),
      });
    }
    return new Float32Array(slice.length);
  };
  await inSlices(texts, { dimensions: 1, characters: BATCH_TOKENS * CHARACTERS_PER_TOKEN, call });
  return feeds;
};

const optionsFor = (model: string, dtype: string) =>
  embedderSchema.parse({
    ...{ kind: 'transformers', model, dtype, threads: 1 },
    ...{ batchTokens: BATCH_TOKENS, maxTokens: MAX_TOKENS },
  }) as TransformersOptions;

const besideBare = async (model: string, dtype: 'fp32' | 'q8'): Promise<readonly Figure[]> => {
  const runtime = await load<Runtime>(createRequire(libraryFile).resolve('onnxruntime-node'));
  const texts = mixed(BARE_TEXTS);
  const feeds = await feedsOf(texts, model, dtype, runtime);
  const file = join(model, 'onnx', dtype === 'fp32' ? 'model.onnx' : 'model_quantized.onnx');
  const session = await runtime.InferenceSession.create(file, { intraOpNumThreads: 1, interOpNumThreads: 1 });
  const bare = async () => {
    for (const feed of feeds) await session.run(feed);
  };
  const embedder = transformersEmbedder(optionsFor(model, dtype));
  const through = () => embedder.embed(texts, 'passage');
  await bare();
  await through();
  const [alone, ours]: [Taken[], Taken[]] = [[], []];
  const delay = monitorEventLoopDelay({ resolution: 1 });
  for (let round = 0; round < BARE_ROUNDS; round += 1) {
    alone.push(await taken(bare));
    delay.enable();
    ours.push(await taken(through));
    delay.disable();
  }
  await embedder.close();
  const { wall, cpu } = ratios(ours, alone);
  const to = 'a bare ONNX session on the same batches';
  return [
    { name: `transformers ${dtype}`, value: rate(BARE_TEXTS, ours), unit: 'texts/s', ratio: { value: wall, to } },
    { name: `transformers ${dtype}: processor, of ${to}`, value: 100 * cpu, unit: '%', aim: { atLeast: 85 } },
    {
      ...{ name: `transformers ${dtype}: event loop p99`, value: delay.percentile(99) / 1e6, unit: 'ms' },
      aim: { atMost: 100 },
    },
  ];
};

const LANGCHAIN = ['@langchain/community@1.1.29', '@langchain/core@1.2.13'];

const langchain = async (): Promise<LangChain> => {
  const directory = join(top, 'node_modules', '.cache', 'tidemark-bench');
  const link = join(directory, 'node_modules', '@huggingface', 'transformers');
  if (!existsSync(link)) {
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, 'package.json'), '{"private":true}');
    const how = ['--legacy-peer-deps', '--ignore-scripts', '--no-audit', '--no-fund', '--silent'];
    execFileSync('npm', ['install', ...how, ...LANGCHAIN], { cwd: directory, stdio: 'inherit' });
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(dirname(dirname(libraryFile)), link);
  }
  const from = createRequire(join(directory, 'package.json'));
  const module = dirname(from.resolve('@langchain/community/embeddings/huggingface_transformers'));
  return load<LangChain>(pathToFileURL(join(module, 'huggingface_transformers.js')).href);
};

const besideLangChain = async (model: string, dtype: 'fp32' | 'q8'): Promise<readonly Figure[]> => {
  const { HuggingFaceTransformersEmbeddings } = await langchain();
  const session_options = { intraOpNumThreads: 1, interOpNumThreads: 1 };
  const theirs = new HuggingFaceTransformersEmbeddings({ model, pretrainedOptions: { dtype, session_options } });
  const embedder = transformersEmbedder(optionsFor(model, dtype));
  const texts = mixed(LANGCHAIN_TEXTS);
  await theirs.embedDocuments(texts.slice(0, 1));
  await embedder.embed(texts.slice(0, 1), 'passage');
  const [other, ours]: [Taken[], Taken[]] = [[], []];
  for (let round = 0; round < LANGCHAIN_ROUNDS; round += 1) {
    other.push(await taken(() => theirs.embedDocuments(texts)));
    ours.push(await taken(() => embedder.embed(texts, 'passage')));
  }
  await embedder.close();
  const { wall, cpu } = ratios(ours, other);
  const shown = { unit: 'texts/s', ratio: { value: wall, to: 'LangChain.js at its default batch size' } };
  return [
    { name: `transformers ${dtype}, ${LANGCHAIN_TEXTS} texts`, value: rate(LANGCHAIN_TEXTS, ours), ...shown },
    { name: `transformers ${dtype}: processor, beside LangChain.js`, value: cpu, unit: 'times', aim: { atLeast: 3 } },
  ];
};

export const embedders = async (): Promise<readonly Figure[]> => {
  const model = mkdtempSync(join(tmpdir(), 'tidemark-bench-model-'));
  try {
    writeMinilm(model);
    (await load<Library>('@xenova/transformers')).env.allowRemoteModels = false;
    const figures: Figure[] = [];
    for (const dtype of ['fp32', 'q8'] as const)
      figures.push(...(await besideBare(model, dtype)), ...(await besideLangChain(model, dtype)));
    return figures;
  } finally {
    rmSync(model, { recursive: true });
  }
};
