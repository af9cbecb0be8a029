import { expect, it } from 'vitest';
import { chunksOf, cutsOf } from '../../src/chunker/chunker.ts';
import { parseOf } from '../../src/chunker/grammars.ts';
import { tokenCounter } from '../../src/content/tokens.ts';
import type { Text } from '../../src/records.ts';
import { chunkerContract } from '../contracts/chunker.ts';
import { randomOf } from '../support/texts.ts';

const count = tokenCounter();
const pure = (tokens: number) => ({
  tokens,
  count,
  chunker: {
    chunk: async (_: string, text: Text) =>
      chunksOf(text.content, cutsOf(text, { tokens, count, parse: await parseOf(text.language) })),
    close: async () => {},
  },
});

chunkerContract('the chunker with its usual budget', () => pure(256));
chunkerContract('the chunker with a small budget', () => pure(24));

const chunksIn = (content: string, language: string, tokens = 256) =>
  chunksOf(content, cutsOf({ content, language, mediaType: 'text/plain' }, { tokens, count }));
const filler = (lines: number, word = 'filler') =>
  Array.from({ length: lines }, (_, i) => `${word} line number ${i} says something of its own`).join('\n');

it('counts with the very function that it was given', () => {
  const bytes = (text: string) => Buffer.byteLength(text);
  const content = filler(200);
  const cuts = cutsOf({ content, language: 'text', mediaType: 'text/plain' }, { tokens: 300, count: bytes });
  for (const { embed } of chunksOf(content, cuts)) expect(bytes(embed)).toBeLessThanOrEqual(300);
});

it('keeps to the budget when the whole costs a little more than its lines', () => {
  const sevenths = (text: string) => Math.floor(text.length / 7);
  // Lines of 47 characters, of which a counter of whole sevenths loses five each.
  const content = filler(400, 'fill');
  const cuts = cutsOf({ content, language: 'text', mediaType: 'text/plain' }, { tokens: 100, count: sevenths });
  for (const { embed } of chunksOf(content, cuts)) expect(sevenths(embed)).toBeLessThanOrEqual(100);
});

it('bounds what the tokenizer drops', () => {
  const content = Array.from({ length: 4_000 }, (_, i) => `${i}`.repeat(30)).join('\n');
  const cuts = cutsOf({ content, language: 'text', mediaType: 'text/plain' }, { tokens: 100, count: () => 0 });
  for (const { text } of chunksOf(content, cuts)) expect(text.length).toBeLessThanOrEqual(1_600);
});

it('keeps a text that fits in one piece', () => {
  expect(chunksIn('# A\n\nshort\n\n## B\n\nshort as well\n', 'markdown')).toEqual([
    {
      text: '# A\n\nshort\n\n## B\n\nshort as well',
      embed: '# A\n\nshort\n\n## B\n\nshort as well',
      heading: ['A'],
      startLine: 1,
      endLine: 7,
    },
  ]);
});

it('embeds each section under the headings around it, whatever their notation', () => {
  const content = `Guide\n=====\n\n${filler(12, 'intro')}\n\n## Install ##\n\n${filler(12, 'install')}\n\nOn Linux\n---\n\n${filler(
    12,
    'linux',
  )}\n\n### [Arch](https://example.org) and \`others\`\n\n${filler(12, 'arch')}\n`;
  const chunks = chunksIn(content, 'markdown');
  const under = (word: string) => chunks.find(({ text }) => text.includes(`${word} line number 11`));
  expect(under('intro')?.heading).toEqual(['Guide']);
  expect(under('install')?.heading).toEqual(['Guide', 'Install']);
  expect(under('linux')?.heading).toEqual(['Guide', 'On Linux']);
  expect(under('arch')?.heading).toEqual(['Guide', 'On Linux', 'Arch and others']);
  for (const { heading, embed } of chunks) for (const title of heading.slice(0, -1)) expect(embed).toContain(title);
});

