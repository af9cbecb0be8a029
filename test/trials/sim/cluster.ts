/** Tidemark's processes on one simulated log, state, store and source. */
import { dependency, PATIENCE, withRetries } from '../../../src/calls/dependency.ts';
import type { FlowLimits, Parts } from '../../../src/parts.ts';
import { adopt, serve } from '../../../src/pipeline/flows.ts';
import type { Log, RepoSource } from '../../../src/ports.ts';
import { reindex, rollback } from '../../../src/runs/reindex.ts';
import { type Broker, memoryBroker, memoryLog } from '../../support/memory-log.ts';
import { memoryState } from '../../support/memory-state.ts';
import { memoryStore } from '../../support/memory-store.ts';
import { silentTelemetry } from '../../support/telemetry.ts';
import { chunker, converter, embedder, RULES, type RulesName } from './content.ts';
import type { Monitor } from './monitor.ts';
import { INSTANCE, NAMES } from './names.ts';
import { makeRepositories } from './repository.ts';
import { type Process, throughWorld, type World } from './world.ts';

/** Small, so that a handful of documents meets every bound. */
const LIMITS: FlowLimits = {
  window: { records: 10, bytes: 4_096 },
  collectWindow: { records: 10, bytes: 4_096 },
  parallel: { plan: 4, collect: 4, index: 4 },
  liveChanges: 3,
  fileBytes: 200,
  blobBytesPerRequest: 400,
  blobsPerRequest: 4,
  embedTokens: 6,
  embedTexts: 4,
  embedWaitMs: 5,
};

export interface Member {
  readonly process: Process;
  readonly parts: Parts;
  readonly stop: AbortController;
  serving: boolean;
  ended: boolean;
}

/** The sources' iterables, gathered in one request. */
const sourceThroughWorld = (world: World, process: Process, source: RepoSource): RepoSource => ({
  ...throughWorld(world, process, 'source', source, ['projects', 'blobs', 'leadsTo', 'mayTrack', 'urlOf']),
  async *projects() {
    yield* await world.call(process, 'source', 'source.projects', () => gather(source.projects()));
  },
  async *blobs(project, entries) {
    yield* await world.call(process, 'source', 'source.blobs', () => gather(source.blobs(project, entries)));
  },
});

const gather = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
};

