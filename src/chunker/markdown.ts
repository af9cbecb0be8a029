/**
 * Markdown by one pass over its lines: ATX and setext headings, fenced code, front matter, lists and tables. Not a
 * parser: only what decides where a chunk may begin and under which headings it stands.
 */
import type { Lines } from './lines.ts';
import type { Section, Structure } from './structure.ts';

const ATX = /^ {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t\r]*$/;
const UNDERLINE = /^ {0,3}(=+|-+)[ \t\r]*$/;
const RULE = /^ {0,3}(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})\r?$/;
const FENCE = /^[ \t>]*(`{3,}(?!.*`)|~{3,})/;
const ITEM = /^(?:[-*+]|\d{1,9}[.)])[ \t]/;
/** What cannot be the title above a setext underline: quotes, items, tables, HTML, code. */
const NO_TITLE = /^(?:>|[-*+][ \t]|\d{1,9}[.)][ \t]|\||<|`{3}|~{3}|#{1,6}[ \t])/;

/** A heading is part of everything that is embedded below it: markup and excess length would drown the words. */
const MAX_TITLE = 200;
/** A line this long is no heading, and not worth matching patterns against. */
const MAX_MARKUP_LINE = 1_000;

const COLON = 58;

/** Strengths, from what is cut at first to what is cut at last. */
const HEADING = 15;
const AFTER_FRONT_MATTER = 8;
const AFTER_RULE = 7;
const BLOCK = 6;
const INNER_BLOCK = 5;
const ITEM_OF_LIST = 4;
const BESIDE_FENCE = 3;
const CODE_BLOCK = 2;
const PLAIN = 1;
const GLUED = 0;

const titleOf = (raw: string): string =>
  raw
    .replace(/<[^>]{0,200}>/g, '')
    .replace(/!?\[([^\]]{0,200})\]\([^)]{0,500}\)/g, '$1')
    .replace(/[`*]/g, '')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, MAX_TITLE)
    // Not half of a character.
    .replace(/[\uD800-\uDBFF]$/, '');

interface Heading {
  readonly level: number;
  readonly title: string;
}

interface Scan {
  readonly heading: (Heading | undefined)[];
  readonly kind: ('text' | 'underline' | 'rule' | 'fence' | 'code' | 'after-fence' | 'front' | 'item')[];
}

/** Which line is what. */
const scan = (content: string, lines: Lines): Scan => {
  const count = lines.start.length;
  const heading: Scan['heading'] = new Array(count).fill(undefined);
  const kind: Scan['kind'] = new Array(count).fill('text');
  const textOf = (i: number) =>
    content.slice(lines.start[i] ?? 0, Math.min(lines.end[i] ?? 0, (lines.start[i] ?? 0) + MAX_MARKUP_LINE));

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
    const underline = UNDERLINE.exec(line)?.[1];
    if (underline && i > 0 && (lines.blanks[i] ?? 0) === 0 && isTitle(i - 1, textOf(i - 1), lines, kind, heading)) {
      heading[i - 1] = { level: underline.startsWith('=') ? 1 : 2, title: titleOf(textOf(i - 1)) };
      kind[i] = 'underline';
      continue;
    }
    if (RULE.test(line)) kind[i] = 'rule';
    else if (ITEM.test(content.slice(lines.first[i] ?? 0, (lines.first[i] ?? 0) + 12))) kind[i] = 'item';
  }
  return { heading, kind };
};

/** Whether this line, underlined, is a heading. A paragraph of several lines above a rule rarely means to be one. */
const isTitle = (i: number, line: string, lines: Lines, kind: Scan['kind'], heading: Scan['heading']): boolean =>
  (kind[i] === 'text' || kind[i] === 'after-fence') &&
  heading[i] === undefined &&
  (lines.indent[i] ?? 0) <= 3 &&
  (lines.end[i] ?? 0) - (lines.start[i] ?? 0) < MAX_MARKUP_LINE &&
  !NO_TITLE.test(line.trimStart()) &&
  (i === 0 || (lines.blanks[i] ?? 0) > 0 || kind[i - 1] !== 'text' || heading[i - 1] !== undefined);

export const markdown = (content: string, lines: Lines): Structure => {
  const { heading, kind } = scan(content, lines);
  const count = lines.start.length;
  const strength: number[] = new Array(count).fill(PLAIN);
  const section: number[] = new Array(count).fill(-1);
  const sections: Section[] = [];
  const levels: number[] = [];
  let current = -1;
  for (let i = 0; i < count; i += 1) {
    const own = heading[i];
    if (own) {
      while (current >= 0 && (levels[current] ?? 0) >= own.level) current = sections[current]?.parent ?? -1;
      sections.push({ title: own.title, parent: current, line: i });
      levels.push(own.level);
      current = sections.length - 1;
    }
    section[i] = current;
    const above = heading[i - 1];
    const introduced = own
      ? above !== undefined && above.level < own.level
      : above !== undefined || content.charCodeAt((lines.end[i - 1] ?? 0) - 1) === COLON;
    strength[i] = strengthOf(i, own, introduced, kind[i - 1], kind[i], lines);
  }
  return { strength, sections, section };
};

const strengthOf = (
  i: number,
  own: Heading | undefined,
  introduced: boolean,
  before: Scan['kind'][number] | undefined,
  kind: Scan['kind'][number] | undefined,
  lines: Lines,
): number => {
  const blank = (lines.blanks[i] ?? 0) > 0;
  const indent = lines.indent[i] ?? 0;
  if (kind === 'front') return PLAIN;
  if (kind === 'code') return blank ? (indent === 0 ? BESIDE_FENCE : CODE_BLOCK) : PLAIN;
  // The first line of a section stays with its heading, a heading with the one right above that it belongs to, and a
  // list or an example with the line that announces it: by itself that line says nothing.
  if (introduced && before !== 'front') return GLUED;
  if (own) return HEADING - own.level;
  if (before === 'underline' || kind === 'underline') return GLUED;
  if (before === 'front') return AFTER_FRONT_MATTER;
  if (kind === 'rule' || before === 'rule') return AFTER_RULE;
  if (blank) return indent > 1 || kind === 'item' ? INNER_BLOCK : BLOCK;
  if (kind === 'item') return indent > 1 ? BESIDE_FENCE : ITEM_OF_LIST;
  if (kind === 'fence' || kind === 'after-fence') return BESIDE_FENCE;
  return PLAIN;
};

/** What a document calls itself: its first heading of the highest level that it has before any other text's. */
export const titleOfMarkdown = (content: string, lines: Lines): string | undefined =>
  scan(content, lines).heading.find((heading) => heading?.level === 1 && heading.title !== '')?.title;
