/** The one place that loads Transformers.js, which is an optional dependency: what is used of it, and how it is missed. */
import { join } from 'node:path';
import { maskedText, messageOf } from '../../errors.ts';

interface Tokenizer {
  /** As many token ids as the text has, special ones included. */
  (
    texts: string,
    options: { add_special_tokens?: boolean; padding: false; truncation: false; return_tensor: false },
  ): { readonly input_ids: readonly number[]; readonly token_type_ids?: readonly number[] };
  /** The model's `tokenizer.json`. */
  readonly _tokenizerJSON: { readonly pre_tokenizer?: { readonly type: string } | null };
}

interface Tensor {
  readonly type: string;
  readonly dims: readonly number[];
  readonly data: unknown;
}

export type Model = (inputs: Readonly<Record<string, Tensor>>) => Promise<Readonly<Record<string, Tensor | undefined>>>;

interface Loading {
  readonly local_files_only: boolean;
}

export interface TransformersPackage {
  readonly env: {
    remoteHost: string;
    remotePathTemplate: string;
    allowRemoteModels: boolean;
    cacheDir: string | null;
    logLevel: number;
  };
  readonly Tensor: new (type: 'int64', data: BigInt64Array, dims: readonly number[]) => Tensor;
  readonly AutoTokenizer: { from_pretrained(model: string, options: Loading): Promise<Tokenizer> };
  readonly AutoModel: {
    from_pretrained(
      model: string,
      options: Loading & {
        readonly dtype: string;
        readonly device: 'cpu';
        readonly session_options: { readonly intraOpNumThreads: number; readonly interOpNumThreads: number };
      },
    ): Promise<Model>;
  };
}

/** Where a model is loaded from. */
export interface ModelPlace {
  readonly model: string;
  readonly local: boolean;
  readonly revision: string;
  readonly hub: string;
  readonly cache: string | undefined;
}

/** What goes wrong is thrown as well; what it would print are the texts. */
const SILENT = 50;

const NAME = '@xenova/transformers';
const INSTALL = 'npm install --no-save @xenova/transformers@npm:@huggingface/transformers@4.3.1';

/** Named by a variable, so that what is built needs neither the package nor its types. */
const load = async (name: string): Promise<TransformersPackage> => {
  try {
    return await import(name);
  } catch (cause) {
    throw new Error(
      `the package ${name} is not there, which is optional and heavy (${cause}). Install it with: ONNXRUNTIME_NODE_INSTALL=skip ${INSTALL}`,
      { cause },
    );
  }
};

/**
 * Revision and cache are set for all, since 4.3 forgets the options for one when it looks which files of a tokenizer there
 * are: it would ask the hub for another revision, even if all is in the cache.
 */
export const transformersPackage = async (place: ModelPlace): Promise<TransformersPackage> => {
  const { hub, local, revision, cache } = place;
  const loaded = await load(NAME);
  const { env } = loaded;
  env.remoteHost = hub.endsWith('/') ? hub : `${hub}/`;
  env.remotePathTemplate = `{model}/resolve/${encodeURIComponent(revision)}/`;
  env.allowRemoteModels = !local;
  env.logLevel = SILENT;
  if (cache !== undefined) env.cacheDir = join(cache, encodeURIComponent(revision));
  return loaded;
};

export const loadingOf = ({ local }: ModelPlace): Loading => ({ local_files_only: local });

/** What went wrong, with what to do about it. */
export const had = async <T>({ model, local, hub }: ModelPlace, loading: Promise<T>): Promise<T> => {
  try {
    return await loading;
  } catch (cause) {
    const why = messageOf(cause);
    const advice = local
      ? 'the directory lacks something, or has it in another form'
      : `it is neither in the cache nor to be had from ${maskedText(hub)}; without a network, set embedder.model to a directory that holds it`;
    throw new Error(`the model ${model} cannot be loaded: ${advice} (${why}). See docs/embedders.md`, { cause });
  }
};
