/** How many chunks a change embeds: those whose content no chunk of the version before had. */
import { expect, it } from 'vitest';
import { chunksOf, cutsOf } from '../../src/chunker/chunker.ts';
import { tokenCounter } from '../../src/content/tokens.ts';
import { randomOf, sentenceOf } from '../support/texts.ts';

const count = tokenCounter();
const embeds = (content: string, language: string): Set<string> =>
  new Set(
    chunksOf(content, cutsOf({ content, language, mediaType: 'text/plain' }, { tokens: 256, count })).map(
      ({ embed }) => embed,
    ),
  );
const added = (before: ReadonlySet<string>, after: ReadonlySet<string>) =>
  [...after].filter((embed) => !before.has(embed)).length;

const random = randomOf(20_261_121);
const pick = (below: number) => Math.floor(random() * below);
const many = <T>(length: number, make: (i: number) => T) => Array.from({ length }, (_, i) => make(i));
const sentence = () => sentenceOf(random);

/** Of the shapes that files have. */
const shapes: Record<string, { language: string; make: (lines: number) => string[] }> = {
  'prose without a blank line': { language: 'text', make: (lines) => many(lines, sentence) },
  'numbered lines': { language: 'text', make: (lines) => many(lines, (i) => `line ${i} of the file`) },
  paragraphs: { language: 'markdown', make: (lines) => many(lines, () => (pick(6) === 0 ? '' : sentence())) },
  'rows of data': {
    language: 'csv',
    make: (lines) => many(lines, (i) => `${i},${pick(1e6)},${random().toFixed(4)},ok`),
  },
  sections: {
    language: 'markdown',
    make: (lines) => many(lines, (i) => (i % 16 === 0 ? `## ${sentence()}` : pick(5) === 0 ? '' : sentence())),
  },
  functions: {
    language: 'typescript',
    make: (lines) =>
      many(Math.ceil(lines / 8), (i) => {
        const body = many(1 + pick(10), () => `${pick(4) === 0 ? '    ' : '  '}${sentence()};`);
        return [`export const f${i} = (${sentence()}) => {`, ...body, '};', ''];
      })
        .flat()
        .slice(0, lines),
  },
};

it.each(Object.entries(shapes).filter(([name]) => name !== 'sections'))(
  'one line inserted at line 10 of 5,000 embeds at most 3: %s',
  (_, { language, make }) => {
    const lines = make(5_000);
    const before = embeds(lines.join('\n'), language);
    for (let round = 0; round < 20; round += 1)
      expect(
        added(before, embeds(lines.toSpliced(9, 0, `${sentence()} ${round}`).join('\n'), language)),
      ).toBeLessThanOrEqual(3);
  },
);

const ROUNDS = 150;
const measure = (
  language: string,
  make: (lines: number) => string[],
  change: (lines: string[], at: number) => void,
) => {
  const results: number[] = [];
  for (let text = 0; text < 4; text += 1) {
    const lines = make(400);
    const before = embeds(lines.join('\n'), language);
    for (let round = 0; round < ROUNDS; round += 1) {
      const changed = [...lines];
      let at = pick(lines.length);
      while (changed[at] === '' || changed[at]?.startsWith('#')) at = pick(lines.length);
      change(changed, at);
      results.push(added(before, embeds(changed.join('\n'), language)));
    }
  }
  return {
    above: (n: number) => results.filter((result) => result > n).length / results.length,
    most: Math.max(...results),
  };
};

/**
 * An edit makes or ends at most one anchor, and moves one cut. Only where cuts are as far apart as a chunk is long may a
 * second one follow, in 1 to 5 of 1,000 edits: docs/chunking.md.
 */
it.each(Object.entries(shapes))(
  'edits embed at most 2 chunks, in all but a few of a thousand, and never many: %s',
  (_, { language, make }) => {
    const tweaked = measure(language, make, (lines, at) => {
      lines[at] = `${lines[at]} edited`;
    });
    expect(tweaked.above(2)).toBeLessThanOrEqual(0.01);
    expect(tweaked.most).toBeLessThanOrEqual(4);
    const replaced = measure(language, make, (lines, at) => {
      lines[at] = (/^\s*/.exec(lines[at] ?? '')?.[0] ?? '') + sentence();
    });
    expect(replaced.above(2)).toBeLessThanOrEqual(0.01);
    expect(replaced.most).toBeLessThanOrEqual(4);
  },
);

it.each(Object.entries(shapes))('an inserted or deleted line embeds at most 3 chunks: %s', (_, { language, make }) => {
  const inserted = measure(language, make, (lines, at) => {
    lines.splice(at, 0, sentence());
  });
  expect(inserted.above(3)).toBeLessThanOrEqual(0.003);
  const deleted = measure(language, make, (lines, at) => {
    lines.splice(at, 1);
  });
  expect(deleted.above(3)).toBeLessThanOrEqual(0.005);
});

it('a run of equal lines is cut in halves, and one more of them embeds at most 3', () => {
  const lines = many(5_000, () => 'the very same line again and again');
  const content = lines.join('\n');
  const cuts = cutsOf({ content, language: 'text', mediaType: 'text/plain' }, { tokens: 256, count });
  expect(cuts.length).toBeLessThanOrEqual((2 * count(content)) / 256 + 4);
  const before = embeds(content, 'text');
  expect(before.size).toBeLessThanOrEqual(6);
  expect(
    added(before, embeds(['the very same line again and again', ...lines].join('\n'), 'text')),
  ).toBeLessThanOrEqual(3);
  expect(added(before, embeds(lines.toSpliced(2_500, 0, 'another').join('\n'), 'text'))).toBeLessThanOrEqual(3);
});

it('a blank line more, and other line endings, embed next to nothing', () => {
  const lines = many(400, sentence);
  const before = embeds(lines.join('\n'), 'text');
  for (let round = 0; round < 50; round += 1)
    expect(added(before, embeds(lines.toSpliced(pick(400), 0, '').join('\n'), 'text'))).toBeLessThanOrEqual(4);
});

it('moving a section embeds only what stands beside it', () => {
  const section = (name: string) => `## ${name}\n\n${many(30, sentence).join('\n')}\n`;
  const parts = many(8, (i) => section(`Part ${i}`));
  const before = embeds(`# Title\n\n${parts.join('\n')}`, 'markdown');
  const moved = [...parts.slice(4), ...parts.slice(0, 4)];
  expect(added(before, embeds(`# Title\n\n${moved.join('\n')}`, 'markdown'))).toBeLessThanOrEqual(3);
});

it('an edit inside a line of a megabyte embeds at most 4 chunks', () => {
  const parts = many(60_000, (i) => `"key${i}":${pick(1_000)}`);
  const before = embeds(`{${parts.join(',')}}`, 'json');
  for (let round = 0; round < 5; round += 1)
    expect(
      added(before, embeds(`{${parts.toSpliced(pick(60_000), 0, '"new":true').join(',')}}`, 'json')),
    ).toBeLessThanOrEqual(4);
});
