import { expect, it } from 'vitest';
import { chunksOf, cutsOf } from '../../src/chunker/chunker.ts';
import { parseOf } from '../../src/chunker/grammars.ts';
import { tokenCounter } from '../../src/content/tokens.ts';
import { flawsOf } from '../support/whole.ts';

const count = tokenCounter();
const chunksIn = async (language: string, content: string, tokens = 48) => {
  const text = { content, language, mediaType: '' };
  const chunks = chunksOf(content, cutsOf(text, { tokens, count, parse: await parseOf(language) }));
  expect(flawsOf(text, chunks)).toEqual([]);
  return chunks;
};
/** Enough of them that nothing around fits into the same chunk. */
const many = (lines: number, line: (i: number) => string) =>
  Array.from({ length: lines }, (_, i) => line(i)).join('\n');

/** By language: the source, and of the chunk that contains the first string, its first line and its path. */
const cases: readonly (readonly [language: string, source: string, inside: string, first: string, path: string[]])[] = [
  [
    'typescript',
    `import { a } from 'b';\n\n/** What it is. */\nexport class Ledger {\n  private rows = 1;\n\n${many(3, (i) => `  /** Says ${i}. */\n  @logged\n  async say${i}(to: string): Promise<void> {\n${many(7, (j) => `    await this.tell(to, ${i}, ${j});`)}\n  }\n`)}}\n`,
    'this.tell(to, 1, 0)',
    '  /** Says 1. */',
    ['Ledger', 'say1'],
  ],
  [
    'typescript',
    `export const open = ({ a, b }: Options): Store => {\n${many(12, (i) => `  prepare(a, b, ${i});`)}\n  return {\n    close() {\n${many(24, (i) => `      await end(${i});`)}\n    },\n  };\n};\n`,
    'end(23)',
    '',
    ['open', 'close'],
  ],
  [
    'typescript',
    `const view = () => (\n  <section>\n${many(20, (i) => `    <Item number={${i}} />`)}\n  </section>\n);\n`,
    'number={19}',
    '',
    ['view'],
  ],
  [
    'javascript',
    `${many(3, (i) => `// Adds ${i}.\nfunction add${i}(x) {\n${many(8, (j) => `  x = x + ${j} * ${i};`)}\n  return x;\n}\n`)}`,
    'x + 0 * 2',
    '// Adds 2.',
    ['add2'],
  ],
  [
    'python',
    `import os\n\n\nclass Ledger:\n    """Rows."""\n\n${many(3, (i) => `    @property\n    def row_${i}(self):\n        """Row ${i}."""\n${many(7, (j) => `        self.add(${i}, ${j})`)}\n`)}`,
    'self.add(2, 0)',
    '    @property',
    ['Ledger', 'row_2'],
  ],
  [
    'go',
    `package main\n\n${many(3, (i) => `// Row${i} is a row.\nfunc (l *Ledger[T]) Row${i}(n int) error {\n${many(7, (j) => `\tl.add(n, ${i}, ${j})`)}\n\treturn nil\n}\n`)}`,
    'l.add(n, 1, 0)',
    '// Row1 is a row.',
    ['Ledger.Row1'],
  ],
  [
    'java',
    `package a;\n\nclass Ledger {\n${many(3, (i) => `  /** Row. */\n  @Override\n  public int row${i}(int n) {\n${many(7, (j) => `    add(n, ${i}, ${j});`)}\n    return n;\n  }\n`)}}\n`,
    'add(n, 2, 0)',
    '  /** Row. */',
    ['Ledger', 'row2'],
  ],
  [
    'ruby',
    `module Books\n  class Ledger\n${many(3, (i) => `    # Row ${i}.\n    def row_${i}(n)\n${many(8, (j) => `      add(n, ${i}, ${j})`)}\n    end\n`)}  end\nend\n`,
    'add(n, 2, 0)',
    '    # Row 2.',
    ['Books', 'Ledger', 'row_2'],
  ],
  [
    'rust',
    `use a::b;\n\nimpl Rows for Ledger {\n${many(3, (i) => `    /// Row ${i}.\n    #[inline]\n    fn row_${i}(&self, n: u8) {\n${many(7, (j) => `        self.add(n, ${i}, ${j});`)}\n    }\n`)}}\n`,
    'self.add(n, 1, 0)',
    '    /// Row 1.',
    ['Rows for Ledger', 'row_1'],
  ],
  [
    'c',
    `#ifndef LEDGER_H\n#define LEDGER_H\n\n${many(3, (i) => `/* Row. */\nstatic int *row_${i}(struct ledger *l, int n)\n{\n${many(7, (j) => `    add(l, n, ${i}, ${j});`)}\n    return 0;\n}\n`)}#endif\n`,
    'add(l, n, 2, 0)',
    '/* Row. */',
    ['row_2'],
  ],
  [
    'cpp',
    `namespace books {\n\ntemplate <typename T>\nclass Ledger {\n public:\n${many(3, (i) => `  // Row ${i}.\n  int row${i}(int n) const {\n${many(7, (j) => `    add(n, ${i}, ${j});`)}\n    return n;\n  }\n`)}};\n\n}  // namespace books\n`,
    'add(n, 1, 0)',
    '  // Row 1.',
    ['books', 'Ledger', 'row1'],
  ],
  [
    'csharp',
    `namespace Books\n{\n    class Ledger\n    {\n${many(3, (i) => `        /// <summary>Row.</summary>\n        [Pure]\n        public int Row${i}(int n)\n        {\n${many(7, (j) => `            Add(n, ${i}, ${j});`)}\n            return n;\n        }\n`)}    }\n}\n`,
    'Add(n, 2, 0)',
    '        /// <summary>Row.</summary>',
    ['Books', 'Ledger', 'Row2'],
  ],
];

