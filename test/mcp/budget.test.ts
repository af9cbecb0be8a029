import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AnswerOf } from '../../src/api/questions.ts';
import {
  fittingError,
  fittingHits,
  fittingLines,
  fittingProjects,
  MAX_TOKENS,
  MIN_TOKENS,
  tokensOf,
} from '../../src/mcp/budget.ts';

type Page = AnswerOf<'search'>;
type Hit = Page['hits'][number];

const hit = (of: Partial<Hit> = {}): Hit => ({
  ...{ score: 0.5, project: 'p', ref: 'main', path: 'a', startLine: 11, endLine: 20, language: 'text', heading: [] },
  ...{ text: 'x', blob: null, commit: 'c', head: null, stale: false, url: null, copies: [] },
  ...of,
});
const freshness = { fresh: true, pending: 0, pendingOf: 'scope' as const, planning: 0, events: 0 };
const page = (hits: readonly Hit[], of: Partial<Page> = {}): Page => ({
  ...{ query: 'q', mode: 'hybrid', generation: 'g', tookMs: 1, next: null, freshness },
  ...of,
  hits,
});
const texts = (...of: readonly string[]) => page(of.map((text) => hit({ text })));
const lines = (text: string, of: Partial<AnswerOf<'read'>> = {}): AnswerOf<'read'> => ({
  ...{ project: 'p', ref: 'main', path: 'a', startLine: 11, endLine: 10 + text.split('\n').length, totalLines: 100 },
  ...{ startColumn: 1, text, next: null, nextColumn: null },
  ...{ blob: null, commit: 'c', head: null, stale: false, url: null },
  ...of,
});
const status = (of: Partial<AnswerOf<'status'>> = {}): AnswerOf<'status'> => {
  const lane = { events: 0, changes: 0 };
  const lag = { records: 0, members: 1 };
  return {
    at: new Date(0).toISOString(),
    ...{ ready: true, log: { up: true, identity: null }, store: { up: true, documents: 1, points: 1 } },
    ...{ generation: null, building: null, previous: null, projects: [], webhooks: [], runs: [], waits: [] },
    ...{ lanes: { live: lane, backfill: lane }, lag: { plan: lag, collect: lag, index: lag }, deadLetters: 0 },
    ...of,
  };
};
const project = (path: string, pending: number) => ({
  ...{ instance: 'git', project: path, path, ref: 'main', head: null, planned: null },
  ...{ documents: 1, pending, failed: 0, blocked: null },
});

describe('hits', () => {
  it('that all fit stay as they are', () => {
    const all = page([hit({ text: 'one' }), hit({ text: 'two' })], { next: 7 });
    expect(fittingHits(all, 0, 500)).toEqual(all);
  });

  it('that do not fit are the next page', () => {
    const fitting = fittingHits(texts(...['x', 'y', 'z', 'w'].map((letter) => letter.repeat(300))), 20, 500);
    expect(fitting.hits.map(({ text }) => text[0])).toEqual(['x', 'y']);
    expect(fitting.next).toBe(22);
    expect(tokensOf(fitting)).toBeLessThanOrEqual(500);
  });

  it.each(['x', 'é', '语', '"', '😀', '\u0001', '\ud800'])(
    'a first one that is larger than everything is cut, says where to read on, and there is progress (%j)',
    (character) => {
      const fitting = fittingHits(texts(`first\n${character.repeat(5_000)}`, 'more'), 0, 500);
      expect(fitting.hits).toHaveLength(1);
      expect(fitting.hits[0]?.text).toMatch(/… \(cut: `read` goes on from line 12\)$/);
      expect(fitting.hits[0]?.cut).toEqual(['text']);
      expect(fitting.hits[0]?.text).not.toContain('\ufffd');
      expect(fitting.next).toBe(1);
      expect(tokensOf(fitting)).toBeLessThanOrEqual(500);
    },
  );

  it('lose copies first, then what else is not text, and name what they lack', () => {
    const place = { project: 'p', ref: 'main', path: 'copy', startLine: 1, endLine: 2 };
    const copied = hit({ text: 'short', copies: Array(2_000).fill(place), heading: ['Tides'] });
    const few = fittingHits(page([copied, hit()]), 0, 500);
    expect(few.hits).toHaveLength(2);
    expect(few.hits[0]).toMatchObject({ text: 'short', heading: ['Tides'], copies: [place, place], cut: ['copies'] });
    const headed = fittingHits(page([hit({ text: 'short', heading: Array(50).fill('h'.repeat(1_000)) })]), 0, 500);
    expect(headed.hits[0]).toMatchObject({ text: expect.stringMatching(/^short/), path: 'a' });
    expect(headed.hits[0]?.cut).toContain('heading');
    const asked = fittingHits(page([hit({ text: 'short' })], { query: 'moon '.repeat(2_000) }), 0, 500);
    expect(asked).toMatchObject({
      query: expect.stringMatching(/^moon .*…$/),
      cut: ['query'],
      hits: [{ text: 'short' }],
    });
  });
});

