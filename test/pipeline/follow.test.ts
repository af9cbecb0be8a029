/** Plain repositories that are followed while they come and go. */
import { mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { configSchema } from '../../src/config/schema.ts';
import { openEngines } from '../../src/pipeline/engines.ts';
import { follow } from '../../src/pipeline/follow.ts';
import { type Hosted, openHost } from '../../src/pipeline/host.ts';
import { followRun, startRun } from '../../src/runs/backfill.ts';
import { listDocuments } from '../../src/runs/documents.ts';
import { statusOf } from '../../src/runs/status.ts';
import { systemTime } from '../../src/runtime/time.ts';
import { environment, makeRepository, type TestRepository } from '../support/repository.ts';
import { recordedTelemetry } from '../support/telemetry.ts';

const DEADLINE_MS = 30_000;
const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const repository = async (): Promise<TestRepository> => {
  const made = await makeRepository();
  cleanups.push(() => made.remove());
  return made;
};

/** The flows run and the repositories are followed until the test ends. */
const served = async (repositories: Readonly<Record<string, TestRepository>>) => {
  const data = await mkdtemp(join(tmpdir(), 'tidemark-follow-'));
  const sources = Object.entries(repositories).map(([name, { directory }]) => ({
    git: { name, path: directory, pollMs: 50 },
  }));
  const config = configSchema.parse({ pipelines: { default: { sources } } });
  const ready = { lock: { check: async () => {} }, environment: environment(), time: systemTime };
  const host = openHost({ config, data, openEngines, ...ready, telemetry: recordedTelemetry(), stays: true });
  const pipeline = await host.pipeline('default');
  const leaving = new AbortController();
  const flows = pipeline.withFlows((running) => follow(pipeline, running), { stop: leaving.signal });
  flows.catch(() => undefined);
  cleanups.push(async () => {
    leaving.abort();
    await flows;
    await host.close();
    await rm(data, { recursive: true, force: true });
  });
  return pipeline;
};

const indexed = async ({ parts }: Hosted) => {
  const found: string[] = [];
  for await (const { project, path, status } of listDocuments(parts))
    if (status === 'indexed') found.push(`${project}/${path}`);
  return found.sort();
};
const blocked = async ({ parts, dependencies }: Hosted) =>
  (await statusOf(parts, dependencies())).waits.flatMap(({ on, of, reason }) =>
    on === 'project' ? [`${of?.project}: ${reason}`] : [],
  );
const soon = (check: () => Promise<void>) => vi.waitFor(check, { timeout: DEADLINE_MS, interval: 50 });
const reports = async ({ parts }: Hosted) => {
  const { run } = await startRun(parts, []);
  const followed = await followRun(parts, run.id, () => {}, AbortSignal.timeout(DEADLINE_MS));
  return followed.is === 'ended' ? followed.report : followed.is;
};

describe('a repository that cannot be read', () => {
  it('is said in the status by its path, and picked up when it comes, also where it is the only one', async () => {
    const made = await repository();
    await made.commit({ files: [['tide.md', 'the tide\n']] });
    const away = `${made.directory}.away`;
    await rename(made.directory, away);
    const pipeline = await served({ handbook: made });
    const reason = expect.stringContaining(`there is no git repository at ${made.directory}`);
    await soon(async () => expect(await blocked(pipeline)).toEqual([reason]));
    expect(await reports(pipeline)).toMatchObject({
      status: 'failed',
      unplanned: [{ instance: 'git', project: 'handbook' }],
    });
    await rename(away, made.directory);
    await soon(async () => expect(await indexed(pipeline)).toEqual(['handbook/tide.md']));
    await soon(async () => expect(await blocked(pipeline)).toEqual([]));
  });

  it('keeps what is indexed, holds up none of the others, and is followed again when it is back', async () => {
    const [one, two] = [await repository(), await repository()];
    await one.commit({ files: [['tide.md', 'the tide\n']] });
    await two.commit({ files: [['ebb.md', 'the ebb\n']] });
    const pipeline = await served({ one, two });
    await soon(async () => expect(await indexed(pipeline)).toEqual(['one/tide.md', 'two/ebb.md']));
    const away = `${one.directory}.away`;
    await rename(one.directory, away);
    await soon(async () => expect(await blocked(pipeline)).toEqual([expect.stringContaining(one.directory)]));
    await two.commit({ files: [['flood.md', 'the flood\n']] });
    await soon(async () => expect(await indexed(pipeline)).toEqual(['one/tide.md', 'two/ebb.md', 'two/flood.md']));
    expect(await reports(pipeline)).toMatchObject({ status: 'partial_success', deleted: 0 });
    expect(await indexed(pipeline)).toContain('one/tide.md');
    await rename(away, one.directory);
    await soon(async () => expect(await blocked(pipeline)).toEqual([]));
    await one.commit({ files: [['spring.md', 'spring tide\n']] });
    await soon(async () => expect(await indexed(pipeline)).toContain('one/spring.md'));
  });

  it('is another one from now on where it was replaced by a clone', async () => {
    const made = await repository();
    await made.commit({ files: [['tide.md', 'the tide\n']] });
    const pipeline = await served({ handbook: made });
    await soon(async () => expect(await indexed(pipeline)).toEqual(['handbook/tide.md']));
    await rm(made.directory, { recursive: true });
    await soon(async () => expect(await blocked(pipeline)).toHaveLength(1));
    const other = await repository();
    await other.commit({ files: [['ebb.md', 'the ebb\n']] });
    await rename(other.directory, made.directory);
    await soon(async () => expect(await indexed(pipeline)).toEqual(['handbook/ebb.md']));
    await soon(async () => expect(await blocked(pipeline)).toEqual([]));
  });
});
