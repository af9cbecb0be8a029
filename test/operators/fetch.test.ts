import { firstValueFrom, of } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { BlockProject, DeadLetter, TryAgain } from '../../src/errors.ts';
import { blobBytes, fetch } from '../../src/operators/fetch.ts';
import { superseded } from '../../src/operators/stage.ts';
import type { RepoSource, TreeEntry } from '../../src/ports.ts';
import type { Change } from '../../src/records.ts';
import { lent, taken } from '../support/lent.ts';
import { keyOf, MAIN, memoryParts } from '../support/memory-parts.ts';
import { INSTANCE, NAMES } from '../trials/sim/names.ts';
import { blobOf } from '../trials/sim/repository.ts';

const change = (path: string, content: string, of: Partial<Change> = {}): Change => ({
  ...{ v: 1, document: keyOf(path), type: '100644', blob: blobOf(content), size: content.length },
  ...{ rules: 'r1', seq: 3, runs: [], commit: 'c' },
  ...of,
});

const bench = async (wrap: (source: RepoSource) => Partial<RepoSource> = () => ({})) => {
  const memory = await memoryParts();
  const asked: (readonly TreeEntry[])[] = [];
  const known = memory.parts.sources.get(INSTANCE);
  if (!known) throw new Error('no source');
  const port: RepoSource = {
    ...known.port,
    blobs(project, entries) {
      asked.push(entries);
      return known.port.blobs(project, entries);
    },
    ...wrap(known.port),
  };
  const parts = { ...memory.parts, sources: new Map([[INSTANCE, { ...known, port }]]) };
  const step = fetch(parts);
  const run = (one: Change) => memory.time.finish(firstValueFrom(of(one).pipe(step)));
  return { ...memory, parts, asked, step, run };
};

const textOf = (fetched: object) =>
  'bytes' in fetched ? new TextDecoder().decode(fetched.bytes as Uint8Array) : fetched;

describe('fetching', () => {
  it('gives the bytes of the blob', async () => {
    const { run, push } = await bench();
    push({ 'a.md': 'ant bee' });
    const one = change('a.md', 'ant bee');
    expect(textOf(await run(one))).toBe('ant bee');
  });

  it('asks for blobs of one project together', async () => {
    const { step, push, asked, time } = await bench();
    push({ 'a.md': 'ant', 'b.md': 'bee', 'c.md': 'cat' });
    const work = ['ant', 'bee', 'cat'].map((word) => firstValueFrom(of(change(`${word[0]}.md`, word)).pipe(step)));
    const fetched = await time.finish(Promise.all(work));
    expect(fetched.map(textOf)).toEqual(['ant', 'bee', 'cat']);
    expect(asked.map((entries) => entries.map(({ path }) => path))).toEqual([['a.md', 'b.md', 'c.md']]);
  });

  it.each([
    ['a deletion', change('a.md', '', { blob: null }), { gone: true }],
    ['a symlink', change('a.md', 'x', { type: '120000' }), { skip: 'symlink' }],
    ['a submodule', change('a.md', 'x', { type: '160000' }), { skip: 'submodule' }],
    ['a file that is too large', change('a.md', 'x', { size: 1_001 }), { skip: 'too_large' }],
  ])('asks nobody about %s', async (_, one, result) => {
    const { run, asked } = await bench();
    expect(await run(one)).toEqual({ change: one, ...result });
    expect(asked).toEqual([]);
  });

  it('tries again while the source does not answer', async () => {
    let failures = 3;
    const { run, push } = await bench((source) => ({
      blobs(project, entries) {
        failures -= 1;
        if (failures >= 0) throw new TryAgain('503');
        return source.blobs(project, entries);
      },
    }));
    push({ 'a.md': 'ant' });
    expect(textOf(await run(change('a.md', 'ant')))).toBe('ant');
    expect(failures).toBe(-1);
  });

  it('blocks a project whose instance nobody knows', async () => {
    const { run } = await bench();
    const one = change('a.md', 'ant', { document: keyOf('a.md', { ...MAIN, instance: 'elsewhere' }) });
    await expect(run(one)).rejects.toBeInstanceOf(BlockProject);
  });
});

describe('a blob that is not there', () => {
  const events = NAMES.topics.events;

  it('has its path looked at again, the first time', async () => {
    const { run, written, state } = await bench();
    expect(await run(change('a.md', 'lost'))).toEqual(superseded('missing blob'));
    expect(written(events)).toMatchObject([{ kind: 'look', ...MAIN, paths: ['a.md'] }]);
    expect(state.inspectOne('missing', keyOf('a.md'))).toMatchObject({ seq: 3, value: { blob: blobOf('lost') } });
  });

  it('is poison when a later plan still wants it', async () => {
    const { run, written } = await bench();
    await run(change('a.md', 'lost'));
    const again = run(change('a.md', 'lost', { seq: 4 }));
    await expect(again).rejects.toBeInstanceOf(DeadLetter);
    await expect(again).rejects.toMatchObject({ kind: 'missing_blob' });
    expect(written(events)).toHaveLength(1);
  });

  it('is no poison when the very same change comes a second time', async () => {
    const { run, written } = await bench();
    await run(change('a.md', 'lost'));
    expect(await run(change('a.md', 'lost'))).toEqual(superseded('missing blob'));
    expect(written(events)).toHaveLength(2);
  });

  it('is looked at anew when another blob of the document is missing, or that of another one', async () => {
    const { run, written } = await bench();
    await run(change('a.md', 'lost'));
    expect(await run(change('a.md', 'also lost', { seq: 4 }))).toEqual(superseded('missing blob'));
    expect(await run(change('b.md', 'lost', { seq: 5 }))).toEqual(superseded('missing blob'));
    expect(written(events)).toHaveLength(3);
  });
});

describe('the bytes that a change holds', () => {
  const bytes = blobBytes({ fileBytes: 1_000 } as Parameters<typeof blobBytes>[0]);

  it('are those of its blob, and a share of what it may have when nobody knows', () => {
    expect(bytes(taken(change('a.md', 'ant')))).toBe(3);
    const { size: _, ...unsized } = change('a.md', 'ant');
    expect(bytes(taken(unsized))).toBe(Math.ceil(1_000 / 16));
  });

  it('are none where no blob is fetched', () => {
    for (const one of [
      change('a.md', 'x', { blob: null }),
      change('a.md', 'x', { type: '120000' }),
      change('a.md', 'x', { size: 1_001 }),
    ])
      expect(bytes(taken(one))).toBe(0);
    expect(bytes({ delivery: lent(), record: null })).toBe(0);
    expect(bytes({ delivery: lent(), record: new DeadLetter('unreadable', '?') })).toBe(0);
  });
});
