import { firstValueFrom, of } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { DeadLetter } from '../../src/errors.ts';
import { apply, clean, recordFailure, unreached } from '../../src/operators/apply.ts';
import type { Embedded } from '../../src/operators/embed.ts';
import { done, skipped, superseded } from '../../src/operators/stage.ts';
import type { Generation, Point } from '../../src/ports.ts';
import type { DocumentRecord } from '../../src/records.ts';
import { lent, taken } from '../support/lent.ts';
import { entryOf, keyOf, memoryParts } from '../support/memory-parts.ts';

const document = keyOf('a.md');
const base = { v: 1 as const, document, blob: 'b2', rules: 'r1', commit: 'c2' };
const text = { content: 'ant', mediaType: 'text/plain', language: 'text' };
const textOf = (seq: number): DocumentRecord => ({ ...base, seq, is: 'text', text });
const failure = { stage: 'convert', class: 'poison', message: 'bad bytes' };

const point = (id: string, seq: number, of: Partial<Point> = {}): Point => ({
  ...{ id, document, seq, text: id, embed: id, heading: [], startLine: 1, endLine: 1, commit: `c${seq}` },
  ...{ hash: `hash of ${id}`, language: 'text', vector: Float32Array.of(1, 0, 0, 0) },
  ...of,
});

const embedded = (seq: number, ...ids: string[]): Embedded => ({
  record: textOf(seq),
  points: ids.map((id) => point(id, seq)),
  embedded: 1,
  reused: 2,
});

/** A generation in memory that writes down what is called, and lets another writer act before a call. */
const bench = async () => {
  const memory = await memoryParts();
  const { generation } = memory;
  const calls: string[] = [];
  const before: Partial<Record<keyof Generation, () => Promise<unknown>>> = {};
  const recording = Object.fromEntries(
    Object.entries(generation).map(([name, call]) => [
      name,
      async (...args: unknown[]) => {
        const meanwhile = before[name as keyof Generation];
        delete before[name as keyof Generation];
        await meanwhile?.();
        calls.push(name);
        return Reflect.apply(call, generation, args);
      },
    ]),
  ) as unknown as Generation;
  const stored = () => memory.points().map(({ id, seq }) => `${id}@${seq}`);
  const run = (one: Embedded) => firstValueFrom(of(one).pipe(apply(memory.parts, recording)));
  return { ...memory, recording, calls, before, stored, run };
};

describe('applying a text', () => {
  it('raises what stays, then looks what is there, then writes what is missing, then the ledger', async () => {
    const { run, calls, generation, stored, entry, time } = await bench();
    await generation.upsert([point('stays', 1), point('goes', 1)]);
    expect(await run(embedded(2, 'stays', 'new'))).toEqual(done);
    expect(calls).toEqual(['raise', 'present', 'upsert', 'record']);
    expect(stored()).toEqual(['stays@2', 'goes@1', 'new@2']);
    expect(entry('a.md')).toEqual({
      ...{ document, seq: 2, status: 'indexed', reason: '', blob: 'b2', indexedBlob: 'b2', rules: 'r1' },
      ...{ chunks: ['stays', 'new'], embedded: 1, reused: 2, commit: 'c2', at: time.now() },
    });
  });

  it('writes nothing that is there, and sends no vector of it', async () => {
    const { run, calls, generation, points } = await bench();
    await generation.upsert([point('one', 1), point('two', 1)]);
    const moved = embedded(2, 'one', 'two');
    await run({ ...moved, points: moved.points.map((one) => ({ ...one, startLine: 9, endLine: 12 })) });
    expect(calls).toEqual(['raise', 'present', 'record']);
    expect(points().map(({ startLine, endLine, commit }) => [startLine, endLine, commit])).toEqual([
      [9, 12, 'c2'],
      [9, 12, 'c2'],
    ]);
  });

  it('has points of both versions until the ledger says otherwise', async () => {
    const { run, before, generation, stored, entry } = await bench();
    await generation.upsert([point('old', 1)]);
    await generation.record(entryOf({ document, chunks: ['old'] }), 'lower');
    before.record = async () => {
      expect(stored()).toEqual(['old@1', 'new@2']);
      expect(entry('a.md')?.chunks).toEqual(['old']);
    };
    await run(embedded(2, 'new'));
    expect(entry('a.md')?.chunks).toEqual(['new']);
    expect(before.record).toBeUndefined();
  });

  it('writes again what another writer swept away before it had raised it', async () => {
    const { run, before, generation, stored } = await bench();
    await generation.upsert([point('stays', 1)]);
    before.raise = () => generation.prune(document, 1, []);
    await run(embedded(2, 'stays'));
    expect(stored()).toEqual(['stays@2']);
  });

  it('is superseded by a newer version that has come in between, and leaves its points alone', async () => {
    const { run, before, generation, stored, entry } = await bench();
    before.record = async () => {
      await generation.upsert([point('newer', 3), point('shared', 3)]);
      await generation.record(entryOf({ document, seq: 3, chunks: ['newer', 'shared'] }), 'lower');
    };
    expect(await run(embedded(2, 'mine', 'shared'))).toEqual(superseded('a newer version is in the ledger'));
    expect(entry('a.md')?.seq).toBe(3);
    expect(stored()).toEqual(['mine@2', 'shared@3', 'newer@3']);
  });

  it('done twice is done once', async () => {
    const { run, stored, entry } = await bench();
    await run(embedded(2, 'one'));
    const first = entry('a.md');
    expect(await run(embedded(2, 'one'))).toEqual(done);
    expect(entry('a.md')).toEqual(first);
    expect(stored()).toEqual(['one@2']);
  });
});