it.each(cases)(
  '%s: a definition is a chunk with its comment, under its symbols (%#)',
  async (language, source, inside, first, path) => {
    const chunks = await chunksIn(language, source, 96);
    const chunk = chunks.find(({ text }) => text.includes(inside));
    expect(chunk?.heading).toEqual(path);
    if (first !== '') expect(chunk?.text.split('\n')[0]).toBe(first);
  },
);

it('embeds the inside of a definition under its symbols, and its beginning under what holds it', async () => {
  const source = `class Ledger {\n  rows(n) {\n${many(40, (i) => `    this.add(n, ${i});`)}\n  }\n}\n`;
  const chunks = await chunksIn('javascript', source);
  expect(chunks[0]?.embed).toMatch(/^class Ledger \{\n {2}rows\(n\) \{\n/);
  for (const { embed, heading } of chunks.slice(1, -1)) {
    expect(heading).toEqual(['Ledger', 'rows']);
    expect(embed).toMatch(/^Ledger > rows\n\n/);
  }
});

it('puts small definitions together, under what they have in common', async () => {
  const source = `class Point {\n${many(12, (i) => `  get x${i}() {\n    return ${i};\n  }\n`)}}\n`;
  const chunks = await chunksIn('javascript', source, 64);
  expect(chunks.length).toBeLessThan(9);
  const several = chunks.filter(({ text }) => (text.match(/get /g) ?? []).length > 1);
  expect(several.length).toBeGreaterThan(0);
  for (const { heading } of several) expect(heading).toEqual(['Point']);
});

it('goes by shape where the text is not in the language that it claims', async () => {
  const source = many(60, (i) => `<<<<< ((( ${i} ]]] "" ' && of || nothing {{{ ;;;`);
  const text = { content: source, language: 'java', mediaType: '' };
  const byTree = cutsOf(text, { tokens: 48, count, parse: await parseOf('java') });
  expect(byTree).toEqual(cutsOf(text, { tokens: 48, count }));
});

it('keeps what the grammar stumbles over', async () => {
  const source = `${many(10, (i) => `def row_${i}(n)\n  add(n, ${i})\nend\n`)}\n)))) (((( end end\n${many(10, (i) => `def other_${i}(n)\n  add(n, ${i})\nend\n`)}`;
  const chunks = await chunksIn('ruby', source);
  expect(chunks.map(({ text }) => text).join('\n')).toContain(')))) (((( end end');
});

it('reads no deeper than it can climb', { timeout: 60_000 }, async () => {
  for (const source of ['['.repeat(100_000), '[\n'.repeat(50_000), 'if (a) {\n'.repeat(30_000), 'x = '.repeat(50_000)])
    for (const language of ['javascript', 'cpp', 'python']) await chunksIn(language, source, 256);
});

it('go: a method is named after its receiver, whatever letters that has, and however long it is', async () => {
  const body = many(12, (i) => `\tprepare(${i})`);
  const headingOf = async (receiver: string) =>
    (await chunksIn('go', `package p\n\nfunc ${receiver} Close() {\n${body}\n}\n`)).find(({ text }) =>
      text.includes('prepare(11)'),
    )?.heading;
  expect(await headingOf('(s *Store[K, V])')).toEqual(['Store.Close']);
  expect(await headingOf('(Größe)')).toEqual(['Größe.Close']);
  expect(await headingOf(`(${'a'.repeat(60_000)} é)`)).toEqual(['é.Close']);
});
