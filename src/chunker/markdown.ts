/** Markdown by one pass over its lines: ATX and setext headings, fenced code, front matter, lists and tables. */
import type { Lines } from './lines.ts';
import { emptyScan, MAX_MARKUP_LINE, markupOf, type Scan, structureOfProse, titleOf } from './prose.ts';
import type { Structure } from './structure.ts';

const ATX = /^ {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t\r]*$/;
const UNDERLINE = /^ {0,3}(=+|-+)[ \t\r]*$/;
const RULE = /^ {0,3}(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})\r?$/;
const FENCE = /^[ \t>]*(`{3,}(?!.*`)|~{3,})/;
const ITEM = /^(?:[-*+]|\d{1,9}[.)])[ \t]/;
/** What cannot be the title above a setext underline: quotes, items, tables, HTML, code. */
const NO_TITLE = /^(?:>|[-*+][ \t]|\d{1,9}[.)][ \t]|\||<|`{3}|~{3}|#{1,6}[ \t])/;

/** The row between a table's header and its body. */
const DELIMITER = /^[ \t]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t\r]*$/;

/** Which line is what. */
const scan = (content: string, lines: Lines): Scan => {
  const count = lines.start.length;
  const { heading, kind, repeated } = emptyScan(count);
  const textOf = markupOf(content, lines);
  const glued = (line: number) => (lines.blanks[line] ?? 1) === 0;

  let i = 0;
  if (lines.number[0] === 1 && /^---[ \t\r]*$/.test(textOf(0))) {
    // Without its end it is a rule and not front matter.
    let end = 1;
    while (end < count && !/^(?:---|\.\.\.)[ \t\r]*$/.test(textOf(end))) end += 1;
    if (end < count) for (; i <= end; i += 1) kind[i] = 'front';
  }

  let fence: { readonly mark: string; readonly indent: number } | undefined;
  let closed = false;
  for (; i < count; i += 1) {
    const line = textOf(i);
    const indent = lines.indent[i] ?? 0;
    const mark = FENCE.exec(line)?.[1];
    // The fence of a list item ends with its item, closed or not: what stands left of the item's text is outside.
    if (fence && fence.indent >= 2 && indent < fence.indent - 3) fence = undefined;
    if (fence) {
      kind[i] = 'code';
      if (mark?.startsWith(fence.mark) && /^[ \t>]*[`~]+[ \t\r]*$/.test(line)) {
        fence = undefined;
        closed = true;
      }
      continue;
    }
    if (closed) kind[i] = 'after-fence';
    closed = false;
    if (mark) {
      fence = { mark, indent };
      kind[i] = 'fence';
      continue;
    }
    const atx = ATX.exec(line);
    if (atx) {
      heading[i] = { level: (atx[1] ?? '#').length, title: titleOf(atx[2] ?? '') };
      continue;
    }
    if (line.includes('|') && glued(i + 1) && textOf(i + 1).includes('|') && DELIMITER.test(textOf(i + 1))) {
      kind[i + 1] = 'glued';
      for (i += 2; glued(i) && textOf(i).includes('|'); i += 1) {
        kind[i] = kind[i - 1] === 'glued' ? 'glued' : 'row';
        repeated[i] = line;
      }
      i -= 1;
      continue;
    }
    const underline = UNDERLINE.exec(line)?.[1];
    if (underline && i > 0 && (lines.blanks[i] ?? 0) === 0 && isTitle(i - 1, textOf(i - 1), lines, kind, heading)) {
      heading[i - 1] = { level: underline.startsWith('=') ? 1 : 2, title: titleOf(textOf(i - 1)) };
      kind[i] = 'underline';
      continue;
    }
    if (RULE.test(line)) kind[i] = 'rule';
    else if (ITEM.test(content.slice(lines.first[i] ?? 0, (lines.first[i] ?? 0) + 12))) kind[i] = 'item';
  }
  return { heading, kind, repeated };
};

/** Whether this line, underlined, is a heading. A paragraph of several lines above a rule rarely means to be one. */
const isTitle = (i: number, line: string, lines: Lines, kind: Scan['kind'], heading: Scan['heading']): boolean =>
  (kind[i] === 'text' || kind[i] === 'after-fence') &&
  heading[i] === undefined &&
  (lines.indent[i] ?? 0) <= 3 &&
  (lines.end[i] ?? 0) - (lines.start[i] ?? 0) < MAX_MARKUP_LINE &&
  !NO_TITLE.test(line.trimStart()) &&
  (i === 0 || (lines.blanks[i] ?? 0) > 0 || kind[i - 1] !== 'text' || heading[i - 1] !== undefined);

export const markdown = (content: string, lines: Lines): Structure =>
  structureOfProse(content, lines, scan(content, lines));

/** What a document calls itself: its first heading of the highest level that it has before any other text's. */
export const titleOfMarkdown = (content: string, lines: Lines): string | undefined =>
  scan(content, lines).heading.find((heading) => heading?.level === 1 && heading.title !== '')?.title;
