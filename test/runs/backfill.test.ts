import { describe, expect, it } from 'vitest';
import { BadUsage } from '../../src/errors.ts';
import { fileCarrier } from '../../src/operators/plan.ts';
import type { Parts } from '../../src/parts.ts';
import { advanceRun } from '../../src/runs/advance.ts';
import { cancelRun, followRun, type Progress, startRun } from '../../src/runs/backfill.ts';
import { DAY, SECOND } from '../../src/units.ts';
import { PROJECT, REF } from '../support/pipeline.ts';
import { BINARY, POISON } from '../trials/sim/content.ts';
import { INSTANCE, NAMES } from '../trials/sim/names.ts';
import { backfill, follow, NEVER, pipelineOf } from './harness.ts';

const FILES = { a: 'ant', b: 'bee cat', c: 'dog', d: 'eel', e: 'fox ant', f: '', g: BINARY };
const NOTHING = { planned: 0, indexed: 0, skipped: 0, deleted: 0, failed: 0, superseded: 0, chunks: 0, embedded: 0 };

describe('a run', () => {
  it('indexes what is there, and says so', async () => {
    const pipeline = pipelineOf();
    pipeline.push(FILES);
    await pipeline.start();
    const report = await backfill(pipeline);
    expect(report).toMatchObject({
      ...{ status: 'success', planned: 7, indexed: 5, skipped: 2, deleted: 0, failed: 0, superseded: 0, unchanged: 0 },
      ...{ chunks: 7, unplanned: [] },
    });
    expect(report.embedded + report.reused).toBe(7);
    expect(report.stages.map(({ stage }) => stage)).toEqual(['plan', 'collect', 'index']);
    expect(report.durationMs).toBeGreaterThan(0);
    expect(pipeline.entry('a')).toMatchObject({ status: 'indexed', run: report.run });
  });

  it('finds everything unchanged the second time, and embeds nothing', async () => {
    const pipeline = pipelineOf();
    pipeline.push(FILES);
    await pipeline.start();
    const first = await backfill(pipeline);
    const second = await backfill(pipeline);
    expect(second.run).not.toBe(first.run);
    expect(second).toMatchObject({ ...NOTHING, status: 'success', unchanged: 7 });
  });

  it('plans what differs and leaves the rest alone', async () => {
    const pipeline = pipelineOf();
    pipeline.push(FILES);
    await pipeline.start();
    await backfill(pipeline);
    const { a: _, ...rest } = FILES;
    pipeline.push({ ...rest, b: 'bee', h: 'fox' });
    expect(await backfill(pipeline)).toMatchObject({ planned: 3, indexed: 2, deleted: 1, unchanged: 5 });
  });

  it('over a project without files, and over no project, is a success that planned nothing', async () => {
    const pipeline = pipelineOf();
    await pipeline.start();
    expect(await backfill(pipeline)).toMatchObject({ ...NOTHING, status: 'success', unchanged: 0 });
    pipeline.push({});
    expect(await backfill(pipeline)).toMatchObject({ ...NOTHING, status: 'success', unchanged: 0 });
  });

  it('takes what is gone with its branch out of the index', async () => {
    const pipeline = pipelineOf();
    pipeline.push({ a: 'ant' });
    pipeline.push({ a: 'bee' }, { ref: 'dev' });
    await pipeline.start();
    await backfill(pipeline);
    pipeline.push(undefined, { ref: 'dev' });
    expect(await backfill(pipeline)).toMatchObject({ planned: 1, deleted: 1, unchanged: 1 });
    expect(pipeline.entry('a', { ref: 'dev' })?.status).toBe('gone');
  });

  it('of one project, or one branch, touches no other', async () => {
    const pipeline = pipelineOf();
    pipeline.push({ a: 'ant' });
    pipeline.push({ a: 'bee' }, { ref: 'dev' });
    pipeline.push({ a: 'cat' }, { project: '2' });
    await pipeline.start(['collect', 'index']);
    const branch = await startRun(pipeline.parts, ['group/1:dev']);
    const project = await startRun(pipeline.parts, ['2']);
    await pipeline.start(['plan']);
    expect(await follow(pipeline.parts, branch.run.id)).toMatchObject({ planned: 1 });
    expect(await follow(pipeline.parts, project.run.id)).toMatchObject({ planned: 1 });
    expect(pipeline.entry('a', { ref: 'dev' })?.run).toBe(branch.run.id);
    expect(pipeline.entry('a', { project: '2' })?.run).toBe(project.run.id);
  });

  it('of what is not there is refused before anything is written', async () => {
    const pipeline = pipelineOf();
    pipeline.push({ a: 'ant' });
    await pipeline.adopt();
    await expect(startRun(pipeline.parts, ['nowhere'])).rejects.toThrow(/nowhere.*group\/1/);
    await expect(startRun(pipeline.parts, ['1:nowhere'])).rejects.toThrow(/nowhere.*main/);
    await expect(startRun(pipeline.parts, ['1:nowhere'])).rejects.toBeInstanceOf(BadUsage);
    await expect(advanceRun(pipeline.parts, '7-x')).rejects.toBeInstanceOf(BadUsage);
    expect(pipeline.state.inspect('runs')).toEqual([]);
  });

  it('with poison is a partial success, and with nothing else a failure', async () => {
    const pipeline = pipelineOf();
    pipeline.push({ a: POISON });
    await pipeline.start();
    expect(await backfill(pipeline)).toMatchObject({ status: 'failed', planned: 1, failed: 1 });
    pipeline.push({ a: POISON, b: 'bee', c: POISON });
    expect(await backfill(pipeline)).toMatchObject({
      ...{ status: 'partial_success', planned: 2, indexed: 1, failed: 1, unchanged: 1 },
    });
  });

  it('says which branches nobody could plan', async () => {
    const pipeline = pipelineOf();
    pipeline.push({ a: 'ant' });
    await pipeline.start();
    await backfill(pipeline);
    pipeline.push({ a: 'bee' }, { project: '2' });
    pipeline.repositories.blocked.add('1');
    pipeline.repositories.blocked.add('2');
    const report = await backfill(pipeline);
    expect(report.status).toBe('failed');
    expect(report.unplanned.map(({ project, ref }) => `${project}:${ref}`).sort()).toEqual(['1:', '1:main', '2:']);
  });

  it('ends while pushes go on, and counts what they overtake', async () => {
    const pipeline = pipelineOf();
    const contents = (round: number) =>
      Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`f${at}`, `ant ${at < 3 ? round : 0} bee`]));
    pipeline.push(contents(0));
    await pipeline.start();
    const { run } = await startRun(pipeline.parts, []);
    let round = 0;
    const pushing = setInterval(() => {
      round += 1;
      pipeline.push(contents(round), { announced: true });
    }, 10);
    try {
      const report = await follow(pipeline.parts, run.id);
      expect(report.failed).toBe(0);
      expect(report.planned).toBeGreaterThanOrEqual(37);
      expect(report.indexed).toBeGreaterThanOrEqual(37);
    } finally {
      clearInterval(pushing);
    }
    await pipeline.rest();
    expect(round).toBeGreaterThan(2);
    expect(await backfill(pipeline)).toMatchObject({ ...NOTHING, unchanged: 40 });
  });

  it('waits for a blob that was missing and came back with the next push', async () => {
    const pipeline = pipelineOf();
    pipeline.push({ a: 'ant', b: 'bee' });
    pipeline.repositories.lose('ant');
    await pipeline.start();
    const report = await backfill(pipeline);
    // Looked at once more, and set aside: the look that it was overtaken by has failed.
    expect(report).toMatchObject({ planned: 2, indexed: 1, superseded: 1 });
    expect(pipeline.entry('a')?.reason).toMatch(/missing_blob/);
  });
});

