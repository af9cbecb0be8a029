import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decode, type Event, eventSchema, projectKey } from '../../src/records.ts';
import { fileHints } from '../../src/state/hints.ts';
import { MAIN, type MemoryParts, memoryParts } from '../support/memory-parts.ts';
import { NAMES } from '../trials/sim/names.ts';

const filed = ({ records }: MemoryParts, topic = NAMES.topics.events): Event[] =>
  records(topic).map(({ value }) => decode(eventSchema, value ?? new Uint8Array()));

describe('filing hints', () => {
  it('appends one event for a look at a ref, under its project’s key', async () => {
    const memory = await memoryParts();
    await fileHints(memory.parts, 'events', 'resync', [{ id: MAIN, after: 'c2', before: 'c1', runs: ['r'] }]);
    const [event] = filed(memory);
    expect(event).toEqual({
      ...{ v: 1, id: event?.id, kind: 'look', ...MAIN, before: 'c1', after: 'c2', runs: ['r'], at: memory.time.now() },
    });
    expect(memory.records(NAMES.topics.events)[0]?.key).toBe(projectKey(MAIN));
    expect(memory.telemetry.told).toEqual([['filed', { by: 'resync', ref: `${projectKey(MAIN)} main`, paths: 0 }]]);
  });

  it('uses the lane that it is told', async () => {
    const memory = await memoryParts();
    await fileHints(memory.parts, 'eventsBackfill', 'sweep', [{ kind: 'carry', id: MAIN }]);
    expect(filed(memory)).toEqual([]);
    expect(filed(memory, NAMES.topics.eventsBackfill).map(({ kind }) => kind)).toEqual(['carry']);
  });

  it('appends nothing for nothing', async () => {
    const memory = await memoryParts();
    await fileHints(memory.parts, 'events', 'resync', []);
    await fileHints(memory.parts, 'events', 'orphan', [{ id: MAIN, paths: [] }]);
    expect(filed(memory)).toEqual([]);
  });

  it('gives each event an id of its own', async () => {
    const memory = await memoryParts();
    const hints = Array.from({ length: 5 }, () => ({ id: MAIN }));
    await fileHints(memory.parts, 'events', 'resync', hints);
    expect(new Set(filed(memory).map(({ id }) => id)).size).toBe(5);
  });

  it('spreads many paths over events of at most 4 KiB, in order and none twice', async () => {
    const path = fc.oneof(
      { weight: 5, arbitrary: fc.string({ minLength: 1, maxLength: 60 }) },
      { weight: 2, arbitrary: fc.string({ unit: 'binary', minLength: 1, maxLength: 100 }) },
      { weight: 1, arbitrary: fc.constantFrom('\udc80'.repeat(90), '\u0001'.repeat(90), '日本語'.repeat(70)) },
    );
    const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 });
    const run = fc.string({ minLength: 1, maxLength: 36 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(path, { minLength: 1, maxLength: 120 }),
        fc.record({ instance: name, project: name, ref: name }),
        fc.array(run, { maxLength: 30 }),
        async (paths, id, runs) => {
          const memory = await memoryParts();
          await fileHints(memory.parts, 'events', 'orphan', [{ id, paths, runs }]);
          for (const { value } of memory.records(NAMES.topics.events))
            expect(value?.byteLength).toBeLessThanOrEqual(4_096);
          const events = filed(memory);
          expect(events.flatMap((event) => event.paths ?? [])).toEqual(paths);
          expect(events.every(({ kind, ref, runs: carried }) => kind === 'look' && ref === id.ref && carried)).toBe(
            true,
          );
        },
      ),
      { numRuns: 30 },
    );
  });

  it('leaves room for what else stands in the event: long names in any script, and many runs', async () => {
    const memory = await memoryParts();
    const id = { instance: 'main', project: '7', ref: 'größe/日本語/'.repeat(12) };
    const runs = Array.from({ length: 40 }, (_, at) => `019a2b3c-0000-7000-8000-${String(at).padStart(12, '0')}`);
    const paths = Array.from({ length: 200 }, (_, at) => `docs/page-${at}.md`);
    await fileHints(memory.parts, 'events', 'overtaken', [{ id, paths, runs, before: 'a'.repeat(64) }]);
    for (const { value } of memory.records(NAMES.topics.events)) expect(value?.byteLength).toBeLessThanOrEqual(4_096);
    expect(filed(memory).flatMap((event) => event.paths ?? [])).toEqual(paths);
  });

  it('fills events rather than spreading paths thinly', async () => {
    const memory = await memoryParts();
    const paths = Array.from({ length: 1_000 }, (_, at) => `docs/page-${at}.md`);
    await fileHints(memory.parts, 'events', 'orphan', [{ id: MAIN, paths }]);
    const bytes = paths.reduce((sum, path) => sum + path.length + 3, 0);
    expect(filed(memory).length).toBeLessThanOrEqual(Math.ceil(bytes / 3_000) + 1);
  });

  it('gives a path that is too long for any event one of its own, rather than losing it', async () => {
    const memory = await memoryParts();
    const paths = ['a', 'x'.repeat(5_000), 'b'];
    await fileHints(memory.parts, 'events', 'orphan', [{ id: MAIN, paths }]);
    expect(filed(memory).map((event) => event.paths)).toEqual(paths.map((path) => [path]));
  });
});
