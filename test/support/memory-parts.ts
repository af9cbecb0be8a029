import { dependency, PATIENCE } from '../../src/calls/dependency.ts';
import type { Limits, Parts } from '../../src/parts.ts';
import { adopt } from '../../src/pipeline/flows.ts';
import type { LogRecord } from '../../src/ports.ts';
import { documentKey, type Event, encode, type LedgerEntry, projectKey, type RefId } from '../../src/records.ts';
import { MIB } from '../../src/units.ts';
import { chunker, converter, embedder, RULES } from '../trials/sim/content.ts';
import { INSTANCE, NAMES } from '../trials/sim/names.ts';
import { type File, makeRepositories } from '../trials/sim/repository.ts';
import { fakeTime } from './fake-time.ts';
import { memoryBroker, memoryLog } from './memory-log.ts';
import { memoryState } from './memory-state.ts';
import { memoryStore } from './memory-store.ts';
import { recordedTelemetry } from './telemetry.ts';

export const GENERATION = NAMES.generation('g1');
export const PROJECT = '7';
export const MAIN: RefId = { instance: INSTANCE, project: PROJECT, ref: 'main' };
export const keyOf = (path: string, id: RefId = MAIN) => documentKey({ ...id, path });

const LIMITS: Limits = {
  window: { records: 100, bytes: 8 * MIB },
  collectWindow: { records: 100, bytes: 8 * MIB },
  parallel: { plan: 4, collect: 4, index: 4 },
  liveChanges: 5,
  fileBytes: 1_000,
  blobBytesPerRequest: 4_000,
  blobsPerRequest: 4,
  embedTokens: 6,
  embedTexts: 4,
  embedWaitMs: 5,
};

export const entryOf = (of: Partial<LedgerEntry> & Pick<LedgerEntry, 'document'>): LedgerEntry => ({
  ...{ seq: 1, status: 'indexed', reason: '', blob: 'b', indexedBlob: 'b', rules: 'r1', chunks: [] },
  ...{ embedded: 0, reused: 0, commit: 'c', at: 0 },
  ...of,
});

/** All that the flows are made of, in memory, on a clock that stands still, and words to look at it and to change it. */
export const memoryParts = async (limits: Partial<Limits> = {}) => {
  const time = fakeTime();
  const telemetry = recordedTelemetry();
  const broker = memoryBroker({ topics: Object.values(NAMES.topics), now: time.now });
  const state = memoryState();
  const store = memoryStore();
  const repositories = makeRepositories(time.now);
  const source = repositories.source(3);
  const needs = { time, telemetry };
  const port = embedder();
  const parts: Parts = {
    names: NAMES,
    limits: { ...LIMITS, ...limits },
    rules: 'r1',
    selected: RULES.r1.selects,
    log: memoryLog(broker, { now: time.now }),
    state,
    store,
    sources: new Map([
      [
        INSTANCE,
        {
          port: source,
          replicas: true,
          dependency: dependency('source', source.probe, { ...needs, patience: PATIENCE }),
        },
      ],
    ]),
    converter: converter('r1'),
    shape: async (name) => ({
      chunker: chunker(name),
      embedder: port,
      dependency: dependency('embedder', port.probe, needs),
    }),
    time,
    telemetry,
  };
  await adopt(parts, { name: GENERATION, dimensions: port.dimensions });
  telemetry.forget();

  const records = (topic: string): LogRecord[] => broker.topicOf(topic).flatMap((partition) => partition.records);
  return {
    ...{ parts, time, telemetry, broker, state, store, repositories, source, records },
    generation: store.generation(GENERATION),
    /** What the records of a topic hold, as they were written. */
    written: (topic: string): unknown[] =>
      records(topic).map(({ value }) => (value ? JSON.parse(new TextDecoder().decode(value)) : null)),
    /** A commit with these files, which becomes the head of `main`. */
    push(files: Readonly<Record<string, string | File>>): string {
      const tree = new Map(
        Object.entries(files).map(([path, file]) => [
          path,
          typeof file === 'string' ? { type: '100644', content: file } : file,
        ]),
      );
      const commit = repositories.commit(tree);
      repositories.move(PROJECT, 'main', commit);
      return commit;
    },
    event: (of: Partial<Event> = {}): Event => ({
      ...{ v: 1, id: time.token(), kind: 'look', ...MAIN, runs: [], at: time.now() },
      ...of,
    }),
    /** Appends the event, as a webhook would. */
    tell: (event: Event) => parts.log.append(NAMES.topics.events, [{ key: projectKey(event), value: encode(event) }]),
    points: () => [...(store.inspect(GENERATION)?.points.values() ?? [])],
    entry: (path: string) => store.inspect(GENERATION)?.ledger.get(keyOf(path)),
    want: (path: string) => state.inspectOne('wants', keyOf(path))?.value,
  };
};
export type MemoryParts = Awaited<ReturnType<typeof memoryParts>>;