it('lets no chunk reach from one section into the next but its own subsections', () => {
  const random = randomOf(7);
  const content = Array.from({ length: 120 }, (_, i) => {
    const end = random() < 0.3 ? ' as follows:' : '';
    return `${'#'.repeat(1 + Math.floor(random() * 5))} Heading ${i}\n\n${random() < 0.3 ? '' : `${filler(1 + Math.floor(random() * 9))}${end}\n`}`;
  }).join('\n');
  const levelOf = (line: string) => /^(#+) /.exec(line)?.[1]?.length;
  for (const { text, startLine, heading } of chunksIn(content, 'markdown', 96)) {
    const [first = '', ...rest] = text.split('\n');
    const levels = rest.flatMap((line) => levelOf(line) ?? []);
    // What a chunk starts under holds for every line of it, so no heading in it may be above the one it starts with.
    if (startLine > 1 && levels.length > 0) expect(Math.min(...levels)).toBeGreaterThanOrEqual(levelOf(first) ?? 7);
    expect(heading.length).toBeGreaterThan(0);
  }
});

it('takes no heading from code, front matter, comments of shells or the end of a fence', () => {
  const content = `---\n# not one\ntitle: x\n---\n# Real\n\n\`\`\`sh\n# not one\n\`\`\`\`\n\n~~~\n# not one\n\`\`\`\n# not one\n~~~\n\n    # not one\n\n#not one\n\n${filler(
    30,
  )}\n`;
  for (const { heading, startLine } of chunksIn(content, 'markdown'))
    expect(heading).toEqual(startLine < 5 ? [] : ['Real']);
});

it('lets a fence in a list end with its item', () => {
  const content = `# One\n\n1. first\n\n    \`\`\`sh\n    # not one\n\nAfter the list\n\n# Two\n\n${filler(30)}\n`;
  expect(chunksIn(content, 'markdown').at(-1)?.heading).toEqual(['Two']);
});

it('does not take a rule below a paragraph, a list or a table for a heading', () => {
  const content = `two lines\nof prose\n---\n\n- item\n---\n\n| a |\n---\n\n${filler(30)}\n`;
  for (const { heading } of chunksIn(content, 'markdown')) expect(heading).toEqual([]);
});

it('leaves no heading alone while its first line fits with it', () => {
  const content = Array.from({ length: 30 }, (_, i) => `## Part ${i}\n\n### Detail\n\n${filler(9, `part${i}`)}\n`).join(
    '\n',
  );
  for (const { text } of chunksIn(content, 'markdown', 128)) expect(text.trimEnd()).not.toMatch(/^#[^\n]*$/);
});

it('leaves no line alone that announces what follows it', () => {
  const list = (part: number) =>
    `It needs for part ${part}:\n\n${Array.from({ length: 9 }, (_, i) => `- item ${i} of part ${part}`).join('\n')}\n`;
  const content = Array.from({ length: 20 }, (_, part) => list(part)).join('\n');
  for (const { text } of chunksIn(content, 'markdown', 128)) expect(text).not.toMatch(/:$/);
});

it('drops the outermost headings from a path that would leave no room for the text', () => {
  const content = `# ${'outermost '.repeat(15)}\n\n## Inner\n\n${filler(60)}\n`;
  const last = chunksIn(content, 'markdown', 60).at(-1);
  expect(last?.embed).toMatch(/^Inner\n\n/);
  expect(last?.heading.length).toBe(2);
});

it('begins chunks of code where something begins', () => {
  const method = (name: string) => `function ${name}() {\n${filler(8, '  return')}\n}\n`;
  const content = ['one', 'two', 'three', 'four', 'five', 'six'].map(method).join('\n');
  for (const { text } of chunksIn(content, 'javascript')) expect(text).toMatch(/^function \w+\(\) \{/);
});

it('is not slowed down by hostile content', { timeout: 120_000 }, () => {
  const hostile = [
    '[\n'.repeat(400_000),
    '#\n'.repeat(400_000),
    '# a\n'.repeat(300_000),
    'same line\n'.repeat(200_000),
    '\n'.repeat(3_900_000),
    `${'```\n~~~\n'.repeat(150_000)}`,
    Array.from({ length: 100_000 }, (_, i) => `${'#'.repeat((i % 6) + 1)} h${i}`).join('\n'),
    'a'.repeat(3_900_000),
    '\u200b'.repeat(1_000_000),
    '='.repeat(2_000_000),
    `${'a\n'.repeat(300_000)}---`,
    '\ud800'.repeat(500_000),
  ];
  for (const content of hostile) {
    const started = process.cpuUsage();
    const cuts = cutsOf({ content, language: 'markdown', mediaType: 'text/markdown' }, { tokens: 256, count });
    expect(process.cpuUsage(started).user / 1_000, JSON.stringify(content.slice(0, 20))).toBeLessThan(5_000);
    for (const { start, end } of cuts) expect(end - start).toBeLessThanOrEqual(256 * 16);
  }
});
