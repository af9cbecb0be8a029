/** What happens to a cluster: a list of actions that a seed has made, and that can be cut short without the seed. */
import { type Event, encode, projectKey } from '../../../src/records.ts';
import type { Cluster, Member } from './cluster.ts';
import { BINARY, POISON, type RulesName, TOXIC, WORDS } from './content.ts';
import { INSTANCE, NAMES } from './names.ts';
import { random as makeRandom, type Random } from './random.ts';
import type { File } from './repository.ts';
import type { Dependency, World } from './world.ts';

export type Edit = readonly [path: string, file: File | null];

export type Action = { readonly after: number } & (
  | {
      readonly do: 'push';
      readonly project: string;
      readonly ref: string;
      readonly edits: readonly Edit[];
      readonly hint: Hinted;
    }
  /** The ref moves to a commit that it had before: `back` steps into its past. */
  | {
      readonly do: 'reset';
      readonly project: string;
      readonly ref: string;
      readonly back: number;
      readonly hint: Hinted;
    }
  | { readonly do: 'delete ref'; readonly project: string; readonly ref: string; readonly hint: Hinted }
  | {
      readonly do: 'look';
      readonly project: string;
      readonly ref: string;
      readonly paths?: readonly string[];
      readonly force: boolean;
    }
  | { readonly do: 'start'; readonly skewMs: number }
  | { readonly do: 'stop' | 'crash' | 'freeze' | 'evict'; readonly which: number }
  | { readonly do: 'wake'; readonly which: number; readonly lives: number }
  | { readonly do: 'down' | 'up'; readonly dependency: Dependency }
  | { readonly do: 'lag'; readonly ms: number }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'rest' }
  | { readonly do: 'rules'; readonly rules: RulesName }
  | { readonly do: 'collect garbage' }
  | { readonly do: 'lose blob'; readonly project: string; readonly ref: string; readonly path: string }
  | { readonly do: 'compact' }
  | { readonly do: 'retain' }
  | { readonly do: 'recreate log' }
  | { readonly do: 'reindex' | 'rollback'; readonly to: string }
  | { readonly do: 'block' | 'unblock'; readonly project: string }
);

/** What becomes of the event of a push. */
export interface Hinted {
  readonly lost: boolean;
  readonly times: number;
  /** Steps by which it is late, so that a later one may overtake it. */
  readonly late: number;
}

export interface History {
  readonly seed: number;
  /** Chance that a request fails although its dependency is up. */
  readonly flaky: number;
  /** Whether all must be well at rest before the clock has run: nothing happens that only the clock can mend. */
  readonly strict: boolean;
  readonly processes: number;
  readonly actions: readonly Action[];
}

const PATHS = ['a', 'b', 'x', 'd/e', 'd/f'];

const content = (random: Random, odd: number): string => {
  const words = Array.from({ length: random.below(5) }, () => random.pick(WORDS) as string);
  if (random.chance(odd)) words.splice(random.below(words.length + 1), 0, random.pick([POISON, TOXIC, BINARY]));
  return words.join(' ');
};

const file = (random: Random, odd: number): File => ({
  type: random.chance(0.9) ? '100644' : random.pick(['100755', '120000', '160000']),
  content: content(random, odd),
});

