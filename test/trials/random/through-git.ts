/** One random history of a repository that a `git` source reads, on embedded parts. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { configSchema } from '../../../src/config/schema.ts';
import { refSelection } from '../../../src/paths/ref-selection.ts';
import { openEngines } from '../../../src/pipeline/engines.ts';
import { follow } from '../../../src/pipeline/follow.ts';
import { type Hosted, openHost } from '../../../src/pipeline/host.ts';
import { followRun, startRun } from '../../../src/runs/backfill.ts';
import { systemTime } from '../../../src/runtime/time.ts';
import { lagOf, sumOf } from '../../../src/state/lag.ts';
import { environment, makeRepository, type TestRepository } from '../../support/repository.ts';
import { silentTelemetry } from '../../support/telemetry.ts';
import { type Random, random } from '../sim/random.ts';
import { differences, type Held } from './check.ts';
import { change, type Place } from './history.ts';

const FILE_BYTES = 100_000;
const DEADLINE_MS = 60_000;
type Mode = 'live' | 'backfill' | 'mixed';

/** What is wrong at the end; nothing when index and git agree. */
export const throughGit = async (seed: number): Promise<readonly string[]> => {
  const chance = random(seed);
  const refs = chance.fork('refs').pick([[], [], ['main', 's*']]);
  const tracked = refs.length > 0 ? { tracked: refSelection(refs) } : {};
  const held: Held = { fileBytes: FILE_BYTES, instance: 'git', project: 'it', ...tracked };
  const repository = await makeRepository(chance.chance(0.1) ? ['--object-format=sha256'] : []);
  const data = await mkdtemp(join(tmpdir(), 'tidemark-random-'));
  const config = configSchema.parse({
    pipelines: {
      default: {
        sources: [{ git: { path: repository.directory, name: 'it', refs, pollMs: 50 } }],
        chunk: { tokens: chance.pick([32, 256]) },
      },
    },
    limits: { fileBytes: FILE_BYTES, backfillChanges: chance.pick([3, 500]) },
  });
  const lock = { check: async () => {} };
  const ready = { lock, environment: environment(), time: systemTime, telemetry: silentTelemetry };
  const around = { config, data, openEngines, ...ready, stays: true };
  const host = openHost(around);
  try {
    const pipeline = await host.pipeline('default');
    const mode = chance.pick<Mode>(['live', 'backfill', 'mixed']);
    const stop = new AbortController();
    const wrong = await pipeline.withFlows(
      async (running) => {
        const over = new AbortController();
        running.addEventListener('abort', () => over.abort());
        const following = mode === 'backfill' ? undefined : follow(pipeline, over.signal);
        const found = await play(chance, { repository, pipeline, mode, held });
        over.abort();
        await following;
        return found;
      },
      { stop: stop.signal },
    );
    return wrong.map((one) => `seed ${seed}, ${mode}: ${one}`);
  } finally {
    await host.close();
    await repository.remove();
    await rm(data, { recursive: true, force: true });
  }
};

interface Played {
  readonly repository: TestRepository;
  readonly pipeline: Hosted;
  readonly mode: Mode;
  readonly held: Held;
}

const play = async (chance: Random, { repository, pipeline, mode, held }: Played): Promise<readonly string[]> => {
  const place: Place = {
    repository,
    commit: repository.commit,
    move: (branch, to) =>
      repository.git('update-ref', ...(to === null ? ['-d', `refs/heads/${branch}`] : [`refs/heads/${branch}`, to])),
  };
  const steps = 3 + chance.below(8);
  for (let step = 0; step < steps; step += 1) {
    await change(chance, place);
    if (mode !== 'live' && chance.chance(0.4)) await backfill(pipeline);
    // Plans meet a tree that has moved on, or one that rests.
    if (chance.chance(0.5)) await sleep(chance.below(150));
  }
  if (mode === 'backfill') await backfill(pipeline);
  return restAndCompare(repository, pipeline, held);
};

const backfill = async ({ parts }: Hosted) => {
  const { run } = await startRun(parts, []);
  const followed = await followRun(parts, run.id, () => {}, AbortSignal.timeout(DEADLINE_MS));
  if (followed.is !== 'ended') throw new Error(`run ${run.id} did not end: ${followed.is}`);
};

/** Until nothing is on its way and the index is right; what is wrong when it does not come to that. */
const restAndCompare = async (repository: TestRepository, pipeline: Hosted, held: Held): Promise<readonly string[]> => {
  const until = Date.now() + DEADLINE_MS / 2;
  for (;;) {
    await sleep(100);
    const resting = sumOf(await lagOf(pipeline.parts)) === 0;
    const wrong = resting ? await differences(repository, pipeline.parts, held) : ['it does not come to rest'];
    if (wrong.length === 0 || Date.now() > until) return wrong;
  }
};
