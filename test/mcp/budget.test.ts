import { describe, expect, it } from 'vitest';
import { fittingHits, fittingLines, fittingProjects, tokensOf } from '../../src/mcp/budget.ts';

const page = (texts: readonly string[], next: number | null = null) => ({
  hits: texts.map((text) => ({ text })),
  next,
});
const lines = (text: string) => ({
  ...{ project: 'p', ref: 'main', path: 'a', startLine: 11, endLine: 10 + text.split('\n').length, totalLines: 100 },
  ...{ text, next: null, blob: null, commit: 'c', head: null, stale: false, url: null },
});

describe('hits', () => {
  it('that all fit stay as they are', () => {
    expect(fittingHits(page(['one', 'two'], 7), 0, 500)).toEqual(page(['one', 'two'], 7));
  });

  it('that do not fit are the next page', () => {
    const fitting = fittingHits(page(['x'.repeat(600), 'y'.repeat(600), 'z'.repeat(600)]), 20, 500);
    expect(fitting.hits).toHaveLength(2);
    expect(fitting.next).toBe(22);
    expect(tokensOf(fitting)).toBeLessThanOrEqual(500);
  });

  it.each(['x', 'é', '语', '"', '😀'])(
    'a first one that is larger than everything is cut, and there is progress (%s)',
    (char) => {
      const fitting = fittingHits(page([char.repeat(5_000), 'more']), 0, 500);
      expect(fitting.hits).toHaveLength(1);
      expect(fitting.hits[0]?.text).toMatch(/… \(cut\)$/);
      expect(fitting.hits[0]?.text).not.toContain('\ufffd');
      expect(fitting.next).toBe(1);
      expect(tokensOf(fitting)).toBeLessThanOrEqual(500);
    },
  );
});

describe('lines', () => {
  it('that do not fit are left for the next question', () => {
    const fitting = fittingLines(lines(Array(50).fill('x'.repeat(90)).join('\n')), 500);
    const count = fitting.text.split('\n').length;
    expect(count).toBeLessThan(50);
    expect(fitting).toMatchObject({ startLine: 11, endLine: 10 + count, next: 11 + count });
    expect(tokensOf(fitting)).toBeLessThanOrEqual(500);
  });

  it('one that is larger than everything is cut, and there is progress', () => {
    const fitting = fittingLines(lines(`${'x'.repeat(9_000)}\nmore`), 500);
    expect(fitting).toMatchObject({ endLine: 11, next: 12 });
    expect(tokensOf(fitting)).toBeLessThanOrEqual(500);
  });
});

it('projects with something pending come first, and those left out are counted', () => {
  const project = (path: string, pending: number) => ({
    ...{ instance: 'git', project: path, path, ref: 'main', head: null, planned: null },
    ...{ documents: 1, pending, failed: 0, blocked: null },
  });
  const projects = [...Array.from({ length: 50 }, (_, at) => project(`calm-${at}`, 0)), project('busy', 3)];
  const lane = { events: 0, changes: 0 };
  const lag = { records: 0, members: 1 };
  const fitting = fittingProjects(
    {
      at: new Date(0).toISOString(),
      ...{ ready: true, log: { up: true, identity: null }, store: { up: true, documents: 1, points: 1 } },
      ...{
        generation: null,
        building: null,
        previous: null,
        projects,
        webhooks: [],
        lanes: { live: lane, backfill: lane },
      },
      ...{ lag: { plan: lag, collect: lag, index: lag }, deadLetters: 0, runs: [], waits: [] },
    },
    1_000,
  );
  expect(fitting.projects[0]?.path).toBe('busy');
  expect(fitting.projects.length + fitting.left).toBe(51);
  expect(tokensOf(fitting)).toBeLessThanOrEqual(1_000);
});
