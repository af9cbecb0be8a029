import { describe, expect, it } from 'vitest';
import { dependency } from '../../src/calls/dependency.ts';
import { resync } from '../../src/clock/resync.ts';
import { TryAgain } from '../../src/errors.ts';
import { startRun } from '../../src/runs/backfill.ts';
import { statusOf } from '../../src/runs/status.ts';
import type { Pipeline } from '../support/pipeline.ts';
import { POISON } from '../trials/sim/content.ts';
import { NAMES } from '../trials/sim/names.ts';
import { backfill, pipelineOf } from './harness.ts';

const status = ({ parts }: Pipeline) => statusOf(parts, []);

describe('status', () => {
  it('of an index in step has nothing pending and nothing that waits', async () => {
    const pipeline = pipelineOf();
    pipeline.push({ a: 'ant', b: 'bee' });
    await pipeline.start();
    await backfill(pipeline);
    await pipeline.rest();
    const head = pipeline.repositories.newest('1', 'main');
    expect(await status(pipeline)).toMatchObject({
      ready: true,
      log: { up: true, identity: 'log-1' },
      store: { up: true, documents: 2, points: 2 },
      generation: NAMES.generation('g1'),
      projects: [
        { project: '1', ref: 'main', head, planned: head, documents: 2, pending: 0, failed: 0, blocked: null },
      ],
      lanes: { live: { events: 0, changes: 0 }, backfill: { events: 0, changes: 0 } },
      lag: { plan: { records: 0, members: 1 }, collect: { records: 0 }, index: { records: 0 } },
      deadLetters: 0,
      runs: [],
      waits: [],
    });
  });

  it('never counts below zero what flows settle between its two questions to the log', async () => {
    const pipeline = pipelineOf();
    pipeline.push({ a: 'ant' });
    await pipeline.start();
    await backfill(pipeline);
    await pipeline.rest();
    const { log } = pipeline.parts;
    const committed: typeof log.committed = async (topic, group) =>
      (await log.committed(topic, group)).map((offset) => (offset ?? 0) + 5);
    const told = await statusOf({ ...pipeline.parts, log: { ...log, committed } }, []);
    expect(told.lanes).toEqual({ live: { events: 0, changes: 0 }, backfill: { events: 0, changes: 0 } });
    expect(Object.values(told.lag).map(({ records }) => records)).toEqual([0, 0, 0]);
  });

  it('tells what is pending and failed, what waits in which lane, and for whom', async () => {
    const pipeline = pipelineOf();
    pipeline.push({ a: 'ant', b: POISON });
    const service = await pipeline.start();
    await backfill(pipeline);
    await pipeline.rest();
    await service.stop();
    pipeline.push({ a: 'bee', b: POISON, c: 'cat' }, { announced: true });
    const planning = await pipeline.start(['plan']);
    await expect.poll(() => pipeline.want('c')).toBeDefined();
    await pipeline.rest();
    await planning.stop();
    const { run } = await startRun(pipeline.parts, []);
    const told = await status(pipeline);
    expect(told).toMatchObject({
      ready: true,
      projects: [{ documents: 2, pending: 2, failed: 1 }],
      lanes: { live: { changes: 2 }, backfill: { events: 1 } },
      lag: { collect: { records: 2, members: 0 } },
      deadLetters: 1,
      runs: [{ id: run.id }],
    });
    expect(told.waits.map(({ on, name }) => `${on} ${name}`)).toEqual(['flow plan', 'flow collect']);
  });

  it('names a project that is blocked, with the reason', async () => {
    const pipeline = pipelineOf();
    pipeline.push({ a: 'ant' });
    await pipeline.start();
    await backfill(pipeline);
    pipeline.repositories.blocked.add('1');
    await backfill(pipeline);
    const { ready, waits, projects } = await status(pipeline);
    expect(ready).toBe(true);
    expect(waits).toMatchObject([{ on: 'project', reason: expect.stringContaining('403'), since: expect.any(String) }]);
    expect(projects).toMatchObject([{ head: null, blocked: expect.stringContaining('403') }]);
  });

  it('tells where a branch was when the last resync has looked, until a plan has looked since', async () => {
    const pipeline = pipelineOf();
    pipeline.push({ a: 'ant' });
    const service = await pipeline.start();
    await backfill(pipeline);
    const planned = pipeline.repositories.newest('1', 'main');
    await service.stop();
    pipeline.push({ a: 'bee' });
    const head = pipeline.repositories.newest('1', 'main');
    expect((await status(pipeline)).projects).toMatchObject([{ head: planned, planned }]);
    await resync(pipeline.parts, new AbortController().signal);
    expect((await status(pipeline)).projects).toMatchObject([{ head, planned }]);
    await pipeline.start();
    await backfill(pipeline);
    expect((await status(pipeline)).projects).toMatchObject([{ head, planned: head }]);
  });

  it('is not ready before anything was indexed, nor with other rules', async () => {
    const pipeline = pipelineOf();
    expect(await status(pipeline)).toMatchObject({ ready: false, generation: null, waits: [{ on: 'generation' }] });
    await pipeline.adopt();
    expect(await status(pipeline)).toMatchObject({ ready: true });
    pipeline.setRules('r2');
    expect(await status(pipeline)).toMatchObject({ ready: false, waits: [{ on: 'rules' }] });
  });

  it('answers while a dependency is down, without what it alone could tell', async () => {
    const pipeline = pipelineOf();
    pipeline.push({ a: 'ant' });
    await pipeline.start();
    await backfill(pipeline);
    const { time, telemetry } = pipeline.parts;
    let up = false;
    const failing = async () => {
      if (!up) throw new TryAgain('no answer');
    };
    const store = dependency('store', failing, { time, telemetry });
    const waiting = store.attempt(failing);
    await expect.poll(() => store.downSince()).toBeDefined();
    const told = await statusOf(pipeline.parts, [store]);
    expect(told).toMatchObject({ ready: false, store: { up: false, points: null }, projects: [] });
    expect(told.waits).toMatchObject([{ on: 'dependency', name: 'store' }]);
    up = true;
    await waiting;
    expect(await statusOf(pipeline.parts, [store])).toMatchObject({ ready: true });
  });
});