describe('who follows a run', () => {
  it('meets the open run of a scope a second time', async () => {
    const pipeline = pipelineOf();
    pipeline.push(FILES);
    pipeline.push(FILES, { project: '2' });
    await pipeline.adopt();
    const started = await Promise.all([
      startRun(pipeline.parts, ['1', '2']),
      startRun(pipeline.parts, ['2', '1']),
      startRun(pipeline.parts, ['1']),
    ]);
    const ids = started.map(({ run }) => run.id);
    expect(ids[0]).toBe(ids[1]);
    expect(ids[2]).not.toBe(ids[0]);
    expect(started.map(({ joined }) => joined).sort()).toEqual([false, false, true]);
    expect(pipeline.state.inspect('runs')).toHaveLength(2);
  });

  it('gets the same report as another follower', async () => {
    const pipeline = pipelineOf();
    pipeline.push(FILES);
    await pipeline.start();
    const { run } = await startRun(pipeline.parts, []);
    const [one, two] = await Promise.all([follow(pipeline.parts, run.id), follow(pipeline.parts, run.id)]);
    expect(one).toEqual(two);
    expect(one.planned).toBe(7);
  });

  it('goes on where one died, at whichever step', async () => {
    for (let steps = 1; steps <= 14; steps += 1) {
      let left = steps;
      let dying = false;
      /** The follower dies at one of its writes: before it, or after it with the answer lost. */
      const mortal = <T>(write: () => Promise<T>): Promise<T> => {
        if (!dying) return write();
        left -= 1;
        if (left > 0) return write();
        return steps % 2 === 0
          ? Promise.reject(new Error('died'))
          : write().then(() => Promise.reject(new Error('died')));
      };
      const pipeline = pipelineOf();
      pipeline.push(FILES);
      await pipeline.start();
      const { parts } = pipeline;
      const ill: Parts = {
        ...parts,
        log: { ...parts.log, append: (topic, records) => mortal(() => parts.log.append(topic, records)) },
        state: { ...parts.state, swap: (table, row, over) => mortal(() => parts.state.swap(table, row, over)) },
      };
      dying = true;
      const died = await startRun(ill, [])
        .then(({ run }) => followRun(ill, run.id, () => {}, NEVER))
        .then(() => false)
        .catch(() => true);
      dying = false;
      pipeline.advance(40 * SECOND);
      const { run, joined } = await startRun(parts, []);
      const report = await follow(parts, run.id);
      expect(pipeline.state.inspect('runs').every(({ value }) => value.status === 'done')).toBe(true);
      // Whoever died before its row was written has left nothing; and who died after its end, a run that is over.
      if (joined || !died) expect(report.planned + report.unchanged).toBe(7);
      expect(pipeline.entry('a')?.status).toBe('indexed');
      await pipeline.close();
      if (!died) return;
    }
    throw new Error('no follower ever got to its end');
  });

  it('counts a page that was laid twice once', async () => {
    const pipeline = pipelineOf();
    pipeline.push(FILES);
    await pipeline.adopt();
    const { run } = await startRun(pipeline.parts, []);
    // Whoever lays a page dies before the cursor moves, and its carrier comes to somebody else.
    let deaths = 3;
    const { parts } = pipeline;
    const id = { instance: INSTANCE, project: PROJECT, ref: REF };
    pipeline.parts = {
      ...parts,
      state: {
        ...parts.state,
        async swap(table, row, over) {
          if (table !== 'sweeps' || deaths === 0) return parts.state.swap(table, row, over);
          deaths -= 1;
          await fileCarrier(parts, id, []);
          return false;
        },
      },
    };
    await pipeline.start(['plan']);
    await pipeline.start(['collect', 'index']);
    expect(await follow(parts, run.id)).toMatchObject({ planned: 7, indexed: 5, skipped: 2, unchanged: 0 });
    expect(deaths).toBe(0);
  });

  it('counts once what a second look of the run meets: its event came twice', async () => {
    const pipeline = pipelineOf();
    pipeline.push(FILES);
    await pipeline.start();
    const { run } = await startRun(pipeline.parts, []);
    await pipeline.rest();
    const { topics } = NAMES;
    const events = pipeline.broker.topicOf(topics.eventsBackfill).flatMap(({ records }) => records);
    const mine = events
      .filter(({ value }) => new TextDecoder().decode(value ?? undefined).includes(run.id))
      .slice(0, 1);
    pipeline.broker.append(topics.eventsBackfill, mine);
    await pipeline.rest();
    expect(await follow(pipeline.parts, run.id)).toMatchObject({ planned: 7, unchanged: 0 });
  });

  it('hears of a flow that nobody runs', async () => {
    const pipeline = pipelineOf({ speed: 200 });
    pipeline.push(FILES);
    await pipeline.start(['plan', 'index']);
    const { run } = await startRun(pipeline.parts, []);
    expect(await followRun(pipeline.parts, run.id, () => {}, NEVER)).toEqual({ is: 'idle', flow: 'collect' });
  });

  it('may leave, and the clock brings the run to its end', async () => {
    const pipeline = pipelineOf({ speed: 200 });
    pipeline.push(FILES);
    await pipeline.start();
    const { run } = await startRun(pipeline.parts, []);
    const stop = new AbortController();
    stop.abort();
    expect(await followRun(pipeline.parts, run.id, () => {}, stop.signal)).toEqual({ is: 'left' });
    await expect
      .poll(() => pipeline.state.inspect('runs').map(({ value }) => value.status), { timeout: 10_000 })
      .toEqual(['done']);
  });

  it('sees how far each flow has come', async () => {
    const pipeline = pipelineOf();
    pipeline.push(FILES);
    await pipeline.start();
    const { run } = await startRun(pipeline.parts, []);
    const seen: Progress[] = [];
    await follow(pipeline.parts, run.id, (progress) => seen.push(progress));
    for (const { flows } of seen) {
      for (const { done, of } of Object.values(flows)) expect(done).toBeLessThanOrEqual(of);
    }
  });
});

