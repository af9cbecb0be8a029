/** From the configuration to the parts of one pipeline, open and ready to run; closed in reverse. */
import { join } from 'node:path';
import { names as namesOf } from './config/names.ts';
import { optionsOf } from './config/pipeline.ts';
import type { Config, PipelineOptions } from './config.ts';
import { openEngines } from './engines.ts';
import { BadConfiguration, messageOf } from './errors.ts';
import type { Lock } from './log/lock.ts';
import { type Dependency, dependency, PATIENCE, steady } from './operators/attempt.ts';
import type { Limits, Parts, Source } from './parts.ts';
import type { Log, Time, VectorStore } from './ports.ts';
import { selection } from './selection.ts';
import { openShapes, rulesOf, type Target, targetOf } from './shapes.ts';
import { type GitSource, gitSource } from './sources/git.ts';
import type { Environment } from './sources/git-command.ts';
import { joinedGit } from './sources/git-joined.ts';
import type { Telemetry } from './telemetry.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const MIB = 1024 ** 2;
/** How long a text waits for others to be embedded with. */
const EMBED_WAIT_MS = 5;
/** A log, a store, and for a command also a source or a model, that has never answered for so long ends the process. */
const FIRST_ANSWER_MS = 20 * SECOND;
const EMBED_PARALLEL = 2;
const BLOB_BYTES_PER_REQUEST = 4 * MIB;

/** The instance of all plain repositories. */
export const GIT = 'git';

export interface Surroundings {
  readonly config: Config;
  /** Of all that is embedded. */
  readonly data: string;
  readonly lock: Pick<Lock, 'check'>;
  readonly environment: Environment;
  readonly time: Time;
  readonly telemetry: Telemetry;
  /** Stays, and answers searches, also while a source or a model has not answered yet. */
  readonly stays: boolean;
}

export interface Repository {
  readonly name: string;
  /** A directory, or wherever git reaches. */
  readonly path: string;
  readonly pollMs: number;
  readonly source: GitSource;
}

export interface Pipeline {
  readonly name: string;
  readonly parts: Parts;
  /** What the configuration asks for. */
  readonly target: Target;
  /** Plain repositories, which are followed by looking at them. */
  readonly repositories: readonly Repository[];
  dependencies(): readonly Dependency[];
  close(): Promise<void>;
}

export const openPipeline = async (around: Surroundings, name: string): Promise<Pipeline> => {
  const { config, data, lock, environment, time, telemetry, stays } = around;
  const options = optionsOf(config, name);
  const names = namesOf(name, options);
  const target = targetOf(names, options);
  const patience = patienceOf(config);
  const impatience = { ...patience, firstAnswerMs: FIRST_ANSWER_MS };
  const needs = { time, telemetry, patience: stays ? patience : impatience };
  const ofEngine = { time, telemetry, patience: impatience };
  const { repositories, sources } = openSources(options, { environment, ...needs });
  const report = (error: unknown) => telemetry.backgroundFailed({ what: 'log', error: messageOf(error) });
  const engines = await openEngines({ config, names, directory: join(data, name), lock, time, report });
  const ofLog = dependency('log', engines.log.probe, ofEngine);
  const ofStore = dependency('store', engines.store.probe, ofEngine);
  const state = steady(engines.state, ofStore);
  const shapes = openShapes({ state, target, limits: config.limits, ...needs });

  const parts: Parts = {
    names,
    limits: limitsOf(config),
    rules: rulesOf(config.limits, options),
    selected: selection(options),
    log: steadyLog(engines.log, ofLog),
    state,
    store: steadyStore(engines.store, ofStore),
    sources,
    converter: shapes.converter,
    shape: shapes.of,
    time,
    telemetry,
  };
  const ofSources = [...sources.values()].map((source) => source.dependency);
  return {
    name,
    parts,
    target,
    repositories,
    dependencies: () => [ofLog, ofStore, ...ofSources, ...shapes.dependencies()],
    async close() {
      await shapes.close();
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

const limitsOf = ({ limits }: Config): Limits => ({
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
  embedParallel: EMBED_PARALLEL,
});

type Needs = Parameters<typeof dependency>[2] & { readonly environment: Environment };

export const openSources = (
  { sources }: PipelineOptions,
  { environment, ...needs }: Needs,
): { readonly repositories: readonly Repository[]; readonly sources: ReadonlyMap<string, Source> } => {
  const remote = sources.find(({ gitlab }) => gitlab)?.gitlab;
  if (remote)
    throw new BadConfiguration(`open source ${remote.name}: this version of Tidemark has no gitlab source; use git`);
  const repositories = sources.flatMap(({ git }): Repository[] => {
    if (!git) return [];
    const { name = GIT, path, ref, pollMs } = git;
    return [
      {
        name,
        path,
        pollMs,
        source: gitSource({ name, path, environment, time: needs.time, ...(ref === undefined ? {} : { ref }) }),
      },
    ];
  });
  const port = joinedGit(new Map(repositories.map(({ name, source }) => [name, source])));
  const source: Source = { port, replicas: false, dependency: dependency(GIT, port.probe, needs) };
  return { repositories, sources: new Map([[GIT, source]]) };
};

const steadyLog = (log: Log, of: Dependency): Log => steady(log, of, ['read', 'slice', 'close']);

const steadyStore = (store: VectorStore, of: Dependency): VectorStore => ({
  ...steady(store, of, ['generation']),
  generation: (name) => steady(store.generation(name), of),
});
