/**
 * Which model `transformers` is to run, from the configuration, from the files of a local directory, and from what is
 * known of its name, in this order. What cannot be told is asked for, and never guessed: a wrong pooling gives vectors
 * that look right and find nothing.
 */
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import { basename, isAbsolute, join } from 'node:path';
import { z } from 'zod';
import type { TransformersOptions } from '../../config/embedder.ts';
import { BadConfiguration } from '../../errors.ts';
import { KIB } from '../../units.ts';
import { type KnownModel, knownModel, type Prefixes } from '../models.ts';

export interface TransformersModel {
  /** By name on the hub, or the directory. */
  readonly model: string;
  readonly local: boolean;
  /** The same for the same weights, wherever they lie: a revision, or a digest of the files. */
  readonly version: string;
  readonly dtype: TransformersOptions['dtype'];
  readonly pooling: 'mean' | 'cls';
  readonly prefixes: Prefixes;
  readonly dimensions: number;
  /** Special tokens and prefix included. */
  readonly maxTokens: number;
}

/** Of a text so long attention alone takes 200 MB; nothing that Tidemark cuts is longer. */
const LONGEST = 2048;

export const transformersModel = (options: TransformersOptions): TransformersModel => {
  const { model, revision, dtype } = options;
  const local = isAbsolute(model);
  const files = local ? filesOf(model) : {};
  const known = [files.name, model].flatMap((name) => knownModel(name ?? '') ?? [])[0];
  const needed = <K extends 'pooling' | 'dimensions' | 'maxTokens'>(key: K): NonNullable<KnownModel[K]> => {
    const value = options[key] ?? files[key] ?? known?.[key];
    if (value !== undefined) return value as NonNullable<KnownModel[K]>;
    throw new BadConfiguration(
      `embed with ${model}: Tidemark does not know this model; say embedder.${key} (docs/embedders.md says how)`,
    );
  };
  return {
    ...{ model, local, dtype },
    version: local ? digestOf(model, dtype) : revision,
    pooling: needed('pooling'),
    prefixes: options.prefixes ?? files.prefixes ?? known?.prefixes ?? { passage: '', query: '' },
    dimensions: needed('dimensions'),
    maxTokens: Math.min(needed('maxTokens'), LONGEST),
  };
};

/** Where Transformers.js looks for the weights. */
const SUFFIX: Readonly<Record<TransformersOptions['dtype'], string>> = {
  ...{ fp32: '', fp16: '_fp16', q8: '_quantized', int8: '_int8', uint8: '_uint8' },
  ...{ q4: '_q4', q4f16: '_q4f16', bnb4: '_bnb4' },
};

const DIGESTED_BYTES = 64 * KIB;
const DIGESTED_PLACES = 16;

/**
 * Of all that shapes a vector. Weights are sampled: those of another training differ nearly everywhere, and reading all
 * of a large file would hold up every command.
 */
const digestOf = (directory: string, dtype: TransformersOptions['dtype']): string => {
  const weights = join('onnx', `model${SUFFIX[dtype]}.onnx`);
  const hash = createHash('sha256');
  for (const name of ['config.json', 'tokenizer.json', weights]) {
    const file = join(directory, name);
    try {
      sample(file, (part) => hash.update(part));
    } catch (cause) {
      throw new BadConfiguration(`embed with ${directory}: read ${name}: ${missing(directory, dtype)}`, { cause });
    }
  }
  return hash.digest('hex').slice(0, 16);
};

const missing = (directory: string, dtype: string): string => {
  const there = listing(join(directory, 'onnx')).filter((name) => name.endsWith('.onnx'));
  return `a model directory has config.json, tokenizer.json and, for dtype ${dtype}, these weights; in onnx/ there is ${there.join(', ') || 'nothing'}`;
};

const listing = (directory: string): readonly string[] => {
  try {
    return readdirSync(directory);
  } catch {
    return []; // The message says that nothing is there.
  }
};

const sample = (path: string, take: (part: Uint8Array | string) => void): void => {
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    const buffer = Buffer.alloc(Math.min(size, DIGESTED_BYTES));
    take(`${size} `);
    for (let place = 0; place < DIGESTED_PLACES; place += 1) {
      const from = Math.floor(((size - buffer.length) / (DIGESTED_PLACES - 1)) * place);
      take(buffer.subarray(0, readSync(file, buffer, 0, buffer.length, from)));
    }
  } finally {
    closeSync(file);
  }
};

type Found = Partial<Omit<KnownModel, 'price' | 'shortens'>> & { readonly name?: string };

const configFile = z.object({
  _name_or_path: z.string().optional(),
  hidden_size: z.number().optional(),
  dim: z.number().optional(),
  max_position_embeddings: z.number().optional(),
});
const poolingFile = z.object({
  pooling_mode_cls_token: z.boolean().optional(),
  pooling_mode_mean_tokens: z.boolean().optional(),
});
const lengthFile = z.object({ max_seq_length: z.number().nullish() });
const tokenizerFile = z.object({ model_max_length: z.number().optional() });
const promptsFile = z.object({ prompts: z.record(z.string(), z.string()).optional() });

/** What exports of sentence-transformers and of Optimum say of themselves. */
const filesOf = (directory: string): Found => {
  const config = jsonOf(directory, 'config.json', configFile);
  const pooling = jsonOf(directory, join('1_Pooling', 'config.json'), poolingFile);
  const longest = jsonOf(directory, 'sentence_bert_config.json', lengthFile)?.max_seq_length;
  const prompts = jsonOf(directory, 'config_sentence_transformers.json', promptsFile)?.prompts;
  const name = knownModel(directory) ? basename(directory) : config?._name_or_path;
  const width = config?.hidden_size ?? config?.dim;
  // Of a model that is known by its name, what it was trained with goes before what its tokenizer would take.
  const taken = [
    jsonOf(directory, 'tokenizer_config.json', tokenizerFile)?.model_max_length,
    config?.max_position_embeddings,
  ].filter((length) => length !== undefined);
  const maxTokens = longest ?? knownModel(name ?? '')?.maxTokens ?? (taken.length > 0 ? Math.min(...taken) : undefined);
  const passage = prompts?.passage ?? prompts?.document;
  return {
    ...(name === undefined ? {} : { name }),
    ...(width === undefined ? {} : { dimensions: width }),
    ...(maxTokens === undefined ? {} : { maxTokens }),
    ...(pooling?.pooling_mode_mean_tokens ? { pooling: 'mean' as const } : {}),
    ...(pooling?.pooling_mode_cls_token ? { pooling: 'cls' as const } : {}),
    ...(passage || prompts?.query ? { prefixes: { passage: passage ?? '', query: prompts?.query ?? '' } } : {}),
  };
};

const jsonOf = <T>(directory: string, name: string, schema: z.ZodType<T>): T | undefined => {
  const path = join(directory, name);
  let content: string;
  try {
    content = readFileSync(path, 'utf8');
  } catch {
    return undefined; // Most models have not all of these files; what none of them says is asked for.
  }
  try {
    return schema.parse(JSON.parse(content));
  } catch (cause) {
    throw new BadConfiguration(`embed with ${directory}: ${name} is not what it should be`, { cause });
  }
};
