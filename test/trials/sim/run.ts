import { DAY, HOUR, MINUTE } from '../../../src/units.ts';
import { checkAtRest } from './check.ts';
import { makeCluster } from './cluster.ts';
import { fireHooks, type History, type Hook, perform } from './history.ts';
import { makeMonitor } from './monitor.ts';
import { random } from './random.ts';
import { makeWorld } from './world.ts';

export interface Outcome {
  readonly violations: readonly string[];
  readonly trace: readonly string[];
  /** Of every step that was taken: the same seed gives the same. */
  readonly fingerprint: string;
  readonly steps: number;
}

/** Runs a history to its end, lets it rest, lets the clock run, and checks from outside. */
export const runHistory = async (history: History, { tracing = false } = {}): Promise<Outcome> => {
  const world = makeWorld(random(history.seed), { flaky: history.flaky, tracing });
  const cluster = makeCluster(world, makeMonitor(world));
  const hooks: Hook[] = [];

  for (let process = 0; process < history.processes; process += 1) cluster.start();
  for (const action of history.actions) {
    const until = world.steps() + action.after;
    while (world.steps() < until && world.violations.length === 0) {
      fireHooks(cluster, hooks, world.steps());
      if (!(await world.step()) && !world.jump(world.now() + MINUTE)) break;
    }
    world.log(`==== ${action.do}`, () => JSON.stringify(action));
    await perform(world, cluster, action, hooks);
    if (world.violations.length > 0) break;
  }

  if (world.violations.length === 0) {
    await heal();
    if (history.strict && cluster.lefts.length === 0) checkAtRest(world, cluster, 'at rest');
  }
  if (world.violations.length === 0) {
    // What the clock mends takes a resync, a stalled sweep's ten minutes, two rounds of orphans, and the day of leftovers.
    for (const ms of [MINUTE, 5 * MINUTE, 11 * MINUTE, HOUR, HOUR, HOUR, DAY + HOUR, HOUR, HOUR]) {
      world.advance(ms);
      world.jump();
      await cluster.rest();
      if (world.violations.length > 0) break;
    }
    checkAtRest(world, cluster, 'after the clock');
  }
  if (world.violations.length === 0) {
    for (const ms of [7 * DAY + HOUR, HOUR, HOUR]) {
      world.advance(ms);
      world.jump();
      await cluster.rest();
    }
    checkAtRest(world, cluster, 'after the tombstones');
  }
  return { violations: world.violations, trace: world.trace, fingerprint: world.fingerprint(), steps: world.steps() };

  /** Dependencies are up, nobody is frozen, everybody has the rules that hold, and what was sent has arrived. */
  async function heal() {
    world.log('==== HEAL');
    world.calm();
    world.down.clear();
    cluster.repositories.lag(0);
    cluster.repositories.blocked.clear();
    for (const { process } of cluster.members) {
      process.lives = 0;
      if (process.state === 'frozen') process.state = 'alive';
    }
    fireHooks(cluster, hooks, Number.POSITIVE_INFINITY);
    await cluster.rest();
    if (cluster.alive().some(({ parts }) => parts.rules === cluster.rules())) return;
    cluster.setRules(cluster.rules());
    cluster.start();
    await cluster.rest();
  }
};
