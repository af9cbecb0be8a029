/** Pipelines that the test closes, and short words for what tests of runs do. */
import { afterEach, expect } from 'vitest';
import type { Parts } from '../../src/parts.ts';
import type { Report } from '../../src/records.ts';
import { followRun, type Progress, startRun } from '../../src/runs/backfill.ts';
import { makePipeline, type Pipeline, type PipelineOptions } from '../support/pipeline.ts';

export const NEVER = new AbortController().signal;

const pipelines: Pipeline[] = [];
export const pipelineOf = (options: PipelineOptions = {}): Pipeline => {
  const pipeline = makePipeline(options);
  pipelines.push(pipeline);
  return pipeline;
};
afterEach(async () => {
  for (const pipeline of pipelines.splice(0)) await pipeline.close();
});

export const follow = async (
  parts: Parts,
  id: string,
  seen: (progress: Progress) => void = () => {},
): Promise<Report> => {
  const followed = await followRun(parts, id, seen, NEVER);
  if (followed.is !== 'ended') throw new Error(`the run did not end: ${JSON.stringify(followed)}`);
  const { report } = followed;
  expect(report.planned).toBe(report.indexed + report.skipped + report.deleted + report.failed + report.superseded);
  return report;
};

export const backfill = async ({ parts }: Pipeline, ...scope: string[]): Promise<Report> => {
  const { run } = await startRun(parts, scope);
  return follow(parts, run.id);
};

export const gather = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
};
