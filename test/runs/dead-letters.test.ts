import { describe, expect, it } from 'vitest';
import type { Parts } from '../../src/parts.ts';
import { projectKey } from '../../src/records.ts';
import { deadLetterStats, listDeadLetters, showDeadLetter } from '../../src/runs/dead-letters.ts';
import { remedyOf } from '../../src/runs/remedies.ts';
import { discardDeadLetters, replayDeadLetters } from '../../src/runs/replay.ts';
import { keyOf, type Pipeline } from '../support/pipeline.ts';
import { POISON, TOXIC } from '../trials/sim/content.ts';
import { INSTANCE, NAMES } from '../trials/sim/names.ts';
import { backfill, gather, pipelineOf } from './harness.ts';

const letters = ({ parts }: Pipeline, filter = {}) => gather(listDeadLetters(parts, filter));

const NOTHING = { looks: 0, reinjected: 0, refused: 0, quarantined: 0 };

const poisoned = async () => {
  const pipeline = pipelineOf();
  pipeline.push({ a: POISON, 'd/e': 'ant', 'd/f': TOXIC });
  await pipeline.start();
  await backfill(pipeline);
  return pipeline;
};

describe('dead letters', () => {
  it('say what was set aside, where, and why', async () => {
    const pipeline = await poisoned();
    const rows = (await letters(pipeline)).sort((x, y) => ((x.path ?? '') < (y.path ?? '') ? -1 : 1));
    expect(rows).toMatchObject([
      {
        ...{ stage: 'convert', class: 'poison', document: 'sim/1/main/a', key: keyOf('a'), replays: 0 },
        ...{ topic: expect.stringContaining('.changes'), instance: 'sim', project: '1', ref: 'main', path: 'a' },
      },
      { stage: 'embed', class: 'refused', document: 'sim/1/main/d/f', topic: NAMES.topics.documents },
    ]);
    const [first] = rows;
    expect(first?.id).toBe(`${first?.topic}/${first?.partition}/${first?.offset}/convert`);
    expect(Date.parse(first?.at ?? '')).toBeGreaterThan(0);
  });

  it('are filtered by stage, class, project, path and time', async () => {
    const pipeline = await poisoned();
    const paths = async (filter: object) => (await letters(pipeline, filter)).map(({ path }) => path).sort();
    expect(await paths({ stage: 'embed' })).toEqual(['d/f']);
    expect(await paths({ class: 'poison' })).toEqual(['a']);
    expect(await paths({ path: 'd/**' })).toEqual(['d/f']);
    expect(await paths({ project: '1' })).toEqual(['a', 'd/f']);
    expect(await paths({ project: '2' })).toEqual([]);
    expect(await paths({ since: pipeline.time.now() + 1_000_000 })).toEqual([]);
  });

  it('that a crash has left twice are one', async () => {
    const pipeline = await poisoned();
    const before = await letters(pipeline);
    const records = pipeline.broker.topicOf(NAMES.topics.deadLetters).flatMap(({ records: all }) => all);
    pipeline.broker.append(NAMES.topics.deadLetters, records);
    expect(await letters(pipeline)).toEqual(before);
  });

  it('are shown one by one with the record and its headers', async () => {
    const pipeline = await poisoned();
    const [row] = await letters(pipeline, { path: 'a' });
    const shown = await showDeadLetter(pipeline.parts, row?.id ?? '');
    expect(shown).toMatchObject({ ...row, record: { document: keyOf('a'), blob: expect.any(String) } });
    expect(shown?.headers['x-flow']).toBe('collect');
    expect(Buffer.from(shown?.value ?? '', 'base64').toString()).toContain('"v":1');
    expect(await showDeadLetter(pipeline.parts, 'no such id')).toBeUndefined();
  });
});