describe('a run that is cancelled', () => {
  it('ends with what it had done, and leaves the rest to the flows', async () => {
    const pipeline = pipelineOf();
    pipeline.push(FILES);
    await pipeline.start(['plan', 'collect']);
    const { run } = await startRun(pipeline.parts, []);
    await pipeline.rest();
    const { status, report } = await cancelRun(pipeline.parts, run.id);
    expect(status).toBe('cancelled');
    expect(report).toMatchObject({ status: 'cancelled', planned: 7, superseded: 7 });
    expect(await follow(pipeline.parts, run.id)).toEqual(report);
    expect((await cancelRun(pipeline.parts, run.id)).report).toEqual(report);
    await pipeline.start(['index']);
    expect(await backfill(pipeline)).toMatchObject({ failed: 0 });
    expect(pipeline.entry('a')?.status).toBe('indexed');
  });
});

describe('rows of runs', () => {
  it('go after a month, but for the newest', async () => {
    const pipeline = pipelineOf({ speed: 200 });
    pipeline.push({ a: 'ant' });
    const service = await pipeline.start();
    for (let round = 0; round < 3; round += 1) await backfill(pipeline);
    await service.stop();
    pipeline.advance(31 * DAY);
    await pipeline.start();
    await expect.poll(() => pipeline.state.inspect('runs').length, { timeout: 10_000 }).toBe(1);
    expect(pipeline.state.inspect('runRefs').map(({ scope }) => scope)).toEqual(
      pipeline.state.inspect('runs').map(({ value }) => value.id),
    );
  });
});
