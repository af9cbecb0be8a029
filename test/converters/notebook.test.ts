import { expect, it } from 'vitest';
import { chunksOf, cutsOf } from '../../src/chunker/chunker.ts';
import { tokenCounter } from '../../src/content/tokens.ts';
import { convert } from '../../src/converters/convert.ts';
import { flawsOf } from '../support/whole.ts';

const limits = { fileBytes: 1_000_000, textBytes: 500_000 };
const code = (source: string[], outputs: unknown[] = []) => ({
  cell_type: 'code',
  execution_count: 1,
  metadata: {},
  outputs,
  source,
});
const prose = (source: string[]) => ({ cell_type: 'markdown', metadata: {}, source });
const file = (cells: unknown[], indent = 1) =>
  JSON.stringify(
    { cells, metadata: { language_info: { name: 'python' } }, nbformat: 4, nbformat_minor: 5 },
    null,
    indent,
  );
const textOf = (content: string) => {
  const converted = convert('dir/a.ipynb', new TextEncoder().encode(content), limits);
  if ('skip' in converted) throw new Error(`skipped: ${converted.skip}`);
  return converted.text;
};

const notebook = file([
  prose(['# Sales *of* 2026\n', '\n', 'Where they \u201ccome\u201d from.']),
  code(
    ['import pandas as pd\n', '\n', 'frame = pd.read_csv("a.csv")'],
    [
      { output_type: 'stream', name: 'stdout', text: ['printed\n'] },
      { output_type: 'display_data', data: { 'image/png': 'iVBORw0KGgo=' }, metadata: {} },
    ],
  ),
  code([]),
  code(['print("""\n', '```\n', '""")']),
]);

it('puts each line of a cell where it stands in the file, and nothing else', () => {
  const { content, language, title } = textOf(notebook);
  expect(language).toBe('jupyter');
  expect(title).toBe('Sales of 2026');
  const before = notebook.split('\n');
  const after = content.split('\n');
  expect(after.length).toBe(before.length);
  after.forEach((line, i) => {
    if (/^`+(?:python)?$/.test(line)) expect(before[i]).toMatch(/"source": \[|^\s*\]|```/);
    else if (line !== '') expect(JSON.parse(before[i]?.trim().replace(/,$/, '') ?? '').trimEnd()).toBe(line);
  });
  expect(after.filter((line) => line !== '')).toEqual([
    '# Sales *of* 2026',
    'Where they “come” from.',
    '```python',
    'import pandas as pd',
    'frame = pd.read_csv("a.csv")',
    '```',
    '````python',
    'print("""',
    '```',
    '""")',
    '````',
  ]);
});

it('is cut by cell, under the headings of its Markdown', () => {
  const cells = Array.from({ length: 12 }, (_, i) => [
    prose([`## Part ${i}\n`, `What part ${i} is about, in a sentence or two.`]),
    code([`# no heading ${i}\n`, `first = load(${i})\n`, '\n', `second = first.mean(${i})`]),
  ]).flat();
  const text = textOf(file([prose(['# All']), ...cells]));
  const chunks = chunksOf(text.content, cutsOf(text, { tokens: 64, count: tokenCounter() }));
  expect(flawsOf(text, chunks)).toEqual([]);
  for (const { text: own, heading } of chunks) {
    expect((own.match(/```/g) ?? []).length % 2).toBe(0);
    expect(heading[0]).toBe('All');
    expect(heading.join()).not.toContain('no heading');
  }
});

it.each([
  ['saved in one line', file([code(['a = 1\n', 'b = 2'])], 0)],
  ['whose cells are one string each', file([{ ...code([]), source: 'a = 1\nb = 2' }])],
  ['with two lines of source in one of the file', file([code(['a = 1\nb = 2'])])],
  ['without cells', file([])],
  ['that is no JSON', 'no JSON\n"source": [\n"a"\n]'],
  ['of another shape', '[]'],
])('a notebook %s stays as it is', (_, content) => {
  expect(textOf(content)).toEqual({ content, language: 'json', mediaType: 'application/json' });
});

it.each([
  ['a null', null],
  ['a number', 7],
  ['a list', []],
  ['no source', { cell_type: 'code' }],
  ['a null as its source', { cell_type: 'raw', source: null }],
])('a cell that is %s is skipped, and the others stay', (_, cell) => {
  const { content, language } = textOf(file([cell, code(['a = 1'])]));
  expect(language).toBe('jupyter');
  expect(content.split('\n').filter((line) => line !== '')).toEqual(['```python', 'a = 1', '```']);
});

it('a notebook whose metadata are none has no language in its fences', () => {
  for (const metadata of [null, 'x', [], { language_info: 5, kernelspec: null }])
    expect(textOf(JSON.stringify({ cells: [code(['a = 1'])], metadata }, null, 1)).content).toContain(
      '\n```\na = 1\n```',
    );
});

it('a cell of 150,000 lines, a line of nine million characters and lines of blanks are read in one go', () => {
  const wide = { fileBytes: 20_000_000, textBytes: 20_000_000 };
  const converted = (content: string) => convert('a.ipynb', new TextEncoder().encode(content), wide);
  expect(converted(file([code(new Array(150_000).fill('x\n'))]))).toMatchObject({ text: { language: 'jupyter' } });
  expect(converted(file([code(['y'.repeat(9_000_000)])]))).toMatchObject({ text: { language: 'jupyter' } });
  const blanks = `{"cells":[{"cell_type":"code",\n"source": [\n"a"${' '.repeat(500_000)}, "b"\n]}]}`;
  expect(converted(blanks)).toMatchObject({ text: { language: 'json' } });
});

it('has nothing to say without a word in it', () => {
  expect(convert('a.ipynb', new TextEncoder().encode(file([prose([' ', ' '])])), limits)).toEqual({ skip: 'empty' });
});
