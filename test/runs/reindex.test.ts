import { describe, expect, it } from 'vitest';
import { DeadLetter } from '../../src/errors.ts';
import { reindex, rollback } from '../../src/runs/reindex.ts';
import { readGenerations } from '../../src/state/generations.ts';
import type { PipelineOptions } from '../support/pipeline.ts';
import { chunker } from '../trials/sim/content.ts';
import { NAMES } from '../trials/sim/names.ts';
import { backfill, NEVER, pipelineOf } from './harness.ts';

const OLD = NAMES.generation('g1');
const NEW = NAMES.generation('g2');
const build = { name: NEW, dimensions: 4, acceptFailures: false };

/** Cuts by the words of the generation's name; the new one cannot cope with eels. */
const eelless: PipelineOptions['chunker'] = (generation) => {
  const { chunk, close } = chunker(generation);
  return {
    close,
    async chunk(path, text) {
      if (generation === NEW && text.content.includes('eel')) throw new DeadLetter('too_slippery', 'an eel');
      return chunk(path, text);
    },
  };
};

const indexed = async (files: Record<string, string>) => {
  const pipeline = pipelineOf({ chunker: eelless });
  pipeline.push(files);
  await pipeline.start();
  await backfill(pipeline);
  return pipeline;
};

describe('reindex', () => {
  it('moves the alias once the new generation has every document, and rollback moves it back at once', async () => {
    const { parts, store } = await indexed({ a: 'ant bee', b: 'cat' });
    expect(await reindex(parts, build, NEVER)).toBe('moved');
    expect(await store.active()).toBe(NEW);
    expect(await store.generation(NEW).counts()).toEqual({ documents: 2, points: 2 });
    expect(await rollback(parts)).toBe(OLD);
    expect(await store.active()).toBe(OLD);
  });

  it('ends, and leaves the alias, when more documents fail in the new generation; it moves when that is accepted', async () => {
    const { parts, store } = await indexed({ a: 'ant bee', d: 'eel' });
    expect(await reindex(parts, build, NEVER)).toEqual({ failed: 1, failedBefore: 0 });
    expect(await store.active()).toBe(OLD);
    expect((await readGenerations(parts))?.value).toMatchObject({ active: OLD, building: NEW });
    expect(await reindex(parts, { ...build, acceptFailures: true }, NEVER)).toBe('moved');
    expect(await store.active()).toBe(NEW);
  });
});
