import { describe, expect, it, vi } from 'vitest';
import { untilFresh } from '../../src/search/freshness.ts';
import { search } from '../../src/search/search.ts';
import { backfill, NEVER, pipelineOf } from '../runs/harness.ts';
import { type Pipeline, PROJECT } from '../support/pipeline.ts';
import { POISON } from '../trials/sim/content.ts';

const FRESH = { fresh: true, pending: 0, pendingOf: 'scope', planning: 0, events: 0 };
const WAIT = { stop: NEVER, waitMs: 60_000 };

const find = async ({ parts }: Pipeline, text: string, of: Partial<Parameters<typeof search>[1]> = {}) =>
  search(parts, { text, mode: 'lexical', limit: 10, ...of });

/** Indexed, at rest, and nothing runs any more. */
const indexed = async (files: Readonly<Record<string, string>>) => {
  const pipeline = pipelineOf();
  pipeline.push(files);
  const service = await pipeline.start();
  await backfill(pipeline);
  await pipeline.rest();
  await service.stop();
  return pipeline;
};

const planned = async (pipeline: Pipeline) => {
  const planning = await pipeline.start(['plan']);
  await pipeline.rest();
  await planning.stop();
};

describe('an answer', () => {
  it('names the commit of each hit and the head of its branch, and is fresh when nothing is on its way', async () => {
    const pipeline = await indexed({ a: 'ant', b: 'bee' });
    const head = pipeline.repositories.newest(PROJECT, 'main');
    const { hits, freshness } = await find(pipeline, 'ant');
    expect(hits).toMatchObject([{ path: 'a', commit: head, head, stale: false }]);
    expect(freshness).toEqual(FRESH);
  });

  it('a file is stale while its own change is on its way, and a commit elsewhere makes nothing stale', async () => {
    const pipeline = await indexed({ a: 'ant cat', b: 'ant dog' });
    const before = pipeline.repositories.newest(PROJECT, 'main');
    pipeline.push({ a: 'ant eel', b: 'ant dog' }, { announced: true });
    expect((await find(pipeline, 'ant')).freshness).toMatchObject({ fresh: false, pending: 0, events: 1 });
    await planned(pipeline);
    const head = pipeline.repositories.newest(PROJECT, 'main');
    const { hits, freshness } = await find(pipeline, 'ant');
    expect(new Map(hits.map(({ path, stale }) => [path, stale]))).toEqual(
      new Map([
        ['a', true],
        ['b', false],
      ]),
    );
    expect(hits[0]).toMatchObject({ commit: before, head });
    expect(freshness).toMatchObject({ fresh: false, pending: 1, pendingOf: 'scope' });
    await pipeline.start();
    await pipeline.rest();
    expect((await find(pipeline, 'eel')).hits).toMatchObject([{ path: 'a', commit: head, head, stale: false }]);
    expect((await find(pipeline, 'dog')).hits).toMatchObject([{ path: 'b', commit: before, head, stale: false }]);
  });

  it('counts what is pending in the scope of the question alone', async () => {
    const pipeline = await indexed({ 'docs/a': 'ant', 'src/b': 'bee' });
    pipeline.push({ 'docs/a': 'ant', 'src/b': 'bee cat' }, { announced: true });
    await planned(pipeline);
    expect((await find(pipeline, 'ant', { path: 'docs/**' })).freshness).toMatchObject({ fresh: true, pending: 0 });
    expect((await find(pipeline, 'ant', { path: 'src/**' })).freshness).toMatchObject({ fresh: false, pending: 1 });
    expect((await find(pipeline, 'ant', { ref: 'other' })).freshness).toMatchObject({ fresh: true, pending: 0 });
    expect((await find(pipeline, 'ant', { project: 'other' })).freshness).toMatchObject({ fresh: true, pending: 0 });
  });

  it('counts once for all who ask within a second, as long as the same stages have work', async () => {
    const pipeline = await indexed({ a: 'ant', b: 'bee' });
    pipeline.push({ a: 'ant eel', b: 'bee' }, { announced: true });
    await planned(pipeline);
    const page = vi.spyOn(pipeline.parts.state, 'page');
    const asked = () => page.mock.calls.filter(([table]) => table === 'wants').length;
    await find(pipeline, 'ant');
    const once = asked();
    expect(once).toBeGreaterThan(0);
    expect((await find(pipeline, 'bee')).freshness).toMatchObject({ fresh: false, pending: 1 });
    expect(asked()).toBe(once);
    await pipeline.parts.time.sleep(1_000, NEVER);
    await find(pipeline, 'ant');
    expect(asked()).toBeGreaterThan(once);
  });

  it('a file whose new version failed stays stale, although nothing is on its way', async () => {
    const pipeline = await indexed({ a: 'ant' });
    pipeline.push({ a: `ant ${POISON}` }, { announced: true });
    await pipeline.start();
    await pipeline.rest();
    const { hits, freshness } = await find(pipeline, 'ant');
    expect(hits).toMatchObject([{ path: 'a', stale: true }]);
    expect(freshness).toEqual(FRESH);
  });
});

describe('waiting until it is fresh', () => {
  it('brings a push that nobody has announced', async () => {
    const pipeline = await indexed({ a: 'ant' });
    await pipeline.start();
    pipeline.push({ a: 'eel' });
    expect(await untilFresh(pipeline.parts, {}, WAIT)).toMatchObject({ fresh: true, pending: 0 });
    expect((await find(pipeline, 'eel')).hits).toMatchObject([{ path: 'a', stale: false }]);
  });

  it('ends in time where nobody does the work, and says that it is not fresh', async () => {
    const pipeline = await indexed({ a: 'ant' });
    pipeline.push({ a: 'eel' }, { announced: true });
    await planned(pipeline);
    expect(await untilFresh(pipeline.parts, {}, { stop: NEVER, waitMs: 500 })).toMatchObject({ fresh: false });
    expect(await untilFresh(pipeline.parts, { path: 'other/**' }, { stop: NEVER, waitMs: 500 })).toMatchObject({
      pending: 0,
    });
  });
});
