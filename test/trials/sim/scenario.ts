/** A history that is told step by step: who waits, what happens meanwhile, and what must hold in the end. */
import { encode, projectKey } from '../../../src/records.ts';
import { DAY, HOUR, MINUTE } from '../../../src/units.ts';
import { checkAtRest } from './check.ts';
import { type Member, makeCluster } from './cluster.ts';
import { makeMonitor } from './monitor.ts';
import { INSTANCE, NAMES } from './names.ts';
import { random } from './random.ts';
import type { Tree } from './repository.ts';
import { makeWorld } from './world.ts';

const MOST_STEPS = 50_000;

export const PROJECT = '1';
export const REF = 'main';
export const keyOf = (path: string) => [INSTANCE, PROJECT, REF, path].join('\0');

export const file = (content: string) => ({ type: '100644', content });
export const treeOf = (contents: Readonly<Record<string, string>>): Tree =>
  new Map(Object.entries(contents).map(([path, content]) => [path, file(content)]));

export const scenario = (seed: number, { processes = 2, pageSize = 2 } = {}) => {
  const world = makeWorld(random(seed));
  const monitor = makeMonitor(world);
  const cluster = makeCluster(world, monitor, { pageSize });
  const { repositories, broker, state, store } = cluster;
  for (let number = 0; number < processes; number += 1) cluster.start();

  const told = {
    world,
    cluster,
    monitor,

    /** Moves the ref; the event of it is in the log at once, or never. */
    push(contents: Readonly<Record<string, string>> | undefined, { announced = true } = {}): string | undefined {
      const before = repositories.newest(PROJECT, REF) ?? null;
      const after = contents && repositories.commit(treeOf(contents));
      repositories.move(PROJECT, REF, after);
      if (announced) told.event({ before, after: after ?? null });
      return after;
    },
    event(fields: { before?: string | null; after?: string | null; paths?: string[]; force?: boolean }): void {
      const event = {
        v: 1 as const,
        id: `event-${world.steps()}`,
        kind: 'look' as const,
        instance: INSTANCE,
        project: PROJECT,
        ref: REF,
        ...fields,
        runs: [],
        at: world.now(),
      };
      const key = projectKey({ instance: INSTANCE, project: PROJECT });
      broker.append(NAMES.topics.events, [{ key, value: encode(event) }]);
    },

    /** Lets chance go on until something holds. */
    async until(holds: () => boolean, what: string): Promise<void> {
      for (const limit = world.steps() + MOST_STEPS; world.steps() < limit; ) {
        if (holds()) return;
        if (!(await world.step()) && !world.jump()) break;
      }
      throw new Error(`never came to this: ${what}`);
    },
    /** Holds requests back until one of them waits. Gives back what lets them go. */
    async holding(request: RegExp, process?: string): Promise<() => void> {
      const matches = (name: string, label: string) =>
        (process === undefined || name === process) && request.test(label);
      const release = world.hold(matches);
      await told.until(() => world.waits(matches), `a request like ${request}`);
      return release;
    },
    /** Freezes whoever is about to make such a request, and gives its partitions to the others. */
    async freezing(request: (label: string) => boolean, what: string): Promise<Member> {
      const release = world.hold((_, label) => request(label));
      const holder = () =>
        cluster.members.find(({ process: { name } }) => world.waits((of, label) => of === name && request(label)));
      await told.until(() => holder() !== undefined, what);
      const member = holder();
      if (!member) throw new Error(`nobody is about to: ${what}`);
      member.process.state = 'frozen';
      broker.evict(member.process.name);
      release();
      return member;
    },
    rest: () => cluster.rest(),
    async pass(ms: number): Promise<void> {
      world.advance(ms);
      world.jump();
      await cluster.rest();
    },
    /** All is well at rest, and stays so when the clock has run. */
    async check(): Promise<readonly string[]> {
      await cluster.rest();
      checkAtRest(world, cluster, 'at rest');
      for (const ms of [MINUTE, 5 * MINUTE, 11 * MINUTE, HOUR, HOUR, DAY + HOUR, HOUR]) await told.pass(ms);
      checkAtRest(world, cluster, 'after the clock');
      return world.violations;
    },

    want: (path: string) => state.inspectOne('wants', keyOf(path))?.value,
    entry: (path: string, generation = NAMES.generation('g1')) => store.inspect(generation)?.ledger.get(keyOf(path)),
    sweep: () => state.inspectOne('sweeps', [INSTANCE, PROJECT, REF].join('\0'))?.value,
    records: (topic: keyof typeof NAMES.topics) =>
      broker.topicOf(NAMES.topics[topic]).flatMap(({ records }) => records),
  };
  return told;
};
export type Scenario = ReturnType<typeof scenario>;
