import { describe, expect, it } from 'vitest';
import type { Difference } from '../../src/runs/differences.ts';
import { verify } from '../../src/runs/verify.ts';
import { keyOf, type Pipeline } from '../support/pipeline.ts';
import { BINARY, POISON } from '../trials/sim/content.ts';
import { NAMES } from '../trials/sim/names.ts';
import { backfill, NEVER, pipelineOf } from './harness.ts';

const GENERATION = NAMES.generation('g1');

const verified = async ({ parts }: Pipeline, repair = false) => {
  const differences: Difference[] = [];
  const onDifference = (difference: Difference) => {
    differences.push(difference);
  };
  return { ...(await verify(parts, { onDifference, repair, stop: NEVER })), found: differences };
};
const kinds = async (pipeline: Pipeline) =>
  (await verified(pipeline)).found.map(({ kind, document }) => `${kind} ${document}`).sort();

const FILES = { a: 'ant bee', b: 'cat', c: BINARY, d: POISON, 'd/e': 'eel' };

/** In step, and then with nothing running that would mend what the test breaks. */
const inStep = async () => {
  const pipeline = pipelineOf();
  pipeline.push(FILES);
  const service = await pipeline.start();
  await backfill(pipeline);
  await pipeline.rest();
  await service.stop();
  return pipeline;
};

const contents = ({ store }: Pipeline) => {
  const found = store.inspect(GENERATION);
  if (!found) throw new Error('there is no generation');
  return found;
};

describe('verify', () => {
  it('finds no difference in an index that is in step, poison and all', async () => {
    const pipeline = await inStep();
    expect(await verified(pipeline)).toEqual({ documents: 5, differences: 0, status: 'same', found: [] });
  });

  it('finds what the tree has and nobody wants, and what is wanted and the tree lacks', async () => {
    const pipeline = await inStep();
    const { b: _, ...rest } = FILES;
    pipeline.push({ ...rest, a: 'fox', f: 'fox' });
    expect(await kinds(pipeline)).toEqual([
      'not_in_tree sim/1/main/b',
      'not_wanted sim/1/main/f',
      'other_want sim/1/main/a',
    ]);
  });

  it('finds what a deleted branch has left', async () => {
    const pipeline = await inStep();
    pipeline.push(undefined);
    expect((await kinds(pipeline)).every((found) => found.startsWith('not_in_tree'))).toBe(true);
  });

  it('finds what was planned by other rules, and what they exclude', async () => {
    const pipeline = await inStep();
    pipeline.setRules('r2');
    expect((await kinds(pipeline)).length).toBe(5);
    expect((await verified(pipeline)).found[0]).toMatchObject({ kind: 'other_rules', expected: 'r2', found: 'r1' });
  });

  it('finds entries that are missing, wrong, or wanted by nobody', async () => {
    const pipeline = await inStep();
    const { ledger } = contents(pipeline);
    ledger.delete(keyOf('c'));
    const entry = ledger.get(keyOf('d'));
    if (entry) {
      ledger.set(keyOf('d'), { ...entry, blob: 'another' });
      ledger.set(keyOf('x'), { ...entry, document: keyOf('x') });
    }
    expect(await kinds(pipeline)).toEqual([
      'other_entry sim/1/main/d',
      'pending sim/1/main/c',
      'unwanted_entry sim/1/main/x',
    ]);
  });

  it('finds points that are missing, and points that nobody names', async () => {
    const pipeline = await inStep();
    const { points } = contents(pipeline);
    for (const point of points.values()) {
      if (point.document === keyOf('b')) points.delete(point.id);
      if (point.document !== keyOf('d/e')) continue;
      points.set('stray', { ...point, id: 'stray' });
      points.set('lost', { ...point, id: 'lost', document: keyOf('never') });
    }
    expect((await verified(pipeline)).found.sort((x, y) => (x.document < y.document ? -1 : 1))).toEqual([
      { kind: 'missing_points', document: 'sim/1/main/b', expected: 1, found: 0 },
      { kind: 'stray_points', document: 'sim/1/main/d/e', expected: 1, found: 2 },
      { kind: 'stray_points', document: 'sim/1/main/never', expected: 0, found: 1 },
    ]);
  });

  it('says which project could not be compared, and asks for no change of it', async () => {
    const pipeline = await inStep();
    pipeline.repositories.blocked.add('1');
    const { found, status } = await verified(pipeline, true);
    expect(status).toBe('different');
    expect(found).toMatchObject([{ kind: 'refused_project', document: 'sim/1' }]);
  });

  it('files what mends whatever it found', async () => {
    const pipeline = await inStep();
    const { points, ledger } = contents(pipeline);
    for (const point of points.values()) {
      if (point.document === keyOf('b')) points.delete(point.id);
      if (point.document === keyOf('d/e')) points.set('lost', { ...point, id: 'lost', document: keyOf('never') });
      if (point.document === keyOf('d/e')) points.set('stray', { ...point, id: 'stray' });
    }
    ledger.delete(keyOf('c'));
    pipeline.push({ ...FILES, f: 'fox' });
    expect((await verified(pipeline, true)).differences).toBe(5);
    await pipeline.start();
    await pipeline.rest();
    expect(await verified(pipeline)).toMatchObject({ documents: 6, differences: 0 });
    expect(points.has('lost')).toBe(false);
    expect(points.has('stray')).toBe(false);
  });

  it('takes what is on its way for no difference', async () => {
    const pipeline = await inStep();
    await pipeline.start();
    let round = 0;
    const pushing = setInterval(() => {
      round += 1;
      pipeline.push({ ...FILES, a: `ant ${round}` }, { announced: true });
    }, 40);
    try {
      for (let times = 0; times < 3; times += 1) {
        const { found } = await verified(pipeline);
        // A push may come in between the two looks of the second comparison.
        expect(found.filter(({ document }) => document !== 'sim/1/main/a')).toEqual([]);
      }
    } finally {
      clearInterval(pushing);
    }
    await pipeline.rest();
    expect((await verified(pipeline)).found).toEqual([]);
  });

  it('says so when there is nothing to verify', async () => {
    const pipeline = pipelineOf();
    await expect(verified(pipeline)).rejects.toThrow(/nothing was indexed/);
  });
});
