import { expect, it } from 'vitest';
import { BudgetSpent } from '../../src/errors.ts';
import { withinBudget } from '../../src/pipeline/budget.ts';
import type { Embedder } from '../../src/ports.ts';
import { estimateOf } from '../../src/runs/estimate.ts';
import { DAY } from '../../src/units.ts';
import { fakeTime } from '../support/fake-time.ts';
import { memoryState } from '../support/memory-state.ts';
import { embedder } from '../trials/sim/content.ts';
import { NAMES } from '../trials/sim/names.ts';
import { backfill, pipelineOf } from './harness.ts';

const FREE = { generation: NAMES.generation('g1'), price: { currency: 'USD', perMillionTokens: 0 } };

it('an estimate counts what a backfill would do, and does nothing', async () => {
  const pipeline = pipelineOf();
  await pipeline.adopt();
  pipeline.push({ a: 'ant bee', b: 'cat', c: 'binary' });
  expect(await estimateOf(pipeline.parts, [], FREE)).toMatchObject({
    ...{ files: 3, unchanged: 0, sampled: 3, chunks: 3, tokens: 3 },
    cost: { amount: 0, currency: 'USD' },
  });
  expect(pipeline.want('a')).toBeUndefined();
  await pipeline.start();
  expect(await backfill(pipeline)).toMatchObject({ planned: 3, embedded: 3 });
  await pipeline.rest();
  expect(await estimateOf(pipeline.parts, [], FREE)).toMatchObject({ files: 0, unchanged: 3, chunks: 0, seconds: 0 });
  pipeline.push({ a: 'ant bee', b: 'dog ant', c: 'binary' });
  const { files, unchanged, chunks } = await estimateOf(pipeline.parts, [], FREE);
  // The vector of `ant` is there already.
  expect({ files, unchanged, chunks }).toEqual({ files: 1, unchanged: 2, chunks: 1 });
});

it('an estimate of what costs something tries nothing out, and names the price', async () => {
  const pipeline = pipelineOf();
  await pipeline.adopt();
  pipeline.push({ a: 'ant bee' });
  const price = { currency: 'EUR', perMillionTokens: 500_000 };
  const shape = await pipeline.parts.shape(FREE.generation);
  const refusing: Embedder = { ...shape.embedder, embed: () => Promise.reject(new Error('embedded after all')) };
  const parts = { ...pipeline.parts, shape: async () => ({ ...shape, embedder: refusing }) };
  expect(await estimateOf(parts, [], { ...FREE, price })).toMatchObject({
    seconds: null,
    cost: { amount: 1, currency: 'EUR' },
  });
});

it('a large tree is told from a sample, about right', async () => {
  const pipeline = pipelineOf({ pageSize: 100 });
  await pipeline.adopt();
  pipeline.push(Object.fromEntries(Array.from({ length: 1_000 }, (_, at) => [`f${at}`, `ant${at} bee${at}`])));
  expect(await estimateOf(pipeline.parts, [], FREE)).toMatchObject({ files: 1_000, sampled: 200, chunks: 2_000 });
});

it('a budget holds for a day, over all who embed, and questions are answered beyond it', async () => {
  const time = fakeTime();
  const state = memoryState();
  const one = withinBudget(embedder(), { tokens: 5, state, time });
  const other = withinBudget(embedder(), { tokens: 5, state, time });
  await one.embed(['ant bee', 'cat'], 'passage');
  await expect(other.embed(['ant bee cat'], 'passage')).rejects.toThrow(BudgetSpent);
  expect(await other.embed(['ant bee'], 'passage')).toHaveLength(1);
  await expect(one.embed(['ant'], 'passage')).rejects.toThrow(/limits\.budget\.tokens/);
  expect(await one.embed(['how many ants'], 'query')).toHaveLength(1);
  const tomorrow = { ...time, now: () => time.now() + DAY };
  expect(await withinBudget(embedder(), { tokens: 5, state, time: tomorrow }).embed(['ant'], 'passage')).toHaveLength(
    1,
  );
});
