/** From the configuration to the parts of one pipeline, open and ready to run; closed in reverse. */
import { join } from 'node:path';
import { dependency, PATIENCE, withRetries } from '../calls/dependency.ts';
import { names as namesOf } from '../config/names.ts';
import { optionsOf } from '../config/pipeline.ts';
import type { Config } from '../config/schema.ts';
import { serverReranker } from '../embedders/reranker.ts';
import { messageOf } from '../errors.ts';
import type { Dependency, FlowLimits, Parts, Source } from '../parts.ts';
import { selection } from '../paths/selection.ts';
import type { Log, Time, VectorStore } from '../ports.ts';
import type { Hold } from '../runtime/fence.ts';
import { blobCache } from '../sources/blob-cache.ts';
import type { Environment } from '../sources/git/command.ts';
import { type OpenSources, sourceRegistry } from '../sources/registry.ts';
import type { Telemetry } from '../telemetry.ts';
import { MIB, MINUTE, SECOND } from '../units.ts';
import type { Engines, OpenEngines } from './engines.ts';
import { openTools, rulesOf, type Target, targetOf } from './generation-tools.ts';

/** How long a text waits for others to be embedded with. */
const EMBED_WAIT_MS = 5;
/** A log, a store, and for a command also a source or a model, that has never answered for so long ends the process. */
const FIRST_ANSWER_MS = 20 * SECOND;
const BLOB_BYTES_PER_REQUEST = 4 * MIB;

export interface HostOptions {
  readonly config: Config;
  readonly openEngines: OpenEngines;
  /** Of all that is embedded. */
  readonly data: string;
  readonly lock: Hold;
  readonly environment: Environment;
  readonly time: Time;
  readonly telemetry: Telemetry;
  /** Stays, and answers searches, also while a source or a model has not answered yet. */
  readonly stays: boolean;
}

/** All pipelines of a process share a cache of blobs, and how fast a server is asked. */
export const sourcesFor = ({
  config: { limits, webhooks },
  data,
  environment,
  time,
  telemetry,
}: Pick<HostOptions, 'config' | 'data' | 'environment' | 'time' | 'telemetry'>): OpenSources =>
  sourceRegistry({
    ...{ environment, time, fileBytes: limits.fileBytes, webhooks },
    cache: blobCache({
      directory: join(data, 'blobs'),
      maxBytes: limits.blobCache,
      onTrouble: (error) => telemetry.backgroundFailed({ what: 'blob cache', error: messageOf(error) }),
    }),
    onArchiveTrouble: (instance, project, error) => telemetry.archiveUnusable({ instance, project, error }),
  });

export interface Pipeline {
  readonly name: string;
  readonly parts: Parts;
  /** What the configuration asks for. */
  readonly target: Target;
  /** Keeps the options that a generation is built by, for every process that indexes into it. */
  remember(target: Target): Promise<void>;
  dependencies(): readonly Dependency[];
  check: Engines['check'];
  close(): Promise<void>;
}

export const openPipeline = async (around: HostOptions, name: string, openSources: OpenSources): Promise<Pipeline> => {
  const { config, data, lock, time, telemetry, stays } = around;
  const options = optionsOf(config, name);
  const names = namesOf(name, options);
  const target = targetOf(names, options);
  const patience = patienceOf(config);
  const impatience = { ...patience, firstAnswerMs: FIRST_ANSWER_MS };
  const needs = { time, telemetry, patience: stays ? patience : impatience };
  const ofEngine = { time, telemetry, patience: impatience };
  const opened = await openSources(options.sources);
  const sources: ReadonlyMap<string, Source> = new Map(
    opened.map(({ instance, title, port }) => [instance, { port, dependency: dependency(title, port.probe, needs) }]),
  );
  const engines = await around.openEngines({ config, names, directory: join(data, name), lock, time, telemetry });
  const ofLog = dependency('log', engines.log.probe, ofEngine);
  const ofStore = dependency('store', engines.store.probe, ofEngine);
  const state = withRetries(engines.state, ofStore);
  const tools = openTools({ state, target, limits: config.limits, ...needs });

  const reranker = options.reranker && {
    port: serverReranker(options.reranker, time),
    passages: options.reranker.passages,
  };

  const parts: Parts = {
    names,
    limits: limitsOf(config),
    rules: rulesOf(config.limits, options),
    selected: selection(options),
    log: steadyLog(engines.log, ofLog),
    state,
    store: steadyStore(engines.store, ofStore),
    sources,
    converter: tools.converter,
    ...(reranker && { reranker }),
    tools: tools.of,
    time,
    telemetry,
  };
  const ofSources = [...sources.values()].map((source) => source.dependency);
  return {
    name,
    parts,
    target,
    remember: tools.remember,
    dependencies: () => [ofLog, ofStore, ...ofSources, ...tools.dependencies()],
    check: engines.check,
    async close() {
      await reranker?.port.close();
      await tools.close();
      await Promise.all([...sources.values()].map(({ port }) => port.close()));
      await engines.close();
    },
  };
};

const patienceOf = ({ limits }: Config) => ({
  ...PATIENCE,
  itemMs: limits.retryMinutes * MINUTE,
  items: Math.max(1, Math.floor(limits.window.records / 4)),
});

const limitsOf = ({ limits }: Config): FlowLimits => ({
  window: limits.window,
  collectWindow: limits.window,
  parallel: limits.parallel,
  liveChanges: limits.backfillChanges,
  fileBytes: limits.fileBytes,
  blobBytesPerRequest: Math.min(BLOB_BYTES_PER_REQUEST, limits.window.bytes),
  blobsPerRequest: limits.batch.blobs,
  embedTokens: limits.batch.tokens,
  embedTexts: limits.batch.texts,
  embedWaitMs: EMBED_WAIT_MS,
});

const steadyLog = (log: Log, of: Dependency): Log => withRetries(log, of, ['read', 'slice', 'close']);

const steadyStore = (store: VectorStore, of: Dependency): VectorStore => ({
  ...withRetries(store, of, ['generation']),
  generation: (name) => withRetries(store.generation(name), of),
});
