/**
 * The process that holds the data directory: its pipelines, open from their first use on, and their flows, which run
 * while somebody needs them.
 */

import { isShared } from '../config/shared.ts';
import { withoutSecrets } from '../embedders/registry.ts';
import { BadConfiguration } from '../errors.ts';
import { FLOWS } from '../runs/run-rows.ts';
import { type Status, statusOf } from '../runs/status.ts';
import { either } from '../runtime/either.ts';
import { kept } from '../runtime/kept.ts';
import { readGenerations } from '../state/generations.ts';
import type { Flow } from '../telemetry.ts';
import { SECOND } from '../units.ts';
import { adopt, serve } from './flows.ts';
import { openPipeline, type Pipeline, type Surroundings, sharedBy } from './open.ts';
import { shapeOf, type Target } from './shapes.ts';

/** Counting wants takes seconds where there are many, and who looks at a page more often learns nothing by it. */
const STATUS_KEPT_MS = 1 * SECOND;

export interface Hosted extends Pipeline {
  /**
   * Does the work while the flows run in this process, and ends when both have. Rejects with what stops the flows, which
   * also aborts the signal that the work is given.
   */
  withFlows<T>(work: (stop: AbortSignal) => Promise<T>, how: FlowsOptions): Promise<T>;
  /** Computed once at a time for all who ask in this process, and a second old at most, or as old as it took. */
  status(): Promise<Status>;
  flows(): { readonly running: boolean; readonly fault: unknown };
  /** Other processes may run its flows: log and store are shared. */
  readonly shared: boolean;
}

export interface FlowsOptions {
  readonly stop: AbortSignal;
  /** Feeds what is there even though the configuration asks for another generation, as while that one is built. */
  readonly anyGeneration?: boolean;
  /** All of them, unless others run elsewhere. Those that somebody else runs here already are shared with them. */
  readonly flows?: readonly Flow[];
  /** Whether plan, if it is started for this, may make this process the clock, which looks at all that is configured. */
  readonly clock?: boolean;
}

export interface Host {
  pipeline(name: string): Promise<Hosted>;
  opened(): readonly Hosted[];
  close(): Promise<void>;
}

export const openHost = (around: Surroundings): Host => {
  const opening = new Map<string, Promise<Hosted>>();
  const opened: Hosted[] = [];
  const shared = sharedBy(around);

  const open = async (name: string) => {
    const hosted = withFlowsOf(await openPipeline(around, name, shared), isShared(around.config));
    opened.push(hosted);
    return hosted;
  };

  return {
    pipeline(name) {
      const known = opening.get(name);
      if (known) return known;
      const hosted = open(name);
      opening.set(name, hosted);
      // Whoever asks next tries again.
      hosted.catch(() => opening.delete(name));
      return hosted;
    },
    opened: () => opened,
    async close() {
      // Whoever opened it has been told why it failed.
      await Promise.allSettled(opening.values());
      for (const pipeline of opened.reverse()) await pipeline.close();
    },
  };
};

interface Running {
  readonly flows: readonly Flow[];
  readonly stop: AbortController;
  readonly ended: Promise<void>;
}