export const makeCluster = (world: World, monitor: Monitor, { pageSize = 2 } = {}) => {
  const broker: Broker = memoryBroker({
    topics: Object.values(NAMES.topics),
    partitions: 2,
    now: world.now,
    watch: monitor.watch,
  });
  const state = memoryState({ pageSize });
  const store = memoryStore({ pageSize, changed: monitor.changed });
  const repositories = makeRepositories(world.now);
  monitor.observe({ broker, state, store });
  const members: Member[] = [];
  const commands: Process[] = [];
  const lefts: string[] = [];
  let started = 0;
  let rules: RulesName = 'r1';

  const partsOf = (process: Process, own: RulesName): Parts => {
    const time = world.time(process);
    const call = <T>(label: string, effect: () => T) => world.call(process, 'log', label, effect);
    const rawLog = memoryLog(broker, { client: process.name, call, now: world.now });
    // Appends over several partitions are not atomic.
    const append = throughWorld(world, process, 'log', {
      append: async (topic: string, records: Parameters<Log['append']>[1]) => broker.append(topic, records),
    });
    const rawState = throughWorld(world, process, 'state', state, ['inspect', 'inspectOne']);
    const rawStore = {
      ...throughWorld(world, process, 'store', store, ['generation', 'inspect']),
      generation: (name: string) => throughWorld(world, process, 'store', store.generation(name)),
    };
    const needs = { time, telemetry: silentTelemetry };
    const ofLog = dependency('log', rawLog.probe, needs);
    const ofState = dependency('state', rawState.probe, needs);
    const ofStore = dependency('store', rawStore.probe, needs);
    const source = sourceThroughWorld(world, process, repositories.source(pageSize));
    const toolsByGeneration = new Map<string, Awaited<ReturnType<Parts['tools']>>>();
    return {
      names: NAMES,
      limits: LIMITS,
      rules: own,
      selected: RULES[own].selects,
      log: withRetries({ ...rawLog, ...append }, ofLog, ['read', 'slice']),
      state: withRetries(rawState, ofState),
      store: {
        ...withRetries(rawStore, ofStore, ['generation']),
        generation: (name) => withRetries(rawStore.generation(name), ofStore),
      },
      sources: new Map([
        [
          INSTANCE,
          {
            port: source,
            dependency: dependency('source', source.probe, { ...needs, patience: { ...PATIENCE, items: 3 } }),
          },
        ],
      ]),
      converter: throughWorld(world, process, 'converter', converter(own)),
      async tools(name) {
        const known = toolsByGeneration.get(name);
        if (known) return known;
        const port = throughWorld(world, process, 'embedder', embedder(), ['tokens']);
        const tools = {
          chunker: throughWorld(world, process, 'converter', chunker(name)),
          embedder: port,
          dependency: dependency('embedder', port.probe, needs),
        };
        toolsByGeneration.set(name, tools);
        return tools;
      },
      time,
      telemetry: silentTelemetry,
    };
  };

  const makeProcess = (name: string, skewMs: number): Process => ({
    name,
    state: 'alive',
    lives: 0,
    skewMs,
    died() {
      if (broker.overdue(name)) lefts.push(name);
      broker.evict(name);
    },
  });
  const fault = (process: Process) => (error: unknown) => {
    world.log(`${process.name} STOPS ${error}`);
    world.kill(process);
    // Who has other rules, or another fingerprint, than hold by now refuses to go on.
    if (!/has rules|asks for generation/.test(String(error))) monitor.fault(process.name, error);
  };

  return {
    broker,
    state,
    store,
    repositories,
    members,
    /** Processes that died over what had been given to others: only the clock mends what they have begun. */
    lefts,
    /** Those of whoever started last. */
    rules: () => (state.inspectOne('rules', 'rules')?.value.rules ?? rules) as RulesName,
    /** A further process, with the rules that hold now. */
    start(skewMs = 0): Member {
      started += 1;
      const process = makeProcess(`p${started}`, skewMs);
      const parts = partsOf(process, rules);
      const stop = new AbortController();
      const dimensions = embedder().dimensions;
      const name = state.inspectOne('generations', 'generations')?.value.active ?? NAMES.generation('g1');
      const member = { process, parts, stop, serving: false, ended: false };
      members.push(member);
      adopt(parts, { name, dimensions })
        .then(() => {
          member.serving = true;
          return serve(parts, ['plan', 'collect', 'index'], stop.signal);
        })
        .catch(fault(process))
        .finally(() => {
          member.ended = true;
        });
      return member;
    },
    setRules(name: RulesName) {
      rules = name;
    },
    alive: () => members.filter(({ process, stop }) => process.state === 'alive' && !stop.signal.aborted),
    kill: ({ process }: Member) => world.kill(process),
    recreateLog() {
      monitor.forgetLog();
      broker.recreate();
    },
    /** A command that runs beside the services, and is over when it has done its work or has died. */
    command(name: 'reindex' | 'rollback', to: string): void {
      started += 1;
      const process = makeProcess(`${name}${started}`, 0);
      commands.push(process);
      const parts = partsOf(process, rules);
      const wanted = { name: to, dimensions: embedder().dimensions, acceptFailures: true };
      const work = name === 'reindex' ? reindex(parts, wanted, new AbortController().signal) : rollback(parts);
      work
        .then((result) => {
          world.log(`${process.name} ENDS ${result}`);
        })
        .catch((error: unknown) => world.log(`${process.name} FAILS ${error}`))
        .finally(() => {
          process.state = 'dead';
        });
    },
    /** Commands that have not come to their end. */
    commanding: () => commands.filter(({ state: is }) => is !== 'dead'),
    /** Whether anything is on its way: a record that its group has not settled, or a delivery that somebody still has. */
    busy(): boolean {
      if (world.down.size > 0) return false;
      for (const { process, stop, serving, ended } of members) {
        if (process.state !== 'alive') continue;
        if (!serving && !ended) return true;
        if (stop.signal.aborted ? !ended : (broker.lent.get(process.name)?.size ?? 0) > 0) return true;
      }
      const active = state.inspectOne('generations', 'generations')?.value.active;
      const indexing =
        active !== undefined && broker.groupOf(NAMES.topics.documents, NAMES.groups.index(active)).members;
      if (this.alive().length > 0 && (!indexing || indexing.length === 0)) return true;
      for (const { topic, members: readers, committed } of broker.groups.values()) {
        if (readers.length === 0) continue;
        const parts = broker.topicOf(topic);
        if (parts.some(({ start, end }, partition) => Math.max(start, committed[partition] ?? 0) < end)) return true;
      }
      return false;
    },
    /** Lets everything that can move come to its end. */
    async rest(maxSteps = 30_000): Promise<void> {
      const limit = world.steps() + maxSteps;
      while (world.steps() < limit) {
        if (await world.step()) continue;
        // A command that nobody serves waits, and is not waited for.
        if (!this.busy() && (this.commanding().length === 0 || this.alive().length === 0)) return;
        if (!world.jump()) return;
      }
      const behind = [...broker.groups].flatMap(([name, { topic, members: readers, committed }]) =>
        broker
          .topicOf(topic)
          .flatMap(({ start, end }, partition) =>
            readers.length > 0 && Math.max(start, committed[partition] ?? 0) < end
              ? [
                  `${name}/${partition} at ${committed[partition]} of ${end}, read by ${readers.map(({ client }) => client)}`,
                ]
              : [],
          ),
      );
      const lent = members.map(
        ({ process, stop }) =>
          `${process.name} ${process.state} ${stop.signal.aborted} ${broker.lent.get(process.name)?.size}`,
      );
      world.violate(
        `9: nothing came to rest within ${maxSteps} steps: ${behind} ${lent} ${this.commanding().map(({ name }) => name)}`,
      );
    },
  };
};
export type Cluster = ReturnType<typeof makeCluster>;
