/** Markdown by one pass over its lines: ATX and setext headings, fenced code, front matter, lists and tables. */
import type { Lines } from './lines.ts';
import { emptyScan, gluedIn, MAX_MARKUP_LINE, markupOf, type Scan, structureOfProse, titleOf } from './prose.ts';
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

/**
 * What a line begins with says what it may be: most begin with a letter, and no pattern has to be tried on them. These
 * are sets of such beginnings.
 */
const LEADS = { fence: '`~>', heading: '#', table: '|:-', underline: '=-', rule: '*-_', item: '-*+0123456789' };
const FENCES = 1;
const HEADINGS = 2;
const TABLES = 4;
const UNDERLINES = 8;
const RULES = 16;
const ITEMS = 32;
const mayBe = new Uint8Array(2 ** 16);
Object.values(LEADS).forEach((characters, bit) => {
  for (const character of characters)
    mayBe[character.charCodeAt(0)] = (mayBe[character.charCodeAt(0)] ?? 0) | (1 << bit);
});

/** Which line is what. */
const scan = (content: string, lines: Lines): Scan => {
  const count = lines.start.length;
  const { heading, kind, repeated } = emptyScan(count);
  const textOf = markupOf(content, lines);
  const glued = gluedIn(lines);
  const isText = (line: number) =>
    (kind[line] === 'text' || kind[line] === 'after-fence') && heading[line] === undefined;
  /** Whether this line, underlined, is a heading. A paragraph of several lines above a rule rarely means to be one. */
  const isTitle = (at: number, line: string) =>
    (lines.indent[at] ?? 0) <= 3 &&
    (lines.end[at] ?? 0) - (lines.start[at] ?? 0) < MAX_MARKUP_LINE &&
    !NO_TITLE.test(line.trimStart()) &&
    (at === 0 || !glued(at) || kind[at - 1] !== 'text' || heading[at - 1] !== undefined);

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
    const may = mayBe[content.charCodeAt(lines.first[i] ?? 0)] ?? 0;
    const indent = lines.indent[i] ?? 0;
    const mark = may & FENCES ? FENCE.exec(textOf(i))?.[1] : undefined;
    // The fence of a list item ends with its item, closed or not: what stands left of the item's text is outside.
    if (fence && fence.indent >= 2 && indent < fence.indent - 3) fence = undefined;
    if (fence) {
      kind[i] = 'code';
      if (mark?.startsWith(fence.mark) && /^[ \t>]*[`~]+[ \t\r]*$/.test(textOf(i))) {
        fence = undefined;
        closed = true;
      }
      continue;
    }
    if (closed) kind[i] = 'after-fence';
    closed = false;
    if (may === 0) continue;
    const line = textOf(i);
    if (mark) {
      fence = { mark, indent };
      kind[i] = 'fence';
      continue;
    }
    const atx = may & HEADINGS ? ATX.exec(line) : undefined;
    if (atx) {
      heading[i] = { level: (atx[1] ?? '#').length, title: titleOf(atx[2] ?? '') };
      continue;
    }
    const follows = may & (TABLES | UNDERLINES) && i > 0 && glued(i) && isText(i - 1);
    const header = follows && line.includes('|') && DELIMITER.test(line) ? textOf(i - 1) : '';
    if (header.includes('|')) {
      kind[i] = 'glued';
      for (i += 1; glued(i) && textOf(i).includes('|') && !ATX.test(textOf(i)); i += 1) {
        kind[i] = kind[i - 1] === 'glued' ? 'glued' : 'row';
        repeated.set(i, header);
      }
      i -= 1;
      continue;
    }
    const underline = follows && may & UNDERLINES ? UNDERLINE.exec(line)?.[1] : undefined;
    if (underline && isTitle(i - 1, textOf(i - 1))) {
      heading[i - 1] = { level: underline.startsWith('=') ? 1 : 2, title: titleOf(textOf(i - 1)) };
      kind[i] = 'underline';
      continue;
    }
    if (may & RULES && RULE.test(line)) kind[i] = 'rule';
    else if (may & ITEMS && ITEM.test(content.slice(lines.first[i] ?? 0, (lines.first[i] ?? 0) + 12))) kind[i] = 'item';
  }
  return { heading, kind, repeated };
};

export const markdown = (content: string, lines: Lines): Structure =>
  structureOfProse(content, lines, scan(content, lines));

/** What a document calls itself: its first heading of the highest level that it has before any other text's. */
export const titleOfMarkdown = (content: string, lines: Lines): string | undefined =>
  scan(content, lines).heading.find((heading) => heading?.level === 1 && heading.title !== '')?.title;
