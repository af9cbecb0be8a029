/** What shapes a point, by generation: its chunker and its embedder, also of a configuration that holds no more. */
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
import type { Dependency, Shape } from '../parts.ts';
import type { Converter, State, Time } from '../ports.ts';
import type { ShapeRow } from '../records.ts';
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
  readonly shape: ShapeRow;
}

export const targetOf = (names: Names, { chunk, embedder }: ShapeRow): Target => {
  const { embedder: port, shape } = embedderOf(embedder, () => undefined);
  const tokens = Math.min(chunk.tokens, port.maxTokens);
  const fingerprint = hash({ schema: SCHEMA_VERSION, terms: TERMS_VERSION, chunker: chunkerVersion, tokens, shape });
  return { name: names.generation(fingerprint), dimensions: port.dimensions, shape: { chunk: { tokens }, embedder } };
};

export const shapeOf = async (
  { state }: { readonly state: State },
  generation: string,
): Promise<ShapeRow | undefined> => (await state.read('shapes', [generation])).get(generation)?.value;

/** Converts, and cuts as that shape does. */
export const workerFor = (limits: LimitOptions, { chunk, embedder }: ShapeRow): ContentWorker => {
  return contentWorker({
    deadlineMs: limits.convertSeconds * SECOND,
    heapMb: Math.ceil(limits.convertHeap / MIB) + (embedder.kind === 'transformers' ? TOKENIZER_HEAP_MB : 0),
    limits: { fileBytes: limits.fileBytes, textBytes: limits.textBytes, secrets: limits.secrets },
    chunk,
    tokens: { module: tokenCounting.href, options: embedder },
  });
};

export interface ShapesOptions {
  readonly state: State;
  readonly target: Target;
  readonly limits: LimitOptions;
  readonly time: Time;
  readonly telemetry: Telemetry;
  readonly patience: Patience;
}

export interface Shapes {
  readonly converter: Converter;
  /** One for each generation, made when it is first asked for. */
  of(generation: string): Promise<Shape>;
  /** For as long as the generation is fed, by whichever process: in the state without secrets, and in this one with them. */
  remember(target: Target): Promise<void>;
  dependencies(): readonly Dependency[];
  close(): Promise<void>;
}

export const openShapes = ({ state, target, limits, ...needs }: ShapesOptions): Shapes => {
  const known = new Map<string, Promise<Shape>>();
  const targets = new Map([[target.name, target.shape]]);
  const made: Shape[] = [];
  const workers = new Map<string, ContentWorker>();

  /** Converting and chunking share one worker, which starts with the first document and not with a search. */
  const worker = ({ name, shape }: Pick<Target, 'name' | 'shape'>): ContentWorker => {
    const running = workers.get(name);
    if (running) return running;
    const started = workerFor(limits, shape);
    workers.set(name, started);
    return started;
  };

  const make = async (name: string): Promise<Shape> => {
    const shape = targets.get(name) ?? (await shapeOf({ state }, name));
    if (!shape) throw new StopFlow(`generation ${name}: nothing says by which chunker and embedder it was built`);
    const options = withSecrets(shape.embedder, target.shape.embedder);
    const model = 'model' in options ? options.model : options.kind;
    const { embedder: port } = embedderOf(options, (tokens) =>
      needs.telemetry.tokensEmbedded({ embedder: options.kind, model, tokens }),
    );
    const budget = limits.budget.tokens;
    const embedder = budget === undefined ? port : withinBudget(port, { tokens: budget, state, time: needs.time });
    const one: Shape = {
      chunker: { chunk: (path, text) => worker({ name, shape }).chunker.chunk(path, text), async close() {} },
      embedder,
      dependency: dependency(`embedder ${shape.embedder.kind}`, embedder.probe, needs),
    };
    made.push(one);
    return one;
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
    async remember({ name, shape }) {
      targets.set(name, shape);
      const value = { ...shape, embedder: withoutSecrets(shape.embedder) };
      // The newest stands: a model may have been moved, and a server have another address.
      await state.raise('shapes', [
        { key: name, scope: 'shapes', seq: needs.time.now(), token: needs.time.token(), value },
      ]);
    },
    dependencies: () => made.map(({ dependency: one }) => one),
    async close() {
      await Promise.all([...workers.values()].map((one) => one.close()));
      await Promise.all(made.map(({ embedder }) => embedder.close()));
    },
  };
};