export const makeHistory = (seed: number): History => {
  const random = makeRandom(seed);
  const strict = random.chance(0.5);
  const projects = random.chance(0.7) ? ['1'] : ['1', '2'];
  const refs = random.chance(0.7) ? ['main'] : ['main', 'dev'];
  const paths = PATHS.slice(0, 1 + random.below(PATHS.length));
  const odd = random.chance(0.4) ? 0.15 : 0;
  const hint = (): Hinted => ({
    lost: !strict && random.chance(0.15),
    times: random.chance(0.15) ? 2 : 1,
    late: random.chance(0.3) ? random.below(60) : 0,
  });
  const project = () => random.pick(projects);
  const ref = () => random.pick(refs);
  const push = (edits: number): Action => ({
    after: random.below(60),
    do: 'push',
    project: project(),
    ref: ref(),
    edits: Array.from(
      { length: edits },
      (): Edit => [random.pick(paths), random.chance(0.25) ? null : file(random, odd)],
    ),
    hint: hint(),
  });
  const which = () => random.below(4);
  const after = () => random.below(80);

  const kinds: (() => readonly Action[])[] = [
    () => [push(1 + random.below(3))],
    () => [push(1 + random.below(3))],
    () => [push(1)],
    () => [{ after: after(), do: 'reset', project: project(), ref: ref(), back: 1 + random.below(2), hint: hint() }],
    () => [{ after: random.below(20), do: 'reset', project: project(), ref: ref(), back: 1, hint: hint() }],
    () => [
      { after: after(), do: 'crash', which: which() },
      { after: after(), do: 'start', skewMs: random.below(4_000) - 2_000 },
    ],
    () => [{ after: after(), do: 'start', skewMs: random.below(4_000) - 2_000 }],
    () => [{ after: after(), do: 'stop', which: which() }],
    () => [{ after: after(), do: 'evict', which: which() }],
    () => [
      { after: after(), do: 'freeze', which: which() },
      ...(random.chance(0.6) ? [push(1)] : []),
      { after: after() * 2, do: 'wake', which: 0, lives: strict ? 0 : random.below(6) },
    ],
    () => [{ after: after(), do: 'look', project: project(), ref: ref(), force: random.chance(0.5) }],
    () => [{ after: after(), do: 'look', project: project(), ref: ref(), paths: [random.pick(paths)], force: false }],
    () => {
      const dependency = random.pick<Dependency>(['log', 'state', 'store', 'source', 'embedder']);
      return [
        { after: after(), do: 'down', dependency },
        ...(random.chance(0.5) ? [push(1)] : []),
        { after: after(), do: 'wait', ms: random.below(20_000) },
        { after: after(), do: 'up', dependency },
      ];
    },
    () => [{ after: after(), do: 'rest' }],
    () => [{ after: after(), do: 'delete ref', project: project(), ref: ref(), hint: hint() }],
    () => [{ after: after(), do: 'compact' }],
  ];
  const healed: (() => readonly Action[])[] = [
    () => [{ after: after(), do: 'rules', rules: random.pick<RulesName>(['r1', 'r2', 'r3']) }],
    () => [{ after: after(), do: 'collect garbage' }],
    () => [{ after: after(), do: 'lose blob', project: project(), ref: ref(), path: random.pick(paths) }],
    () => [{ after: after(), do: 'recreate log' }],
    () => [{ after: after(), do: 'retain' }],
    () => [{ after: after(), do: 'reindex', to: NAMES.generation(random.pick(['g1', 'g2'])) }],
    () => [{ after: after(), do: 'rollback', to: '' }],
    () => {
      const of = project();
      return [
        { after: after(), do: 'block', project: of },
        push(1),
        { after: after(), do: 'wait', ms: random.below(600_000) },
        { after: after(), do: 'unblock', project: of },
      ];
    },
    () => [{ after: after(), do: 'lag', ms: random.below(60_000) }, push(1), { after: after() * 3, do: 'lag', ms: 0 }],
    () => [{ after: after(), do: 'wait', ms: random.below(3 * 24 * 3_600_000) }],
  ];

  const actions: Action[] = [];
  for (const of of projects) {
    const edits = paths.filter(() => random.chance(0.8)).map((path): Edit => [path, file(random, odd)]);
    actions.push({ after: 0, do: 'push', project: of, ref: 'main', edits, hint: { lost: false, times: 1, late: 0 } });
  }
  const rounds = 2 + random.below(6);
  for (let round = 0; round < rounds; round += 1) {
    const from = !strict && random.chance(0.35) ? healed : kinds;
    actions.push(...random.pick(from)());
  }
  return { seed, flaky: random.chance(0.4) ? 0.05 : 0, strict, processes: 1 + random.below(3), actions };
};

