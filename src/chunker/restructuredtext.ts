/**
 * reStructuredText by one pass over its lines: titles with their underlines and overlines, tables, lists; what is indented
 * belongs to the directive, the definition or the quote above it.
 */
import type { Lines } from './lines.ts';
import { emptyScan, gluedIn, MAX_MARKUP_LINE, markupOf, type Scan, structureOfProse, titleOf } from './prose.ts';
import type { Structure } from './structure.ts';

const ADORNMENT = /^([!-/:-@[-`{-~])\1*[ \t\r]*$/;
const GRID = /^[ \t]*\+(?:[-=]+\+)+[ \t\r]*$/;
const GRID_HEADER = /^[ \t]*\+(?:=+\+)+[ \t\r]*$/;
const SIMPLE = /^[ \t]*=+(?:[ \t]+=+)+[ \t\r]*$/;
const ITEM = /^[ \t]*(?:[*+-]|\(?(?:\d+|#|[A-Za-z])[.)])[ \t]+\S/;
/** Shorter ones are more often three dots or two dashes of something else. */
const MIN_ADORNMENT = 3;

export const restructuredtext = (content: string, lines: Lines): Structure =>
  structureOfProse(content, lines, scan(content, lines));

const scan = (content: string, lines: Lines): Scan => {
  const count = lines.start.length;
  const { heading, kind, repeated } = emptyScan(count);
  const textOf = markupOf(content, lines);
  const glued = gluedIn(lines);
  const adornment = (i: number): string | undefined => {
    if ((lines.indent[i] ?? 1) > 0 || (lines.end[i] ?? 0) - (lines.start[i] ?? 0) >= MAX_MARKUP_LINE) return undefined;
    const line = textOf(i).trimEnd();
    return line.length >= MIN_ADORNMENT ? ADORNMENT.exec(line)?.[1] : undefined;
  };
  const lengthOf = (i: number) => textOf(i).trimEnd().length;
  // Which adornment means which level, every document decides for itself by using it.
  const levels: string[] = [];
  const levelOf = (style: string): number =>
    (levels.includes(style) ? levels.indexOf(style) : levels.push(style) - 1) + 1;

  for (let i = 0; i < count; i += 1) {
    const line = textOf(i);
    if (GRID.test(line) || SIMPLE.test(line)) {
      i = table(i, { count, kind, repeated, textOf, glued });
      continue;
    }
    const mark = adornment(i);
    if (
      mark !== undefined &&
      glued(i + 1) &&
      adornment(i + 1) === undefined &&
      glued(i + 2) &&
      adornment(i + 2) === mark
    ) {
      heading[i] = { level: levelOf(mark + mark), title: titleOf(textOf(i + 1)) };
      kind[i + 1] = 'underline';
      kind[i + 2] = 'underline';
      i += 2;
      continue;
    }
    const under = mark === undefined && (lines.indent[i] ?? 0) === 0 && glued(i + 1) ? adornment(i + 1) : undefined;
    if (under !== undefined && lengthOf(i + 1) >= lengthOf(i) - 1 && (i === 0 || !glued(i) || kind[i - 1] !== 'text')) {
      heading[i] = { level: levelOf(under), title: titleOf(line) };
      kind[i + 1] = 'underline';
      i += 1;
    } else if (mark !== undefined && !glued(i)) kind[i] = 'rule';
    else if (ITEM.test(line)) kind[i] = 'item';
    else if ((lines.indent[i] ?? 0) > 0) kind[i] = 'code';
  }
  return { heading, kind, repeated };
};

interface Table extends Pick<Scan, 'kind' | 'repeated'> {
  readonly count: number;
  readonly textOf: (i: number) => string;
  readonly glued: (i: number) => boolean;
}

/** Ends with the last line of the table that begins here. */
const table = (first: number, { count, kind, repeated, textOf, glued }: Table): number => {
  const isGrid = GRID.test(textOf(first));
  let last = first;
  let rules = 1;
  let header = -1;
  for (let i = first + 1; i < count; i += 1) {
    const line = textOf(i);
    // A simple table may have blank lines between its rows, and ends with a rule that a blank line follows.
    if (isGrid ? !glued(i) || !/^[ \t]*[+|]/.test(line) : rules > 2 || (rules > 1 && header < 0)) break;
    last = i;
    if (isGrid ? GRID_HEADER.test(line) : SIMPLE.test(line)) {
      rules += 1;
      if (header < 0 && (isGrid || glued(i + 1))) header = i;
    }
  }
  // Without its end it is none.
  if (!isGrid && rules < (header < 0 ? 2 : 3)) return first;
  const titles = Array.from({ length: Math.max(0, header - first - 1) }, (_, i) => textOf(first + 1 + i)).join('\n');
  for (let i = first + 1; i <= last; i += 1) {
    kind[i] = i <= header + 1 || i === last || (isGrid && !GRID.test(textOf(i - 1))) ? 'glued' : 'row';
    if (header >= 0 && i > header) repeated.set(i, titles);
  }
  return last;
};