describe('a replay', () => {
  it('plans anew what a record was about, and the old version stays until then', async () => {
    const pipeline = await poisoned();
    const seq = pipeline.want('a')?.seq ?? 0;
    expect(await replayDeadLetters(pipeline.parts, { path: 'a' })).toEqual({ ...NOTHING, looks: 1 });
    await expect.poll(() => pipeline.entry('a')?.seq).toBeGreaterThan(seq);
    expect(pipeline.entry('a')?.status).toBe('failed');
    expect(await letters(pipeline, { path: 'a' })).toMatchObject([{ state: 'open', replays: 1 }]);
    expect(await letters(pipeline, { path: 'a', resolved: true })).toMatchObject([{ state: 'replayed' }, {}]);
  });

  it('never brings back what is out of date: the newest version is planned', async () => {
    const pipeline = await poisoned();
    pipeline.push({ a: 'bee', 'd/e': 'ant', 'd/f': TOXIC }, { announced: true });
    await expect.poll(() => pipeline.entry('a')?.status).toBe('indexed');
    const { seq = 0, blob } = pipeline.entry('a') ?? {};
    await replayDeadLetters(pipeline.parts, {});
    await expect.poll(() => pipeline.entry('a')?.seq).toBeGreaterThan(seq);
    expect(pipeline.entry('a')).toMatchObject({ status: 'indexed', blob });
  });

  it('puts a record that did not parse back as it is, and counts', async () => {
    const pipeline = pipelineOf();
    await pipeline.start();
    const value = new TextEncoder().encode('{"v":2}');
    pipeline.broker.append(NAMES.topics.changes, [{ key: keyOf('a'), value, headers: { trace: 't' } }]);
    await expect.poll(() => letters(pipeline)).toMatchObject([{ stage: 'parse', class: 'unreadable', replays: 0 }]);
    for (const replays of [1, 2]) {
      const [newest] = (await letters(pipeline)).slice(-1);
      const filter = { ids: [newest?.id ?? ''] };
      expect(await replayDeadLetters(pipeline.parts, filter)).toEqual({ ...NOTHING, reinjected: 1 });
      await expect.poll(async () => (await letters(pipeline)).at(-1)?.replays).toBe(replays);
    }
    const records = pipeline.broker.topicOf(NAMES.topics.changes).flatMap(({ records: all }) => all);
    expect(records.map(({ headers }) => headers)).toEqual([
      { trace: 't' },
      { trace: 't', 'x-replays': '1' },
      { trace: 't', 'x-replays': '2' },
    ]);
    expect(records.every((record) => Buffer.from(record.value ?? []).equals(Buffer.from(value)))).toBe(true);
  });

  it('of an event looks at its branch again', async () => {
    const pipeline = pipelineOf();
    pipeline.push({ a: 'ant' });
    await pipeline.start();
    const event = { v: 1, id: 'e', kind: 'look', instance: INSTANCE, project: '1', ref: 'main', runs: [], at: 1 };
    const headers = { 'x-id': 'e/0/0/compare', 'x-stage': 'compare', 'x-class': 'unknown', 'x-at': '1' };
    const origin = { 'x-original-topic': NAMES.topics.events, 'x-original-partition': '0', 'x-original-offset': '0' };
    const value = new TextEncoder().encode(JSON.stringify(event));
    const project = projectKey({ instance: INSTANCE, project: '1' });
    pipeline.broker.append(NAMES.topics.deadLetters, [
      { key: project, value, headers: { ...headers, ...origin } },
      { key: project, value: null, headers: { ...headers, ...origin, 'x-id': 'large' } },
    ]);
    expect(await letters(pipeline)).toMatchObject([{ document: null, path: null, project: '1' }, { id: 'large' }]);
    expect(await replayDeadLetters(pipeline.parts, {})).toEqual({ ...NOTHING, looks: 1, refused: 1 });
    await expect.poll(() => pipeline.entry('a')?.status).toBe('indexed');
  });
});

describe('what becomes of dead letters', () => {
  it('is counted by state, class and project', async () => {
    const pipeline = await poisoned();
    await discardDeadLetters(pipeline.parts, { path: 'a' });
    expect(await deadLetterStats(pipeline.parts, { resolved: true })).toEqual({
      total: 2,
      byState: { discarded: 1, open: 1 },
      byClass: { 'convert/poison': 1, 'embed/refused': 1 },
      remedies: { poison: remedyOf('poison'), refused: remedyOf('refused') },
      byProject: { 'sim/1': 2 },
      oldest: expect.any(String),
      newest: expect.any(String),
    });
    expect(await deadLetterStats(pipeline.parts, {})).toMatchObject({ total: 1, byClass: { 'embed/refused': 1 } });
  });

  it('is found by the run that it belongs to', async () => {
    const pipeline = await poisoned();
    const run = pipeline.entry('d/e')?.run ?? '';
    expect(run).not.toBe('');
    expect(await letters(pipeline, { run })).toHaveLength(2);
    expect(await letters(pipeline, { run: 'another' })).toEqual([]);
  });

  it('is nothing in a dry run, and no more than was asked for', async () => {
    const pipeline = await poisoned();
    const before = await letters(pipeline);
    expect(await replayDeadLetters(pipeline.parts, {}, { dryRun: true })).toEqual({ ...NOTHING, looks: 2 });
    expect(await discardDeadLetters(pipeline.parts, {}, { dryRun: true })).toEqual({ discarded: 2 });
    expect(await letters(pipeline)).toEqual(before);
    expect(await discardDeadLetters(pipeline.parts, {}, { max: 1 })).toEqual({ discarded: 1 });
    expect(await letters(pipeline)).toHaveLength(1);
    expect(await discardDeadLetters(pipeline.parts, {})).toEqual({ discarded: 1 });
    expect(await letters(pipeline)).toEqual([]);
  });

  it('is quarantine when they come back again and again, until somebody insists', async () => {
    const pipeline = await poisoned();
    const replay = async (how = {}) => {
      const { looks } = await replayDeadLetters(pipeline.parts, { path: 'a' }, how);
      const seq = pipeline.entry('a')?.seq ?? 0;
      if (looks > 0) await expect.poll(() => pipeline.entry('a')?.seq).toBeGreaterThan(seq);
      return looks;
    };
    for (let time = 0; time < 3; time += 1) expect(await replay()).toBe(1);
    expect(await letters(pipeline, { path: 'a' })).toMatchObject([{ state: 'quarantined', replays: 3 }]);
    expect(await replay()).toBe(0);
    expect(await replay({ quarantined: true })).toBe(1);
  });

  it('is not lost with whoever was interrupted: the next one goes on with the rest', async () => {
    const pipeline = await poisoned();
    const { parts } = pipeline;
    let appends = 0;
    const dying: Parts = {
      ...parts,
      log: {
        ...parts.log,
        async append(topic, records) {
          appends += 1;
          if (appends > 1) throw new Error('killed');
          await parts.log.append(topic, records);
        },
      },
    };
    const ids = (await letters(pipeline)).map(({ id }) => id);
    const states = async () => (await letters(pipeline, { ids })).map(({ state }) => state).sort();
    await expect(replayDeadLetters(dying, {}, { rate: 1 })).rejects.toThrow('killed');
    expect(await states()).toEqual(['open', 'replayed']);
    await replayDeadLetters(parts, {});
    expect(await states()).toEqual(['replayed', 'replayed']);
  });
});