const withFlowsOf = (pipeline: Pipeline, shared: boolean): Hosted => {
  let users = 0;
  let running: Running[] = [];
  let fault: unknown;
  /** Flows that drain are let come to their end before others begin. */
  let over: Promise<void> = Promise.resolve();

  const start = (flows: readonly Flow[], clock: boolean): Running => {
    const stop = new AbortController();
    if (running.length === 0) fault = undefined;
    const ended = serve(pipeline.parts, flows, stop.signal, { clock }).catch((error: unknown) => {
      fault ??= error;
      stop.abort();
      throw error;
    });
    // Told to whoever works on them, and to whoever stops them.
    ended.catch(() => undefined);
    return { flows, stop, ended };
  };

  const stopAll = async () => {
    const ending = running;
    running = [];
    for (const { stop } of ending) stop.abort();
    const ended = Promise.allSettled(ending.map((one) => one.ended));
    over = ended.then(() => undefined);
    for (const one of await ended) if (one.status === 'rejected') throw one.reason;
  };

  return {
    ...pipeline,
    status: kept(() => statusOf(pipeline.parts, pipeline.dependencies()), STATUS_KEPT_MS),
    flows: () => ({ running: running.length > 0 && fault === undefined, fault }),
    shared,
    async withFlows(work, { stop, anyGeneration = false, flows = FLOWS, clock = true }) {
      users += 1;
      try {
        await over;
        await begin(pipeline, anyGeneration).catch((error: unknown) => {
          if (running.length === 0) fault = error;
          throw error;
        });
        const missing = flows.filter((flow) => !running.some((one) => one.flows.includes(flow)));
        if (missing.length > 0) running.push(start(missing, clock));
        return await beside(running, stop, work);
      } finally {
        users -= 1;
        // A failure of theirs has ended the work above already, or comes now.
        if (users === 0) await stopAll();
      }
    },
  };
};

/** The work, until it ends or one of the flows fails. */
const beside = async <T>(
  running: readonly Running[],
  stop: AbortSignal,
  work: (stop: AbortSignal) => Promise<T>,
): Promise<T> => {
  const toStop = either([stop, ...running.map((one) => one.stop.signal)]);
  const broken = Promise.all(running.map(({ ended }) => ended)).then(() => new Promise<never>(() => undefined));
  try {
    const working = work(toStop.signal);
    // When the flows break first, the work sees its signal; what it says of it is not what went wrong.
    working.catch(() => undefined);
    return await Promise.race([working, broken]);
  } finally {
    toStop.release();
  }
};

const begin = async (pipeline: Pipeline, anyGeneration: boolean): Promise<void> => {
  const { parts, target } = pipeline;
  const row = (await readGenerations(parts))?.value;
  const foreign = row !== undefined && row.active !== target.name && row.building !== target.name;
  if (foreign && !anyGeneration) throw new BadConfiguration(await whatChanged(pipeline, row.active));
  if (!foreign) await pipeline.remember(target);
  await adopt(parts, foreign ? { ...target, name: row.active } : target);
};

/** In the words of the configuration, where it is the configuration. */
const whatChanged = async ({ name, parts, target }: Pipeline, active: string): Promise<string> => {
  const before = await shapeOf(parts, active);
  const [was, is] = [before?.chunk.tokens, target.shape.chunk.tokens];
  const changes = [
    ...(before && was !== is ? [`chunk.tokens from ${was} to ${is}`] : []),
    ...(before ? changesOf(withoutSecrets(before.embedder), withoutSecrets(target.shape.embedder)) : []),
  ];
  const what =
    changes.length > 0
      ? changes.join(', ')
      : 'the files of the model, or how this version of Tidemark cuts and embeds texts';
  return `pipeline ${name}: its index was built otherwise. Changed: ${what}. Run \`tidemark reindex\` to build it anew beside the old one, or take the change back`;
};

/** Options that say where and how fast vectors are made, and shape none. */
const UNSHAPING = ['url', 'apiKey', 'batch', 'parallel', 'timeoutSeconds', 'threads', 'batchTokens', 'cache', 'hub'];

const changesOf = (before: Target['shape']['embedder'], now: Target['shape']['embedder']): string[] => {
  const words = (options: object) =>
    new Map(
      Object.entries(options).map(([key, value]) => [key, typeof value === 'object' ? JSON.stringify(value) : value]),
    );
  const [old, fresh] = [words(before), words(now)];
  return [...new Set([...old.keys(), ...fresh.keys()])]
    .filter((key) => old.get(key) !== fresh.get(key) && !UNSHAPING.includes(key))
    .map((key) => {
      // What a server wants beside the rest may be a secret by any name.
      if (key === 'extra') return `embedder.${key}`;
      return `embedder.${key} from ${old.get(key) ?? 'none'} to ${fresh.get(key) ?? 'none'}`;
    });
};
