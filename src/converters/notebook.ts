/**
 * Jupyter notebooks as Markdown: what was written into their cells, code in fences, without outputs and bookkeeping.
 *
 * Line N of the text stands in line N of the file. Notebooks are saved with a line of JSON for each line of a cell, so
 * each is put where it came from, a fence where its cell's source begins and ends, and all else is left blank: what is
 * found can be linked to. A notebook that is saved otherwise stays the JSON that it is.
 */
import { linesOf } from '../chunker/lines.ts';
import { titleOfMarkdown } from '../chunker/markdown.ts';
import { asItStands, type Format, type Kind } from './format.ts';

export const notebook: Format = {
  name: 'notebook',
  version: 1,
  kinds: [{ language: 'jupyter', mediaType: 'application/x-ipynb+json', extensions: ['ipynb'] }],
  text(content, kind) {
    const markdown = markdownOf(content);
    if (markdown === undefined) return asItStands(content, JSON_KIND);
    const title = titleOfMarkdown(markdown, linesOf(markdown));
    return title === undefined ? asItStands(markdown, kind) : { ...asItStands(markdown, kind), title };
  },
};

const JSON_KIND: Kind = { language: 'json', mediaType: 'application/json' };

const SOURCE_BEGINS = /^\s*"source":\s*\[\s*$/;
const SOURCE_ENDS = /^\s*\]\s*,?\s*$/;
const CELL_TYPE = /^\s*"cell_type":\s*"(\w+)"\s*,?\s*$/;

interface Cell {
  readonly source?: unknown;
}

const markdownOf = (content: string): string | undefined => {
  const parsed = parse(content);
  const cells = parsed?.cells;
  if (!Array.isArray(cells)) return undefined;
  const language = languageOf(parsed?.metadata);
  const lines = content.split('\n');
  const text: string[] = new Array(lines.length).fill('');
  let written = 0;
  let type = '';
  for (let i = 0; i < lines.length; i += 1) {
    type = CELL_TYPE.exec(lines[i] ?? '')?.[1] ?? type;
    if (!SOURCE_BEGINS.test(lines[i] ?? '')) continue;
    const begin = i;
    for (i += 1; i < lines.length && !SOURCE_ENDS.test(lines[i] ?? ''); i += 1) {
      const line = stringOf(lines[i] ?? '');
      // More than one line of source, or none, in a line of the file: nowhere to put it.
      if (line === undefined || /[\n\r]./s.test(line)) return undefined;
      text[i] = line.trimEnd();
      written += 1;
    }
    if (type === 'markdown') continue;
    const longest = Math.max(2, ...text.slice(begin + 1, i).map((line) => /^\s*(`*)/.exec(line)?.[1]?.length ?? 0));
    const fence = '`'.repeat(longest + 1);
    text[begin] = type === 'code' ? fence + language : fence;
    text[i] = fence;
  }
  // What was read line by line has to be all that the notebook says it has.
  const sources = cells.reduce(
    (sum: number, { source }: Cell) => sum + (Array.isArray(source) ? source.length : source === '' ? 0 : 1),
    0,
  );
  return written === sources && written > 0 ? text.join('\n') : undefined;
};

interface Notebook {
  readonly cells?: unknown;
  readonly metadata?: unknown;
}

const parse = (content: string): Notebook | undefined => {
  try {
    const parsed: unknown = JSON.parse(content);
    return typeof parsed === 'object' && parsed !== null ? parsed : undefined;
  } catch {
    // Not JSON, whatever its name: shown as the text that it is.
    return undefined;
  }
};

const stringOf = (line: string): string | undefined => {
  const literal = /^\s*("(?:[^"\\]|\\.)*")\s*,?\s*$/.exec(line)?.[1];
  // Half of a character is no text.
  return literal === undefined ? undefined : (JSON.parse(literal) as string).replace(/\p{Surrogate}/gu, '\ufffd');
};

const languageOf = (metadata: unknown): string => {
  const { language_info, kernelspec } = (metadata ?? {}) as {
    readonly language_info?: { readonly name?: unknown };
    readonly kernelspec?: { readonly language?: unknown };
  };
  const name = language_info?.name ?? kernelspec?.language;
  return typeof name === 'string' && /^[\w+#.-]+$/.test(name) ? name : '';
};
