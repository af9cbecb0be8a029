import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { configSchema } from '../../src/config/schema.ts';
import { BadConfiguration } from '../../src/errors.ts';
import { openEngines } from '../../src/pipeline/engines.ts';
import { type Host, openHost } from '../../src/pipeline/host.ts';
import type { Report } from '../../src/records.ts';
import { followRun, startRun } from '../../src/runs/backfill.ts';
import { systemTime } from '../../src/runtime/time.ts';
import { environment, makeRepository, type TestRepository } from '../support/repository.ts';
import { silentTelemetry } from '../support/telemetry.ts';

const never = new AbortController().signal;
let repository: TestRepository;
let data: string;
let host: Host;

const open = (tokens = 256) => {
  const config = configSchema.parse({
    pipelines: { default: { sources: [{ git: { path: repository.directory } }], chunk: { tokens } } },
  });
  const lock = { check: async () => {} };
  const needs = { environment: environment(), time: systemTime, telemetry: silentTelemetry, stays: true };
  return openHost({ config, data, openEngines, lock, ...needs });
};

const backfill = async (flows?: readonly ('plan' | 'collect' | 'index')[]): Promise<Report> => {
  const pipeline = await host.pipeline('default');
  return pipeline.withFlows(
    async (stop) => {
      const { run } = await startRun(pipeline.parts, []);
      const followed = await followRun(pipeline.parts, run.id, () => {}, stop);
      if (followed.is !== 'ended') throw new Error(`the run did not end: ${followed.is}`);
      return followed.report;
    },
    { stop: never, ...(flows && { flows }) },
  );
};

beforeEach(async () => {
  repository = await makeRepository();
  await repository.commit({ files: [['a.md', 'ant']] });
  data = await mkdtemp(join(tmpdir(), 'tidemark-host-'));
  host = open();
});
afterEach(async () => {
  await host.close();
  await repository.remove();
  await rm(data, { recursive: true, force: true });
});

describe('the flows of a process', () => {
  it('that somebody needs beside those that run already are started for them', async () => {
    const pipeline = await host.pipeline('default');
    let indexed: Report | undefined;
    await pipeline.withFlows(
      async () => {
        indexed = await backfill();
      },
      { stop: never, flows: ['index'] },
    );
    expect(indexed).toMatchObject({ status: 'success', indexed: 1 });
    expect(pipeline.flows().running).toBe(false);
  });

  it('run until the last who needs them is done, whoever began them', async () => {
    const pipeline = await host.pipeline('default');
    const last = new AbortController();
    const first = pipeline.withFlows(
      (stop) => new Promise<void>((done) => stop.addEventListener('abort', () => done(), { once: true })),
      { stop: last.signal },
    );
    expect((await backfill()).status).toBe('success');
    expect(pipeline.flows().running).toBe(true);
    last.abort();
    await first;
    expect(pipeline.flows().running).toBe(false);
  });

  it('are not used by a configuration that asks for another generation than the one that they feed', async () => {
    await backfill();
    await host.close();
    host = open(64);
    const pipeline = await host.pipeline('default');
    const joined = pipeline.withFlows(() => backfill(), { stop: never, anyGeneration: true });
    await expect(joined).rejects.toThrow(BadConfiguration);
  });
});
