/** The real flows on memory ports, in this process, on a clock that runs fast. */
import { dependency } from '../../src/calls/dependency.ts';
import type { FlowLimits, Parts } from '../../src/parts.ts';
import { adopt, serve } from '../../src/pipeline/flows.ts';
import type { Chunker, Embedder, Log, State, Time } from '../../src/ports.ts';
import { encode, projectKey } from '../../src/records.ts';
import type { Flow } from '../../src/telemetry.ts';
import { chunker, converter, RULES, type RulesName, embedder as simulated } from '../trials/sim/content.ts';
import { INSTANCE, NAMES } from '../trials/sim/names.ts';
import { makeRepositories, type Tree } from '../trials/sim/repository.ts';
import { realTime } from './git-source.ts';
import { memoryBroker, memoryLog } from './memory-log.ts';
import { memoryState } from './memory-state.ts';
import { memoryStore } from './memory-store.ts';
import { silentTelemetry } from './telemetry.ts';

export const PROJECT = '1';
export const REF = 'main';
export const keyOf = (path: string, { project = PROJECT, ref = REF } = {}) => [INSTANCE, project, ref, path].join('\0');

const LIMITS: FlowLimits = {
  window: { records: 50, bytes: 64 * 1024 },
  collectWindow: { records: 50, bytes: 64 * 1024 },
  parallel: { plan: 8, collect: 8, index: 8 },
  liveChanges: 3,
  fileBytes: 4_000,
  blobBytesPerRequest: 16_000,
  blobsPerRequest: 20,
  embedTokens: 100,
  embedTexts: 20,
  embedWaitMs: 5,
};

export interface PipelineOptions {
  /** How many times faster than the real one the clock runs. */
  readonly speed?: number;
  readonly pageSize?: number;
  readonly embedder?: Embedder;
  readonly limits?: Partial<FlowLimits>;
  /** Wraps the ports of everything that is started from then on. */
  readonly log?: (log: Log) => Log;
  readonly state?: (state: State) => State;
  /** Of a generation. */
  readonly chunker?: (generation: string) => Chunker;
}

export const makePipeline = ({
  speed = 20,
  pageSize = 3,
  embedder = simulated(),
  limits = {},
  log: wrapLog = (log) => log,
  state: wrapState = (state) => state,
  chunker: chunkerOf = () => chunker('g1'),
}: PipelineOptions = {}) => {
  const began = Date.now();
  let ahead = 0;
  const time: Time = {
    ...realTime,
    now: () => Math.floor(began + (Date.now() - began) * speed) + ahead,
    sleep: (ms, signal) => realTime.sleep(ms / speed, signal),
  };
  const broker = memoryBroker({ topics: Object.values(NAMES.topics), now: time.now });
  const state = memoryState({ pageSize });
  const store = memoryStore({ pageSize });
  const repositories = makeRepositories(time.now);
  const source = repositories.source(pageSize, { replicas: false });
  const needs = { time, telemetry: silentTelemetry };
  const tools = {
    embedder,
    dependency: dependency('embedder', embedder.probe, needs),
  };
  let rules: RulesName = 'r1';
  const services: { readonly stop: AbortController; readonly ended: Promise<void> }[] = [];

  const partsOf = (): Parts => ({
    names: NAMES,
    limits: { ...LIMITS, ...limits },
    rules,
    selected: RULES[rules].selects,
    log: wrapLog(memoryLog(broker, { now: time.now })),
    state: wrapState(state),
    store,
    sources: new Map([[INSTANCE, { port: source, dependency: dependency('source', source.probe, needs) }]]),
    converter: converter(rules),
    tools: async (generation) => ({ ...tools, chunker: chunkerOf(generation) }),
    time,
    telemetry: silentTelemetry,
  });

  const pipeline = {
    broker,
    state,
    store,
    repositories,
    time,
    parts: partsOf(),
    /** Moves the clock. */
    advance(ms: number) {
      ahead += ms;
    },
    setRules(name: RulesName) {
      rules = name;
      pipeline.parts = partsOf();
    },
    /** There is a generation from now on; nothing runs. */
    adopt: () => adopt(pipeline.parts, { name: NAMES.generation('g1'), dimensions: tools.embedder.dimensions }),
    async start(flows: readonly Flow[] = ['plan', 'collect', 'index']) {
      await pipeline.adopt();
      const stop = new AbortController();
      const ended = serve(pipeline.parts, flows, stop.signal);
      services.push({ stop, ended });
      return {
        async stop() {
          stop.abort();
          await ended;
        },
      };
    },
    /** Moves the branch; `announced` as a webhook would. */
    push(
      contents: Readonly<Record<string, string>> | undefined,
      { project = PROJECT, ref = REF, announced = false } = {},
    ) {
      const tree: Tree = new Map(
        Object.entries(contents ?? {}).map(([path, content]) => [path, { type: '100644', content }]),
      );
      const before = repositories.newest(project, ref) ?? null;
      const after = contents && repositories.commit(tree);
      repositories.move(project, ref, after);
      if (!announced) return;
      const id = { instance: INSTANCE, project };
      const event = {
        v: 1 as const,
        id: time.token(),
        kind: 'look' as const,
        ...id,
        ref,
        before,
        after: after ?? null,
      };
      broker.append(NAMES.topics.events, [
        { key: projectKey(id), value: encode({ ...event, runs: [], at: time.now() }) },
      ]);
    },
    entry: (path: string, of = {}) => store.inspect(NAMES.generation('g1'))?.ledger.get(keyOf(path, of)),
    want: (path: string, of = {}) => state.inspectOne('wants', keyOf(path, of))?.value,
    /** Nothing is on its way any more to flows that run. */
    async rest() {
      for (let calm = 0; calm < 3; ) {
        const busy = [...broker.groups.values()].some(
          ({ topic, committed, members }) =>
            members.length > 0 &&
            broker.topicOf(topic).some(({ start, end }, at) => Math.max(start, committed[at] ?? 0) < end),
        );
        calm = busy ? 0 : calm + 1;
        await realTime.sleep(5);
      }
    },
    async close() {
      for (const { stop } of services) stop.abort();
      await Promise.all(services.map(({ ended }) => ended));
    },
  };
  return pipeline;
};
export type Pipeline = ReturnType<typeof makePipeline>;