describe('lines', () => {
  it('that do not fit are left for the next question', () => {
    const fitting = fittingLines(lines(Array(50).fill('x'.repeat(90)).join('\n')), 500);
    const count = fitting.text.split('\n').length;
    expect(count).toBeLessThan(50);
    expect(fitting).toMatchObject({ startLine: 11, endLine: 10 + count, next: 11 + count, nextColumn: 1 });
    expect(tokensOf(fitting)).toBeLessThanOrEqual(500);
  });

  it('one that is larger than everything goes on within itself', () => {
    const fitting = fittingLines(lines(`${'x'.repeat(9_000)}\nmore`, { startColumn: 301 }), 500);
    expect(fitting).toMatchObject({ endLine: 11, next: 11, nextColumn: 301 + fitting.text.length });
    expect(fitting.text.length).toBeGreaterThan(500);
    expect(tokensOf(fitting)).toBeLessThanOrEqual(500);
  });
});

it('projects with something pending come first, and those left out are counted', () => {
  const projects = [...Array.from({ length: 50 }, (_, at) => project(`calm-${at}`, 0)), project('busy', 3)];
  const fitting = fittingProjects(status({ projects }), 1_000);
  expect(fitting.projects[0]?.path).toBe('busy');
  expect(fitting.projects.length + fitting.left).toBe(51);
  expect(fitting.cut).toEqual(['projects']);
  expect(tokensOf(fitting)).toBeLessThanOrEqual(1_000);
  expect(fittingProjects(status({ projects: [project('calm', 0)] }), 1_000)).toMatchObject({ left: 0 });
});

describe('whatever stands in an answer, it is within the budget', () => {
  const tokens = fc.integer({ min: MIN_TOKENS, max: MAX_TOKENS });
  /** Also far longer than any budget, and of characters that take much room. */
  const huge = fc
    .tuple(fc.string({ unit: 'binary', maxLength: 4 }), fc.constantFrom(0, 1, 1, 20, 2_000))
    .map(([text, times]) => text.repeat(times));
  const orNone = fc.option(huge);
  const number = fc.constantFrom(0, 7, 1e-17 / 3, Number.MAX_SAFE_INTEGER);
  const some = <T>(of: fc.Arbitrary<T>) =>
    fc
      .tuple(fc.array(of, { maxLength: 2 }), fc.constantFrom(1, 1, 20))
      .map(([items, times]) => Array(times).fill(items).flat() as T[]);
  const where = { project: huge, ref: huge, path: huge, startLine: fc.nat(), endLine: fc.nat() };
  const place = fc.record(
    { ...where, pathBytes: huge },
    { requiredKeys: ['project', 'ref', 'path', 'startLine', 'endLine'] },
  );
  const standing = { blob: orNone, commit: huge, head: orNone, stale: fc.boolean(), url: orNone };
  const anyHit = fc.record({
    ...{ ...where, pathBytes: huge, score: number, language: huge, heading: some(huge), text: huge },
    ...{ ...standing, copies: some(place) },
  });
  const settings = { numRuns: 100 };

  it('hits', () => {
    fc.assert(
      fc.property(tokens, fc.array(anyHit, { maxLength: 3 }), huge, number, (most, hits, long, next) => {
        const fitting = fittingHits(page(hits, { query: long, generation: long, next, tookMs: next }), 30, most);
        expect(tokensOf(fitting)).toBeLessThanOrEqual(most);
        if (hits.length > 0) expect(fitting.hits.length).toBeGreaterThan(0);
        expect(fitting.next).toBe(fitting.hits.length < hits.length ? 30 + fitting.hits.length : next);
      }),
      settings,
    );
  });

  it('lines, and there is progress', () => {
    const of = fc.record({ project: huge, ref: huge, path: huge, pathBytes: huge, ...standing });
    fc.assert(
      fc.property(tokens, some(huge), of, (most, all, fields) => {
        const text = all.join('\n');
        const fitting = fittingLines(lines(text, fields), most);
        expect(tokensOf(fitting)).toBeLessThanOrEqual(most);
        expect(text.startsWith(fitting.text)).toBe(true);
        if (fitting.next !== null) expect([fitting.next, fitting.nextColumn]).not.toEqual([11, 1]);
      }),
      settings,
    );
  });

  it('a status', () => {
    const wait = fc.record({ on: fc.constant('project' as const), name: huge, reason: huge, since: huge });
    const of = fc.record({
      ...{ generation: orNone, building: orNone, previous: orNone },
      projects: some(fc.record({ path: huge, blocked: orNone }).map((one) => ({ ...project('p', 1), ...one }))),
      webhooks: some(fc.record({ instance: huge, heardAt: orNone })),
      runs: some(fc.record({ id: huge, scope: some(huge), startedAt: fc.nat() })),
      waits: some(wait),
    });
    fc.assert(
      fc.property(tokens, of, (most, fields) => {
        const fitting = fittingProjects(status(fields), most);
        expect(tokensOf(fitting)).toBeLessThanOrEqual(most);
        expect(fitting.projects.length + fitting.left).toBe(fields.projects.length);
        for (const name of ['waits', 'webhooks', 'runs', 'projects'] as const)
          expect(fitting.cut?.includes(name) ?? false).toBe(tokensOf(fitting[name]) < tokensOf(fields[name]));
      }),
      settings,
    );
  });

  it('an error', () => {
    fc.assert(
      fc.property(tokens, huge, (most, message) => {
        expect(tokensOf(fittingError(message, most))).toBeLessThanOrEqual(most);
      }),
      settings,
    );
  });
});