/** Carries an action out. What a push announces is appended by the receiver, which is nobody's process here. */
export const perform = async (world: World, cluster: Cluster, action: Action, hooks: Hook[]): Promise<void> => {
  const { repositories, broker } = cluster;
  const pick = (members: readonly Member[], which: number) => members[which % Math.max(1, members.length)];
  const running = () => cluster.alive();

  const announce = (
    project: string,
    ref: string,
    before: string | undefined,
    after: string | undefined,
    hint: Hinted,
  ) => {
    const event: Event = {
      v: 1,
      id: `hook-${world.steps()}`,
      kind: 'look',
      instance: INSTANCE,
      project,
      ref,
      before: before ?? null,
      after: after ?? null,
      runs: [],
      at: world.now(),
    };
    if (hint.lost) return;
    for (let time = 0; time < hint.times; time += 1) hooks.push({ at: world.steps() + hint.late, event });
  };
  const move = (project: string, ref: string, commit: string | undefined, hint: Hinted) => {
    const before = repositories.newest(project, ref);
    if (before === commit) return;
    repositories.move(project, ref, commit);
    announce(project, ref, before, commit, hint);
  };

  switch (action.do) {
    case 'push': {
      const { project, ref, edits, hint } = action;
      const tree = new Map(repositories.treeOf(repositories.newest(project, ref)));
      for (const [path, file] of edits) {
        if (file) tree.set(path, file);
        else tree.delete(path);
      }
      return move(project, ref, repositories.commit(tree), hint);
    }
    case 'reset': {
      const past = repositories.past(action.project, action.ref);
      const commit = past.at(-1 - action.back);
      if (commit !== undefined && repositories.newest(action.project, action.ref)) {
        // A revert makes a commit of its own, with the old tree.
        move(action.project, action.ref, repositories.commit(repositories.treeOf(commit)), action.hint);
      }
      return;
    }
    case 'delete ref':
      return move(action.project, action.ref, undefined, action.hint);
    case 'look': {
      const { project, ref, paths, force } = action;
      const event = {
        v: 1 as const,
        id: `look-${world.steps()}`,
        kind: 'look' as const,
        instance: INSTANCE,
        project,
        ref,
        ...(paths ? { paths } : {}),
        force,
        runs: [],
        at: world.now(),
      };
      const record = { key: projectKey({ instance: INSTANCE, project }), value: encode(event) };
      return broker.append(force ? NAMES.topics.eventsBackfill : NAMES.topics.events, [record]);
    }
    case 'start':
      cluster.start(action.skewMs);
      return;
    case 'stop':
      return pick(running(), action.which)?.stop.abort();
    case 'crash': {
      const member = pick(running(), action.which);
      if (member) cluster.kill(member);
      return;
    }
    case 'freeze': {
      const member = pick(running(), action.which);
      if (!member) return;
      member.process.state = 'frozen';
      broker.evict(member.process.name);
      return;
    }
    case 'evict': {
      const member = pick(running(), action.which);
      if (member) broker.evict(member.process.name);
      return;
    }
    case 'wake': {
      const member = cluster.members.filter(({ process }) => process.state === 'frozen')[0];
      if (!member) return;
      member.process.state = 'alive';
      member.process.lives = action.lives;
      return;
    }
    case 'down':
      world.down.add(action.dependency);
      return;
    case 'up':
      world.down.delete(action.dependency);
      return;
    case 'lag':
      return repositories.lag(action.ms);
    case 'wait':
      return world.advance(action.ms);
    case 'rest':
      return cluster.rest();
    case 'rules':
      cluster.setRules(action.rules);
      cluster.start();
      return;
    case 'collect garbage':
      return repositories.collect();
    case 'lose blob': {
      const tree = repositories.treeOf(repositories.newest(action.project, action.ref));
      const file = tree.get(action.path);
      if (file) repositories.lose(file.content);
      return;
    }
    case 'compact':
      return broker.compact(NAMES.topics.documents);
    case 'retain':
      for (const topic of [
        NAMES.topics.events,
        NAMES.topics.eventsBackfill,
        NAMES.topics.changes,
        NAMES.topics.changesBackfill,
      ]) {
        broker.retain(topic, world.now() - 1);
      }
      return;
    case 'recreate log':
      return cluster.recreateLog();
    case 'reindex':
    case 'rollback':
      return cluster.command(action.do, action.to);
    case 'block':
      repositories.blocked.add(action.project);
      return;
    case 'unblock':
      repositories.blocked.delete(action.project);
      return;
  }
};

export interface Hook {
  readonly at: number;
  readonly event: Event;
}

/** Delivers what is due of the events of pushes; all of them when `all`. */
export const fireHooks = ({ broker }: Cluster, hooks: Hook[], now: number): void => {
  for (let index = 0; index < hooks.length; ) {
    const hook = hooks[index] as Hook;
    if (hook.at > now) {
      index += 1;
      continue;
    }
    hooks.splice(index, 1);
    broker.append(NAMES.topics.events, [{ key: projectKey(hook.event), value: encode(hook.event) }]);
  }
};
