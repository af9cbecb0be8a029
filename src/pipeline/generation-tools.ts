/**
 * The chunker and the embedder of each generation. A generation keeps those that it was built by, also when the
 * configuration asks for others by now.
 */
import { createHash } from 'node:crypto';
import { dependency, type Patience } from '../calls/dependency.ts';
import { chunkerVersion } from '../chunker/chunker.ts';
import type { Names } from '../config/names.ts';
import type { Limits as LimitOptions } from '../config/schema.ts';
import { type ContentWorker, contentWorker } from '../content/content-worker.ts';
import { type ContentLimits, converterRules } from '../converters/convert.ts';
import { embedderOf, tokenCounting, withoutSecrets, withSecrets } from '../embedders/registry.ts';
import { StopFlow } from '../errors.ts';
import { TERMS_VERSION } from '../lexical/terms.ts';
import type { Dependency, GenerationTools } from '../parts.ts';
import type { Converter, State, Time } from '../ports.ts';
import type { GenerationOptions } from '../records.ts';
import type { Telemetry } from '../telemetry.ts';
import { MIB, SECOND } from '../units.ts';
import { withinBudget } from './budget.ts';

/** Raise it with every change of what a point holds. */
const SCHEMA_VERSION = 1;
/** Vocabularies of 250,000 pieces are objects, which no document can help. */
const TOKENIZER_HEAP_MB = 512;

const hash = (value: unknown): string => createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 12);

/** The rules that a document was converted by. What differs is planned again, in place. */
export const rulesOf = (
  limits: Required<ContentLimits>,
  { include, exclude }: { readonly include: readonly string[]; readonly exclude: readonly string[] },
): string => hash([converterRules(limits), include, exclude]);

/** The generation that a configuration asks for. */
export interface Target {
  readonly name: string;
  readonly dimensions: number;
  readonly options: GenerationOptions;
}

export const targetOf = (names: Names, { chunk, embedder }: GenerationOptions): Target => {
  const { embedder: port, vectorSpace } = embedderOf(embedder, () => undefined);
  const tokens = Math.min(chunk.tokens, port.maxTokens);
  // The names of these keys are hashed too: another name would mean that every index is built anew.
  const hashed = { schema: SCHEMA_VERSION, terms: TERMS_VERSION, chunker: chunkerVersion, tokens, shape: vectorSpace };
  const fingerprint = hash(hashed);
  return { name: names.generation(fingerprint), dimensions: port.dimensions, options: { chunk: { tokens }, embedder } };
};

export const generationOptionsOf = async (
  { state }: { readonly state: State },
  generation: string,
): Promise<GenerationOptions | undefined> => (await state.read('shapes', [generation])).get(generation)?.value;

/** One worker converts and cuts, since a text then need not travel to another thread. */
export const workerFor = (limits: LimitOptions, { chunk, embedder }: GenerationOptions): ContentWorker => {
  return contentWorker({
    deadlineMs: limits.convertSeconds * SECOND,
    heapMb: Math.ceil(limits.convertHeap / MIB) + (embedder.kind === 'transformers' ? TOKENIZER_HEAP_MB : 0),
    limits: { fileBytes: limits.fileBytes, textBytes: limits.textBytes, secrets: limits.secrets },
    chunk,
    tokens: { module: tokenCounting.href, options: embedder },
  });
};

export interface ToolsOptions {
  readonly state: State;
  readonly target: Target;
  readonly limits: LimitOptions;
  readonly time: Time;
  readonly telemetry: Telemetry;
  readonly patience: Patience;
}

export interface Tools {
  readonly converter: Converter;
  /** One for each generation, made when it is first asked for. */
  of(generation: string): Promise<GenerationTools>;
  /** For as long as the generation is kept in step, by whichever process: in the state without secrets, and in this one with them. */
  remember(target: Target): Promise<void>;
  dependencies(): readonly Dependency[];
  close(): Promise<void>;
}

export const openTools = ({ state, target, limits, ...needs }: ToolsOptions): Tools => {
  const known = new Map<string, Promise<GenerationTools>>();
  const targets = new Map([[target.name, target.options]]);
  const made: GenerationTools[] = [];
  const workers = new Map<string, ContentWorker>();

  /** Converting and chunking share one worker, which starts with the first document and not with a search. */
  const worker = ({ name, options }: Pick<Target, 'name' | 'options'>): ContentWorker => {
    const running = workers.get(name);
    if (running) return running;
    const started = workerFor(limits, options);
    workers.set(name, started);
    return started;
  };

  const make = async (name: string): Promise<GenerationTools> => {
    const built = targets.get(name) ?? (await generationOptionsOf({ state }, name));
    if (!built) throw new StopFlow(`generation ${name}: nothing says by which chunker and embedder it was built`);
    const options = withSecrets(built.embedder, target.options.embedder);
    const model = 'model' in options ? options.model : options.kind;
    const { embedder: port } = embedderOf(options, (tokens) =>
      needs.telemetry.tokensEmbedded({ embedder: options.kind, model, tokens }),
    );
    const budget = limits.budget.tokens;
    const embedder = budget === undefined ? port : withinBudget(port, { tokens: budget, state, time: needs.time });
    const tools: GenerationTools = {
      chunker: { chunk: (path, text) => worker({ name, options: built }).chunker.chunk(path, text), async close() {} },
      embedder,
      dependency: dependency(`embedder ${built.embedder.kind}`, embedder.probe, needs),
    };
    made.push(tools);
    return tools;
  };

  return {
    converter: { convert: (path, bytes) => worker(target).converter.convert(path, bytes), async close() {} },
    of(generation) {
      const there = known.get(generation);
      if (there) return there;
      const making = make(generation);
      known.set(generation, making);
      // Nothing is known of it now, which may change.
      making.catch(() => known.delete(generation));
      return making;
    },
    async remember({ name, options }) {
      targets.set(name, options);
      const value = { ...options, embedder: withoutSecrets(options.embedder) };
      // The newest stands: a model may have been moved, and a server have another address.
      await state.raise('shapes', [
        { key: name, scope: 'shapes', seq: needs.time.now(), token: needs.time.token(), value },
      ]);
    },
    dependencies: () => made.map(({ dependency: ofEmbedder }) => ofEmbedder),
    async close() {
      await Promise.all([...workers.values()].map((worker) => worker.close()));
      await Promise.all(made.map(({ embedder }) => embedder.close()));
    },
  };
};
