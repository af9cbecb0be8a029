/** From the configuration to the parts of one pipeline, open and ready to run; closed in reverse. */
import { join } from 'node:path';
import { dependency, PATIENCE, type Patience, steady } from '../calls/dependency.ts';
import { names as namesOf } from '../config/names.ts';
import { optionsOf } from '../config/pipeline.ts';
import type { Config, PipelineOptions } from '../config/schema.ts';
import { serverReranker } from '../embedders/reranker.ts';
import { messageOf } from '../errors.ts';
import type { Dependency, Limits, Parts, Source } from '../parts.ts';
import { selection } from '../paths/selection.ts';
import type { Log, Time, VectorStore } from '../ports.ts';
import type { Hold } from '../runtime/fence.ts';
import { type BlobCache, blobCache } from '../sources/blob-cache.ts';
import type { Environment } from '../sources/git/command.ts';
import { type GitSource, gitSource } from '../sources/git/git.ts';
import { joinedGit } from '../sources/git/joined.ts';
import type { GitlabInstance, GitlabOptions } from '../sources/gitlab/instance.ts';
import { type Pace, paceOf } from '../sources/gitlab/pace.ts';
import type { Telemetry } from '../telemetry.ts';
import { MIB, MINUTE, SECOND } from '../units.ts';
import type { Engines, OpenEngines } from './engines.ts';
import { openShapes, rulesOf, type Target, targetOf } from './shapes.ts';

/** How long a text waits for others to be embedded with. */
const EMBED_WAIT_MS = 5;
/** A log, a store, and for a command also a source or a model, that has never answered for so long ends the process. */
const FIRST_ANSWER_MS = 20 * SECOND;
const BLOB_BYTES_PER_REQUEST = 4 * MIB;

/** The instance of all plain repositories. */
export const GIT = 'git';

export interface Surroundings {
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

/** What all pipelines of a process have in common. */
export interface Shared {
  readonly blobs: BlobCache;
  /** Of the server, however many sources ask it. */
  pace(options: GitlabOptions): Pace;
}

export const sharedBy = ({
  config,
  data,
  time,
  telemetry,
}: Pick<Surroundings, 'config' | 'data' | 'time' | 'telemetry'>): Shared => {
  const paces = new Map<string, Pace>();
  return {
    blobs: blobCache({
      directory: join(data, 'blobs'),
      maxBytes: config.limits.blobCache,
      onTrouble: (error) => telemetry.backgroundFailed({ what: 'blob cache', error: messageOf(error) }),
    }),
    pace({ url, requestsPerMinute, requestsAtOnce }) {
      const { origin } = new URL(url);
      const known = paces.get(origin) ?? paceOf({ perMinute: requestsPerMinute, parallel: requestsAtOnce, time });
      paces.set(origin, known);
      return known;
    },
  };
};

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
  readonly gitlabs: readonly GitlabInstance[];
  /** Keeps what shapes a generation, for whoever feeds it. */
  remember(target: Target): Promise<void>;
  dependencies(): readonly Dependency[];
  check: Engines['check'];
  close(): Promise<void>;
}

export const openPipeline = async (around: Surroundings, name: string, shared: Shared): Promise<Pipeline> => {
  const { config, data, lock, time, telemetry, stays } = around;
  const options = optionsOf(config, name);
  const names = namesOf(name, options);
  const target = targetOf(names, options);
  const patience = patienceOf(config);
  const impatience = { ...patience, firstAnswerMs: FIRST_ANSWER_MS };
  const needs = { time, telemetry, patience: stays ? patience : impatience };
  const ofEngine = { time, telemetry, patience: impatience };
  const { gitlabs, repositories, sources } = await openSources(
    options,
    { ...around, patience: needs.patience },
    shared,
  );
  const engines = await around.openEngines({ config, names, directory: join(data, name), lock, time, telemetry });
  const ofLog = dependency('log', engines.log.probe, ofEngine);
  const ofStore = dependency('store', engines.store.probe, ofEngine);
  const state = steady(engines.state, ofStore);
  const shapes = openShapes({ state, target, limits: config.limits, ...needs });

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
    converter: shapes.converter,
    ...(reranker && { reranker }),
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
    gitlabs,
    remember: shapes.remember,
    dependencies: () => [ofLog, ofStore, ...ofSources, ...shapes.dependencies()],
    check: engines.check,
    async close() {
      await reranker?.port.close();
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
});

type SourceNeeds = Pick<Surroundings, 'config' | 'environment' | 'time' | 'telemetry'> & {
  readonly patience: Patience;
};

/** Where the documents of a pipeline come from. */
export const openSources = async (options: PipelineOptions, around: SourceNeeds, shared: Shared) => {
  const gitlabs = await openGitlabs(options, around, shared);
  const repositories = openRepositories(options, around.environment, around.time);
  return { gitlabs, repositories, sources: sourcesOf(repositories, gitlabs, around) };
};

const openRepositories = ({ sources }: PipelineOptions, environment: Environment, time: Time): readonly Repository[] =>
  sources.flatMap(({ git }): Repository[] => {
    if (!git) return [];
    const { name = GIT, path, refs, pollMs } = git;
    const source = gitSource({ name, path, refs, environment, time });
    return [{ name, path, pollMs, source }];
  });

/** Its client is loaded by those alone who have a GitLab. */
const openGitlabs = async (
  { sources }: PipelineOptions,
  { config, time, telemetry }: SourceNeeds,
  shared: Shared,
): Promise<readonly GitlabInstance[]> => {
  const asked = sources.flatMap(({ gitlab }) => (gitlab ? [gitlab] : []));
  if (asked.length === 0) return [];
  const { openInstance } = await import('../sources/gitlab/instance.ts');
  return asked.map((options) =>
    openInstance(options, {
      webhooks: config.webhooks,
      maxBlobBytes: config.limits.fileBytes,
      cache: shared.blobs,
      pace: shared.pace(options),
      time,
      onTrouble: (project, error) => telemetry.archiveUnusable({ instance: options.name, project, error }),
    }),
  );
};

const sourcesOf = (
  repositories: readonly Repository[],
  gitlabs: readonly GitlabInstance[],
  needs: Parameters<typeof dependency>[2],
): ReadonlyMap<string, Source> => {
  const sources = new Map<string, Source>();
  if (repositories.length > 0) {
    const port = joinedGit(new Map(repositories.map(({ name, source }) => [name, source])));
    sources.set(GIT, { port, replicas: false, dependency: dependency(GIT, port.probe, needs) });
  }
  for (const { name, source: port } of gitlabs)
    sources.set(name, { port, replicas: true, dependency: dependency(`gitlab ${name}`, port.probe, needs) });
  return sources;
};

const steadyLog = (log: Log, of: Dependency): Log => steady(log, of, ['read', 'slice', 'close']);

const steadyStore = (store: VectorStore, of: Dependency): VectorStore => ({
  ...steady(store, of, ['generation']),
  generation: (name) => steady(store.generation(name), of),
});
