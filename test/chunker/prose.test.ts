import { expect, it } from 'vitest';
import { chunksOf, cutsOf } from '../../src/chunker/chunker.ts';
import { tokenCounter } from '../../src/content/tokens.ts';
import { flawsOf } from '../support/whole.ts';

const count = tokenCounter();
const chunksIn = (language: string, content: string, tokens = 64) => {
  const text = { content, language, mediaType: '' };
  const chunks = chunksOf(content, cutsOf(text, { tokens, count }));
  expect(flawsOf(text, chunks)).toEqual([]);
  return chunks;
};
const filler = (lines: number, word: string) =>
  Array.from({ length: lines }, (_, i) => `${word} line number ${i} says something of its own`).join('\n');
const rows = (count: number, row: (i: number) => string) => Array.from({ length: count }, (_, i) => row(i)).join('\n');

const sections: readonly (readonly [language: string, content: string])[] = [
  [
    'asciidoc',
    `= Guide\n\n${filler(9, 'intro')}\n\n[[setup]]\n== Install *now*\n\n${filler(9, 'install')}\n\n----\n== no title\n----\n\n=== On Linux\n\n${filler(9, 'linux')}\n`,
  ],
  [
    'restructuredtext',
    `=====\nGuide\n=====\n\n${filler(9, 'intro')}\n\nInstall *now*\n=============\n\n${filler(9, 'install')}\n\n::\n\n  no title\n  --------\n\nOn Linux\n--------\n\n${filler(9, 'linux')}\n`,
  ],
];

it.each(sections)('%s: embeds each section under the headings around it', (language, content) => {
  const chunks = chunksIn(language, content, 128);
  const under = (word: string) => chunks.find(({ text }) => text.includes(`${word} line number 8`));
  expect(under('intro')?.heading).toEqual(['Guide']);
  expect(under('install')?.heading).toEqual(['Guide', 'Install now']);
  expect(under('linux')?.heading).toEqual(['Guide', 'Install now', 'On Linux']);
  for (const { heading } of chunks) expect(heading.join()).not.toContain('no title');
});

it('asciidoc: what announces a section or a block begins with it', () => {
  const block = (i: number) =>
    `.Listing ${i}\n[source,ruby]\n----\nputs ${i}\n\nputs :done\n----\n\n${filler(3, `about${i}`)}\n`;
  const chunks = chunksIn('asciidoc', rows(12, block), 64);
  for (const { text } of chunks) {
    expect((text.match(/^----$/gm) ?? []).length % 2).toBe(0);
    if (text.includes('puts :done')) expect(text).toMatch(/^\.Listing/m);
  }
});

const header = '| name | what it is |';
const tables: readonly (readonly [language: string, table: string, repeated: string])[] = [
  ['markdown', `${header}\n| --- | --- |\n${rows(30, (i) => `| row${i} | is number ${i} |`)}`, header],
  ['asciidoc', `[cols="1,1"]\n|===\n${header}\n\n${rows(30, (i) => `| row${i} | is number ${i}`)}\n|===`, header],
  [
    'restructuredtext',
    `====== ============\nname   what it is\n====== ============\n${rows(30, (i) => `row${i}  is number ${i}`)}\n====== ============`,
    'name   what it is',
  ],
  [
    'restructuredtext',
    `+-------+--------------+\n| name  | what it is   |\n+=======+==============+\n${rows(30, (i) => `| row${i} | is number ${i} |\n+-------+--------------+`)}`,
    '| name  | what it is   |',
  ],
];

it.each(tables)(
  '%s: a table that is too long has its header embedded with each part (%#)',
  (language, table, repeated) => {
    const chunks = chunksIn(language, `Title\n\n${table}\n\n${filler(3, 'after')}\n`, 96).filter(({ text }) =>
      text.includes('is number'),
    );
    expect(chunks.length).toBeGreaterThan(2);
    expect(chunks[0]?.text).toContain('what it is');
    for (const { text, embed } of chunks.slice(1)) {
      expect(text).not.toContain('what it is');
      expect(embed).toBe(`${repeated}\n\n${text}`);
    }
  },
);

it.each(['markdown', 'asciidoc', 'restructuredtext'])(
  '%s: a table or a listing that fits is not divided',
  (language) => {
    const blocks: Record<string, string> = {
      markdown: '```js\nconst one = 1;\n\nconst two = 2;\n```',
      asciidoc: '----\nconst one = 1;\n\nconst two = 2;\n----',
      restructuredtext: '.. code-block:: js\n\n   const one = 1;\n\n   const two = 2;',
    };
    const content = rows(20, (i) => `${filler(2 + (i % 3), `part${i}`)}\n\n${blocks[language]}\n`);
    for (const { text } of chunksIn(language, content, 96))
      expect((text.match(/one = 1/g) ?? []).length).toBe((text.match(/two = 2/g) ?? []).length);
  },
);

it('asciidoc and reStructuredText that never close what they open end with the text', () => {
  for (const open of ['|===\n', '----\n', '[source]\n', '.Title\n', '==  ==\na   b\n', '+--+\n', '===\nTitle\n'])
    for (const language of ['asciidoc', 'restructuredtext']) chunksIn(language, `${open}${filler(20, 'line')}`);
});

it('no markup makes it slow', { timeout: 120_000 }, () => {
  for (const line of [
    '==  ==\n',
    '==  ==\na\n',
    '|===\n',
    '===\n',
    'a\n===\n',
    '+--+\n',
    '+==+\n|a\n',
    '.T\n',
    '[a]\n',
    '| a |\n',
    '- \n',
  ])
    for (const language of ['asciidoc', 'restructuredtext', 'markdown']) {
      const started = process.cpuUsage();
      cutsOf({ content: line.repeat(100_000), language, mediaType: '' }, { tokens: 256, count });
      expect(process.cpuUsage(started).user / 1_000, `${language} ${line}`).toBeLessThan(3_000);
    }
});

it('asciidoc: a mark behind a title is none of it, and lines that almost are titles cost what they are long', {
  timeout: 10_000,
}, () => {
  const chunks = chunksIn('asciidoc', `== Install ==\n\n${filler(3, 'install')}\n`);
  expect(chunks[0]?.heading).toEqual(['Install']);
  const almost = `=\t=${'\t'.repeat(990)}\0`;
  chunksIn(
    'asciidoc',
    rows(4_000, () => almost),
  );
});