describe('applying what is no text', () => {
  it('records a skip with its reason, and no points', async () => {
    const { run, calls, entry } = await bench();
    const record: DocumentRecord = { ...base, seq: 2, is: 'skipped', reason: 'binary' };
    expect(await run({ record, points: [], embedded: 0, reused: 0 })).toEqual(skipped('binary'));
    expect(calls).toEqual(['record']);
    expect(entry('a.md')).toMatchObject({
      status: 'skipped',
      reason: 'binary',
      blob: 'b2',
      indexedBlob: null,
      chunks: [],
    });
  });

  it('records a deletion', async () => {
    const { run, entry } = await bench();
    const record: DocumentRecord = { ...base, blob: null, seq: 2, is: 'gone' };
    expect(await run({ record, points: [], embedded: 0, reused: 0 })).toEqual(done);
    expect(entry('a.md')).toMatchObject({ status: 'gone', blob: null, indexedBlob: null, chunks: [] });
  });

  it('records a failure over the version that stays', async () => {
    const { run, generation, stored, entry } = await bench();
    await generation.upsert([point('old', 1)]);
    await generation.record(entryOf({ document, blob: 'b1', indexedBlob: 'b1', chunks: ['old'] }), 'lower');
    const record: DocumentRecord = { ...base, seq: 2, is: 'failed', failure };
    expect(await run({ record, points: [], embedded: 0, reused: 0 })).toEqual(done);
    expect(entry('a.md')).toMatchObject({
      ...{ seq: 2, status: 'failed', reason: 'poison: bad bytes', blob: 'b2', indexedBlob: 'b1', chunks: ['old'] },
    });
    expect(stored()).toEqual(['old@1']);
  });
});

describe('a failure', () => {
  it('keeps the chunks of exactly the entry that it stands over', async () => {
    const { parts, recording, before, generation, calls, entry } = await bench();
    await generation.record(entryOf({ document, seq: 1, chunks: ['first'] }), 'lower');
    // Another version is recorded between the reading and the writing.
    before.record = () => generation.record(entryOf({ document, seq: 2, chunks: ['second'] }), 'lower');
    await recordFailure(parts, recording)(textOf(3), failure);
    expect(entry('a.md')).toMatchObject({ seq: 3, status: 'failed', chunks: ['second'] });
    expect(calls).toEqual(['ledger', 'record', 'ledger', 'record']);
  });

  it('of a document that nothing is known of has no chunks', async () => {
    const { parts, recording, entry } = await bench();
    await recordFailure(parts, recording)(textOf(3), failure);
    expect(entry('a.md')).toMatchObject({ seq: 3, status: 'failed', indexedBlob: null, chunks: [] });
  });

  it.each([3, 4])('leaves an entry of seq %d alone when its own is 3', async (seq) => {
    const { parts, recording, generation, calls, entry } = await bench();
    const standing = entryOf({ document, seq, chunks: ['x'] });
    await generation.record(standing, 'lower');
    await recordFailure(parts, recording)(textOf(3), failure);
    expect(entry('a.md')).toEqual(standing);
    expect(calls).toEqual(['ledger']);
  });

  it('gives way to a newer version that comes in between', async () => {
    const { parts, recording, before, generation, entry } = await bench();
    before.record = () => generation.record(entryOf({ document, seq: 4, chunks: ['newer'] }), 'lower');
    await recordFailure(parts, recording)(textOf(3), failure);
    expect(entry('a.md')).toMatchObject({ seq: 4, status: 'indexed', chunks: ['newer'] });
  });
});

describe('cleaning up', () => {
  it('deletes what is not above the ledger and not named by it, whoever wrote it', async () => {
    const { recording, generation, calls, stored } = await bench();
    await generation.upsert([point('named', 2), point('older', 1), point('rival', 2), point('coming', 3)]);
    await generation.upsert([point('elsewhere', 1, { document: keyOf('b.md') })]);
    await generation.record(entryOf({ document, seq: 2, chunks: ['named'] }), 'lower');
    await clean(recording, [taken(textOf(1))])();
    expect(stored()).toEqual(['named@2', 'coming@3', 'elsewhere@1']);
    expect(calls).toEqual(['ledger', 'prune']);
  });

  it('deletes all of a document that is gone', async () => {
    const { recording, generation, stored } = await bench();
    await generation.upsert([point('one', 1), point('two', 2)]);
    await generation.record(entryOf({ document, seq: 2, status: 'gone' }), 'lower');
    await clean(recording, [taken(textOf(2))])();
    expect(stored()).toEqual([]);
  });

  it('deletes nothing without an entry, and nothing for what cannot be read', async () => {
    const { recording, generation, calls, stored } = await bench();
    await generation.upsert([point('one', 1)]);
    await clean(recording, [taken(textOf(1))])();
    const unreadable = new DeadLetter('unreadable', '?');
    await clean(recording, [{ delivery: lent({ key: document }), record: unreadable }])();
    expect(stored()).toEqual(['one@1']);
    expect(calls).toEqual(['ledger']);
  });
});

describe('a delivery', () => {
  it.each([
    ['lower', 2, true],
    ['the same', 3, false],
    ['higher', 4, false],
  ])('goes on only where the ledger stands lower: %s', async (_, seq, goesOn) => {
    const { recording, generation } = await bench();
    await generation.record(entryOf({ document, seq }), 'lower');
    const record = textOf(3);
    const expected = goesOn ? record : superseded('ledger has reached it');
    expect(await firstValueFrom(of(record).pipe(unreached(recording)))).toEqual(expected);
  });

  it('goes on where there is no entry', async () => {
    const { recording } = await bench();
    const record = textOf(3);
    expect(await firstValueFrom(of(record).pipe(unreached(recording)))).toBe(record);
  });
});
