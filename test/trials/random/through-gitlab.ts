/**
 * One random history of a project on a simulated GitLab: real pushes, whose events get lost, come twice, late and in
 * another order, an API that fails at random, a replica that lags, garbage collection, and processes that end and begin
 * again. When all that is over, one resync has to be enough.
 */
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { resync } from '../../../src/clock/resync.ts';
import { BlockProject } from '../../../src/errors.ts';
import type { Time } from '../../../src/ports.ts';
import { systemTime } from '../../../src/runtime/time.ts';
import type { Delivery } from '../../support/gitlab/deliveries.ts';
import type { Fault, FaultRule } from '../../support/gitlab/faults.ts';
import { type SimulatedGitlab, simulatedGitlab } from '../../support/gitlab/gitlab.ts';
import { gitlabService } from '../../support/gitlab-service.ts';
import { headsOf } from '../../support/repository.ts';
import { type Random, random } from '../sim/random.ts';
import { randomPage } from './content.ts';
import { change, type Place } from './history.ts';

const SIGNING = `whsec_${Buffer.alloc(32, 9).toString('base64')}`;
const never = new AbortController().signal;

/** Waits are shorter, so that a history of failures takes no minutes. */
const hasty = (times: number): Time => ({ ...systemTime, sleep: (ms, signal) => systemTime.sleep(ms / times, signal) });

/** What is wrong at the end; nothing when index and git agree. `kafka` is the address of a broker. */
export const throughGitlab = async (seed: number, kafka?: string): Promise<readonly string[]> => {
  const chance = random(seed);
  const gitlab = await simulatedGitlab();
  const project = await gitlab.project('team/it', { wiki: true });
  const place: Place = {
    repository: project.repository,
    commit: (commit) => gitlab.push(project, commit),
    async move(branch, to) {
      if (to !== null || (await headsOf(project.repository)).has(branch))
        await gitlab.pushRefs(project, `${to ?? ''}:refs/heads/${branch}`);
    },
  };
  const options = {
    // Sessions and rebalances of a broker last as long as they do.
    time: hasty(kafka === undefined ? 20 : 4),
    gitlab: { refs: chance.pick([[], [], ['main', 's*']]), wikis: chance.chance(0.5) },
    pipeline: { chunk: { tokens: chance.pick([32, 256]) }, topics: `random.${randomUUID()}` },
    limits: { backfillChanges: chance.pick([3, 500]) },
    ...(kafka === undefined
      ? {}
      : { log: { kind: 'kafka', brokers: [kafka], sessionSeconds: 6, topics: { partitions: 3 } } }),
  };
  const hook = gitlab.hook(project.hooks, { url: '', signingToken: SIGNING });
  gitlab.world.systemHooks.push(hook);
  const start = async (data?: string) => {
    const service = await gitlabService(gitlab, { ...options, ...(data === undefined ? {} : { data }) });
    void service.start();
    hook.url = await service.receive([SIGNING]);
    return service;
  };
  let service = await start();
  const { data } = service;

  const backfill = async () => {
    try {
      await service.backfill();
    } catch (error) {
      // A group that is refused is told to whoever began it.
      if (!(error instanceof BlockProject)) throw error;
    }
  };
  const restart = async () => {
    await service.close({ keep: true });
    service = await start(data);
  };

  try {
    const events = scrambled(chance.fork('events'), gitlab);
    gitlab.faults.push(failing(chance.fork('faults'), chance.pick([0, 0.05, 0.2])));
    for (let step = 3 + chance.below(8); step > 0; step -= 1) {
      if (chance.chance(0.15)) await gitlab.lag(project);
      else gitlab.catchUp(project);
      await change(chance, place);
      if (chance.chance(0.2)) await gitlab.push(project, { wiki: true, files: [randomPage(chance)] });
      if (chance.chance(0.1) && !project.replica) await project.repository.git('gc', '--prune=now', '-q');
      if (chance.chance(0.3)) await events.release();
      if (chance.chance(0.2)) await resync(service.parts, never);
      if (chance.chance(0.15)) await backfill();
      if (chance.chance(0.1)) await restart();
      // Plans meet a tree that has moved on, or one that rests.
      if (chance.chance(0.5)) await sleep(chance.below(150));
    }
    gitlab.faults.splice(0);
    gitlab.catchUp(project);
    if (chance.chance(0.5)) await events.release();
    // What failed may still block the project: only then the resync is the one after it all.
    const unrest = await service.settled();
    await resync(service.parts, never);
    const wrong = [...unrest, ...(await service.settled(project))];
    const { fault } = service.pipeline.flows();
    return [...(fault === undefined ? [] : [String(fault)]), ...wrong].map((one) => `seed ${seed}: ${one}`);
  } finally {
    await service.close();
    await gitlab.close();
    await rm(data, { recursive: true, force: true });
  }
};

/** Takes the deliveries of GitLab, and loses, repeats and holds back some. */
const scrambled = (chance: Random, gitlab: SimulatedGitlab) => {
  const held: Delivery[] = [];
  gitlab.carryBy(async (delivery) => {
    const what = chance.below(10);
    if (what === 0) return;
    if (what <= 2) return void held.push(delivery);
    await gitlab.deliverNow(delivery);
    if (what === 3) await gitlab.deliverNow(delivery);
    // Sent again by somebody, under an id of its own.
    if (what === 4) held.push({ ...delivery, id: randomUUID() });
  });
  return {
    /** What was held back, in any order. */
    async release() {
      while (held.length > 0)
        for (const delivery of held.splice(chance.below(held.length), 1)) await gitlab.deliverNow(delivery);
    },
  };
};

const refused = (status: number): Fault => ({ status, body: JSON.stringify({ message: `${status} at random` }) });

/** An API that fails so often. What would be believed, because nothing tells it from the truth, is not among it. */
const failing = (chance: Random, probability: number): FaultRule => {
  const missed = new Set<string>();
  const refusal = (path: string): Fault | undefined => {
    // The probe of a token that is refused stops the flows, and should; a blob that is not found twice is a dead letter.
    if (path.startsWith('/version') || missed.has(path)) return undefined;
    if (path.includes('/blobs/')) missed.add(path);
    return refused(chance.pick([401, 403, 404]));
  };
  return ({ path }) => {
    if (!chance.chance(probability)) return undefined;
    const what = chance.below(10);
    if (what === 0) return refusal(path);
    if (what === 1) return { reset: true };
    if (what === 2) return { truncateAt: chance.below(100) };
    if (what === 3) return { slowMs: chance.below(200) };
    if (what === 4) return { ...refused(429), headers: { 'retry-after': '1' } };
    return refused(chance.pick([429, 500, 502, 503]));
  };
};
