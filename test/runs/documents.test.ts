import { describe, expect, it } from 'vitest';
import { listDocuments, showDocument } from '../../src/runs/documents.ts';
import { BINARY, POISON } from '../trials/sim/content.ts';
import { blobOf } from '../trials/sim/repository.ts';
import { backfill, gather, pipelineOf } from './harness.ts';

const ODD = 'd/caf\udce9';

describe('documents', () => {
  it('are the live entries, with why and by which run', async () => {
    const pipeline = pipelineOf();
    pipeline.push({ a: 'ant bee', b: BINARY, c: POISON, d: 'dog' });
    await pipeline.start();
    const { run } = await backfill(pipeline);
    pipeline.push({ a: 'ant bee', b: BINARY, c: POISON }, { announced: true });
    await pipeline.rest();
    const rows = await gather(listDocuments(pipeline.parts));
    const common = { instance: 'sim', project: '1', ref: 'main', run };
    expect(rows).toMatchObject([
      { ...common, path: 'a', status: 'indexed', reason: '', blob: blobOf('ant bee'), chunks: 2 },
      { ...common, path: 'b', status: 'skipped', reason: 'binary', chunks: 0 },
      { ...common, path: 'c', status: 'failed', reason: expect.stringContaining('poison'), chunks: 0 },
    ]);
    expect(Date.parse(rows[0]?.at ?? '')).toBeGreaterThan(0);
    expect(rows[0]?.seq).toBe(pipeline.want('a')?.seq);
  });

  it('name no run when a push brought them', async () => {
    const pipeline = pipelineOf();
    await pipeline.start();
    pipeline.push({ a: 'ant' }, { announced: true });
    await expect.poll(() => pipeline.entry('a')?.status).toBe('indexed');
    expect(await gather(listDocuments(pipeline.parts))).toMatchObject([{ path: 'a', run: null }]);
  });

  it('are filtered by project, branch, path and status', async () => {
    const pipeline = pipelineOf();
    pipeline.push({ a: 'ant', 'd/e': 'eel', 'd/f': BINARY });
    pipeline.push({ a: 'bee' }, { ref: 'dev' });
    pipeline.push({ a: 'cat' }, { project: '2' });
    await pipeline.start();
    await backfill(pipeline);
    await pipeline.rest();
    const list = async (filter: Parameters<typeof listDocuments>[1]) =>
      (await gather(listDocuments(pipeline.parts, filter))).map(
        ({ project, ref, path }) => `${project}:${ref}:${path}`,
      );
    expect(await list({ project: '2' })).toEqual(['2:main:a']);
    expect(await list({ ref: 'dev' })).toEqual(['1:dev:a']);
    expect(await list({ path: 'd/' })).toEqual(['1:main:d/e', '1:main:d/f']);
    expect(await list({ path: 'd/*', status: 'skipped' })).toEqual(['1:main:d/f']);
    expect(await list({ project: 'nobody' })).toEqual([]);
  });

  it('whose path is not UTF-8 come with their bytes', async () => {
    const pipeline = pipelineOf();
    pipeline.push({ [ODD]: 'ant' });
    await pipeline.start();
    await backfill(pipeline);
    const bytes = Buffer.from('d/caf\xe9', 'latin1').toString('base64');
    expect(await gather(listDocuments(pipeline.parts))).toMatchObject([{ path: 'd/caf\ufffd', pathBytes: bytes }]);
    expect(await showDocument(pipeline.parts, ODD)).toMatchObject([{ pathBytes: bytes, status: 'indexed' }]);
  });

  it('are none before anything was indexed', async () => {
    const pipeline = pipelineOf();
    expect(await gather(listDocuments(pipeline.parts))).toEqual([]);
    expect(await showDocument(pipeline.parts, 'a')).toEqual([]);
  });
});

describe('one document', () => {
  it('is shown with its chunks in the order of the text', async () => {
    const pipeline = pipelineOf();
    pipeline.push({ a: 'dog ant dog cat' });
    await pipeline.start();
    await backfill(pipeline);
    const [shown, ...others] = await showDocument(pipeline.parts, 'a');
    expect(others).toEqual([]);
    expect(shown?.chunkList.map(({ text, startLine }) => [text, startLine])).toEqual([
      ['dog', 1],
      ['ant', 2],
      ['dog', 3],
      ['cat', 4],
    ]);
    expect(new Set(shown?.chunkList.map(({ id }) => id)).size).toBe(4);
    expect(shown?.chunkList[0]).toMatchObject({ heading: [], endLine: 1 });
  });

  it('is shown for each branch and project that has it, or for the one that is asked for', async () => {
    const pipeline = pipelineOf();
    pipeline.push({ a: 'ant' });
    pipeline.push({ a: 'bee' }, { ref: 'dev' });
    pipeline.push({ a: 'cat' }, { project: '2' });
    await pipeline.start();
    await backfill(pipeline);
    const texts = async (of: Parameters<typeof showDocument>[2]) =>
      (await showDocument(pipeline.parts, 'a', of))
        .flatMap(({ chunkList }) => chunkList.map(({ text }) => text))
        .sort();
    expect(await texts({})).toEqual(['ant', 'bee', 'cat']);
    expect(await texts({ project: '1', ref: 'dev' })).toEqual(['bee']);
    expect(await showDocument(pipeline.parts, 'b')).toEqual([]);
  });
});
