import { describe, expect, it } from 'vitest';
import { shownHits } from '../../src/cli/shown-hits.ts';
import type { FoundChunk } from '../../src/search/hits.ts';
import type { Found } from '../../src/search/search.ts';

const ESC = '\u001b';
const hit: FoundChunk = {
  ...{
    score: 0.5,
    project: 'handbook',
    ref: 'main',
    path: 'docs/a b.md',
    startLine: 8,
    endLine: 8,
    heading: ['Tides'],
  },
  ...{ text: 'The moon pulls.', blob: 'b', commit: 'c', head: 'c', stale: false, url: null },
  ...{ language: 'markdown', copies: [] },
};
const found = (of: Partial<FoundChunk> = {}, query = 'moons pulling'): Found => ({
  ...{ query, mode: 'hybrid', generation: 'g', tookMs: 3, hits: [{ ...hit, ...of }], next: null },
  freshness: { fresh: true, pending: 0, pendingOf: 'scope', planning: 0, events: 0 },
});
const folders = new Map([['handbook', '/home/me/handbook']]);
const piped = { terminal: false, folders };
const terminal = { terminal: true, folders };

describe('hits for a person', () => {
  it('piped are plain text, with the number of each line', () => {
    expect(shownHits(found(), piped)).toBe(
      '1. docs/a b.md:8-8  (0.500)\n   Tides\n   8 | The moon pulls.\n\n1 hits in 3 ms',
    );
  });

  it('at a terminal mark the words of the question, and link to the file or to its page', () => {
    const shown = shownHits(found(), terminal);
    expect(shown).toContain(`${ESC}[33;1mmoon${ESC}[0m`);
    expect(shown).toContain(`${ESC}[33;1mpull${ESC}[0ms.`);
    expect(shown).toContain(
      `${ESC}]8;;file:///home/me/handbook/docs/a%20b.md${ESC}\\docs/a b.md:8-8${ESC}]8;;${ESC}\\`,
    );
    const url = 'https://gitlab.example.com/t/handbook/-/blob/main/docs/a%20b.md#L8-8';
    expect(shownHits(found({ url }), terminal)).toContain(`${ESC}]8;;${url}${ESC}\\`);
    expect(shownHits(found({ project: 'elsewhere' }), terminal)).not.toContain(']8;;');
  });

  it('show those lines of a long chunk that are about the question', () => {
    const text = Array.from({ length: 30 }, (_, at) => (at === 20 ? 'here is the moon' : `line ${at}`)).join('\n');
    const shown = shownHits(found({ text, startLine: 100 }), piped);
    expect(shown).toContain('120 | here is the moon');
    expect(shown).toContain('… 24 more lines');
  });

  it('cannot move the cursor or bear links of their own, whatever stands in a repository', () => {
    const evil = `${ESC}[2J${ESC}]8;;https://evil.example${ESC}\\`;
    const shown = shownHits(found({ text: evil, path: evil, heading: [evil], project: 'x' }, 'evil'), terminal);
    // What is left are our own styles.
    expect(shown.replaceAll(new RegExp(`${ESC}\\[(?:0|1|2|33;1)m`, 'g'), '')).not.toContain(ESC);
  });

  it('say that they may be behind, that one has changed, and where more are', () => {
    const behind = { ...found({ stale: true }), next: 10 };
    const shown = shownHits({ ...behind, freshness: { ...behind.freshness, fresh: false, pending: 3 } }, piped);
    expect(shown).toContain('changed since');
    expect(shown).toContain('--offset 10');
    expect(shown).toContain('3 documents are on their way');
  });
});
