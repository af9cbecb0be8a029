import { describe, expect, it } from 'vitest';
import { followRun, startRun } from '../../../src/runs/backfill.ts';
import { MINUTE } from '../../../src/units.ts';
import { BINARY, POISON, WORDS } from './content.ts';
import { random as makeRandom } from './random.ts';
import { type Scenario, scenario } from './scenario.ts';

const SEEDS = 60;
const PATHS = ['a', 'b', 'c', 'd/e', 'd/f', 'g', 'h'];

type Random = ReturnType<typeof makeRandom>;

const contents = (random: Random): Record<string, string> =>
  Object.fromEntries(
    PATHS.filter(() => random.chance(0.8)).map((path) => [
      path,
      random.chance(0.2) ? random.pick(['', BINARY, POISON]) : `${random.pick(WORDS)} ${random.pick(WORDS)}`,
    ]),
  );

/** Starts a run, or meets the one that is open, and follows it, in a process that may die of it. */
const follower = ({ cluster }: Scenario) => {
  const member = cluster.alive().at(-1) ?? cluster.start();
  const followed = startRun(member.parts, []).then(({ run }) =>
    followRun(member.parts, run.id, () => {}, new AbortController().signal),
  );
  // Whoever dies never hears of it; what fails alive shows in the row, which does not come to its end.
  followed.catch(() => undefined);
};

const openRuns = ({ cluster }: Scenario) =>
  cluster.state.inspect('runs').filter(({ value }) => value.status === 'open').length;

const disturb = (told: Scenario, random: Random) => {
  const { cluster } = told;
  const member = random.pick(cluster.alive());
  if (random.chance(0.5)) {
    if (member) cluster.kill(member);
    cluster.start();
  } else if (member) cluster.broker.evict(member.process.name);
};

const run = async (seed: number) => {
  const random = makeRandom(seed);
  const told = scenario(seed, { pageSize: 1 + random.below(3) });
  const { world, cluster } = told;
  told.push(contents(random));
  if (random.chance(0.7)) await told.rest();
  if (random.chance(0.5)) told.push(contents(random), { announced: random.chance(0.5) });
  const files = cluster.repositories.treeOf(cluster.repositories.newest('1', 'main')).size;
  follower(told);
  for (let disturbances = random.below(4); disturbances > 0; disturbances -= 1) {
    const until = world.steps() + random.below(400);
    while (world.steps() < until) if (!(await world.step()) && !world.jump(world.now() + MINUTE)) break;
    disturb(told, random);
    follower(told);
  }
  for (let rounds = 0; rounds < 30 && (rounds === 0 || openRuns(told) > 0); rounds += 1) await told.pass(1 * MINUTE);
  return { told, files };
};

describe('runs under a simulated scheduler', () => {
  it(`end whatever dies, and count each file once (${SEEDS} histories)`, { timeout: 120_000 }, async () => {
    let runs = 0;
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const { told, files } = await run(seed);
      expect(told.world.violations, `seed ${seed}`).toEqual([]);
      for (const { value } of told.cluster.state.inspect('runs')) {
        runs += 1;
        const { report } = value;
        if (!report) throw new Error(`seed ${seed}: run ${value.id} never ended: ${JSON.stringify(value)}`);
        const { planned, indexed, skipped, deleted, failed, superseded, unchanged, unplanned } = report;
        expect(indexed + skipped + deleted + failed + superseded, `seed ${seed}`).toBe(planned);
        expect(unplanned, `seed ${seed}`).toEqual([]);
        expect(indexed + skipped + failed + unchanged, `seed ${seed}: ${JSON.stringify(report)}`).toBe(files);
      }
    }
    expect(runs).toBeGreaterThanOrEqual(SEEDS);
  });
});
