/**
 * Jupyter notebooks as Markdown: what was written into their cells, code in fences, without outputs and bookkeeping.
 *
 * Line N of the text stands in line N of the file. Notebooks are saved with a line of JSON for each line of a cell, so
 * each is put where it came from, a fence where its cell's source begins and ends, and all else is left blank: what is
 * found can be linked to. A notebook that is saved otherwise stays the JSON that it is.
 */
import { linesOf } from '../chunker/lines.ts';
import { titleOfMarkdown } from '../chunker/markdown.ts';
import { jsonOrNothing } from '../runtime/json.ts';
import { asItStands, type Format, type Kind } from './format.ts';

export const notebook: Format = {
  name: 'notebook',
  version: 2,
  kinds: [{ language: 'jupyter', mediaType: 'application/x-ipynb+json', extensions: ['ipynb'] }],
  text(content, kind) {
    const markdown = markdownOf(content);
    if (markdown === undefined) return asItStands(content, JSON_KIND);
    const title = titleOfMarkdown(markdown, linesOf(markdown));
    return title === undefined ? asItStands(markdown, kind) : { ...asItStands(markdown, kind), title };
  },
};

const JSON_KIND: Kind = { language: 'json', mediaType: 'application/json' };

const SOURCE_BEGINS = /^"source":\s{0,8}\[$/;
const CELL_TYPE = /^"cell_type":\s{0,8}"(\w{1,40})"$/;

/** A line of the file without what stands around its one element. */
const elementOf = (line: string): string => {
  const element = line.trim();
  return element.endsWith(',') ? element.slice(0, -1).trimEnd() : element;
};

const markdownOf = (content: string): string | undefined => {
  const parsed = parse(content);
  const cells = parsed?.cells;
  if (!Array.isArray(cells)) return undefined;
  const language = languageOf(parsed?.metadata);
  const lines = content.split('\n').map(elementOf);
  const text: string[] = new Array(lines.length).fill('');
  let written = 0;
  let type = '';
  for (let i = 0; i < lines.length; i += 1) {
    type = CELL_TYPE.exec(lines[i] ?? '')?.[1] ?? type;
    if (!SOURCE_BEGINS.test(lines[i] ?? '')) continue;
    const begin = i;
    let longest = 2;
    for (i += 1; i < lines.length && lines[i] !== ']'; i += 1) {
      const line = stringOf(lines[i] ?? '');
      // More than one line of source, or none, in a line of the file: nowhere to put it.
      if (line === undefined || /[\n\r]./s.test(line)) return undefined;
      text[i] = line.trimEnd();
      longest = Math.max(longest, /^\s*(`*)/.exec(line)?.[1]?.length ?? 0);
      written += 1;
    }
    if (type === 'markdown') continue;
    const fence = '`'.repeat(longest + 1);
    text[begin] = type === 'code' ? fence + language : fence;
    text[i] = fence;
  }
  // What was read line by line has to be all that the notebook says it has.
  const sources = cells.reduce((sum: number, cell: unknown) => sum + linesIn(cell), 0);
  return written === sources && written > 0 ? text.join('\n') : undefined;
};

/** What is no cell, such as a `null` that a merge has left, holds none, and neither does one without a source. */
const linesIn = (cell: unknown): number => {
  const source: unknown = isObject(cell) ? cell.source : undefined;
  if (Array.isArray(source)) return source.length;
  return source === undefined || source === null || source === '' ? 0 : 1;
};

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

interface Notebook {
  readonly cells?: unknown;
  readonly metadata?: unknown;
}

const parse = (content: string): Notebook | undefined => {
  const parsed = jsonOrNothing(content);
  // If it is no notebook, whatever its name, it is shown as the text that it is.
  return isObject(parsed) ? parsed : undefined;
};

const stringOf = (element: string): string | undefined => {
  if (!element.startsWith('"')) return undefined;
  // More than one string, or a name with its value, is no JSON.
  const value = jsonOrNothing(element);
  // Half of a character is no text.
  return typeof value === 'string' ? value.replace(/\p{Surrogate}/gu, '\ufffd') : undefined;
};

const languageOf = (metadata: unknown): string => {
  const { language_info: info, kernelspec: kernel } = isObject(metadata) ? metadata : {};
  const name = (isObject(info) ? info.name : undefined) ?? (isObject(kernel) ? kernel.language : undefined);
  return typeof name === 'string' && /^[\w+#.-]+$/.test(name) ? name : '';
};
