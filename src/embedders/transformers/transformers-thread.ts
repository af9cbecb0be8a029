/** The inside of the transformers embedder's thread: texts in, their vectors out in one block that is handed over. */
import { DeadLetter, messageOf } from '../../errors.ts';
import { inside } from '../../runtime/thread.ts';
import { pool } from '../pooling.ts';
import { type Batching, batchesOf } from './batches.ts';
import { had, loadingOf, type ModelPlace, transformersPackage } from './package.ts';

export interface TransformersData extends ModelPlace, Batching {
  readonly dtype: string;
  readonly pooling: 'mean' | 'cls';
  readonly dimensions: number;
  readonly maxTokens: number;
  readonly threads: number;
}

interface Tokens {
  readonly index: number;
  readonly ids: readonly number[];
  readonly types: readonly number[] | undefined;
}

const { data, answering } = inside<readonly string[], Float32Array>();
const {
  model: name,
  dtype,
  pooling,
  dimensions,
  maxTokens,
  threads,
  batchTokens,
  alone,
  ...rest
} = data as TransformersData;
const place: ModelPlace = { model: name, ...rest };

const { AutoModel, AutoTokenizer, Tensor } = await transformersPackage(place);
const loading = loadingOf(place);
const session_options = { intraOpNumThreads: threads, interOpNumThreads: 1 };
const tokenizer = await had(place, AutoTokenizer.from_pretrained(name, loading));
const model = await had(place, AutoModel.from_pretrained(name, { ...loading, dtype, device: 'cpu', session_options }));

const tokensOf = (text: string, index: number): Tokens => {
  const { input_ids, token_type_ids } = tokenizer(text, { padding: false, truncation: false, return_tensor: false });
  return { index, ids: fitting(input_ids), types: token_type_ids && fitting(token_type_ids) };
};

/** Too long a text loses what stands before the special token at its end, which models lean on. */
const fitting = (all: readonly number[]): readonly number[] =>
  all.length <= maxTokens ? all : [...all.slice(0, maxTokens - 1), all.at(-1) as number];

const infer = async (batch: readonly Tokens[], vectors: Float32Array): Promise<void> => {
  const width = batch[0]?.ids.length ?? 0;
  const dims = [batch.length, width];
  const [ids, mask, types] = [0, 1, 2].map(() => new BigInt64Array(batch.length * width)) as [
    BigInt64Array,
    BigInt64Array,
    BigInt64Array,
  ];
  for (const [row, { ids: own, types: ownTypes }] of batch.entries()) {
    for (let at = 0; at < own.length; at += 1) {
      ids[row * width + at] = BigInt(own[at] as number);
      mask[row * width + at] = 1n;
      if (ownTypes) types[row * width + at] = BigInt(ownTypes[at] as number);
    }
  }
  const outputs = await model({
    input_ids: new Tensor('int64', ids, dims),
    attention_mask: new Tensor('int64', mask, dims),
    ...(batch[0]?.types ? { token_type_ids: new Tensor('int64', types, dims) } : {}),
  });
  const hidden = outputs.last_hidden_state ?? outputs.token_embeddings;
  if (!(hidden?.data instanceof Float32Array))
    throw new Error(`${name} gives ${Object.keys(outputs).join(', ')}, and no last_hidden_state of 32-bit numbers`);
  if (hidden.dims.at(-1) !== dimensions)
    throw new Error(`${name} gives ${hidden.dims.at(-1)} numbers a vector, and embedder.dimensions says ${dimensions}`);
  for (const [row, { index, ids: own }] of batch.entries()) {
    const rows = hidden.data.subarray(row * width * dimensions, (row * width + own.length) * dimensions);
    pool(pooling, rows, vectors.subarray(index * dimensions, (index + 1) * dimensions));
  }
};

const embed = async (texts: readonly string[]): Promise<Float32Array<ArrayBuffer>> => {
  const vectors = new Float32Array(texts.length * dimensions);
  for (const batch of batchesOf(texts.map(tokensOf), { batchTokens, alone })) await infer(batch, vectors);
  return vectors;
};

// The first run allocates, and shows what is wrong with a model before any text is blamed for it.
await had(place, embed(['warm up']));

answering(async (texts) => {
  try {
    const value = await embed(texts);
    return { value, transfer: [value.buffer] };
  } catch (error) {
    throw new DeadLetter('refused', messageOf(error), { cause: error });
  }
});
