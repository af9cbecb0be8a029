/**
 * Prose by what its lines are: headings and their sections, blocks, lists, code and tables, whatever the markup. Not a
 * parser: only what decides where a chunk may begin and under which headings it stands.
 */
import type { Lines } from './lines.ts';
import type { Section, Structure } from './structure.ts';

export interface Heading {
  readonly level: number;
  readonly title: string;
}

type Kind =
  | 'text'
  /** Belongs to the line above it. */
  | 'glued'
  /** Of a heading that has begun above it; what follows stays with it too. */
  | 'underline'
  | 'rule'
  | 'fence'
  | 'code'
  | 'after-fence'
  | 'front'
  | 'item'
  | 'row';

/** Which line is what, per line that is not blank. */
export interface Scan {
  readonly heading: (Heading | undefined)[];
  readonly kind: Kind[];
  /** Of a table's rows: its header, which whatever begins with the row repeats in what is embedded. */
  readonly repeated: Map<number, string>;
}

export const emptyScan = (count: number): Scan => ({
  heading: new Array(count).fill(undefined),
  kind: new Array(count).fill('text'),
  repeated: new Map(),
});

/** A line this long is no heading, and not worth matching patterns against. */
export const MAX_MARKUP_LINE = 1_000;

/** The texts of lines, as far as markup goes. */
export const markupOf =
  (content: string, { start, end }: Lines) =>
  (i: number): string =>
    content.slice(start[i] ?? 0, Math.min(end[i] ?? 0, (start[i] ?? 0) + MAX_MARKUP_LINE));

/** Whether nothing stands between a line and the one above it. */
export const gluedIn =
  ({ blanks }: Lines) =>
  (line: number): boolean =>
    (blanks[line] ?? 1) === 0;

/** A heading is part of everything that is embedded below it: markup and excess length would drown the words. */
const MAX_TITLE = 200;

export const titleOf = (raw: string): string =>
  raw.length <= MAX_TITLE && PLAIN_TITLE.test(raw) ? raw : withoutMarkup(raw);

/** As most are. */
const PLAIN_TITLE = /^[\w.,:;?'"()/&+-]+(?: [\w.,:;?'"()/&+-]+)*$/;

const withoutMarkup = (raw: string): string =>
  raw
    .replace(/<[^>]{0,200}>/g, '')
    .replace(/!?\[([^\]]{0,200})\]\([^)]{0,500}\)/g, '$1')
    .replace(/[`*]/g, '')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, MAX_TITLE)
    // Not half of a character.
    .replace(/[\uD800-\uDBFF]$/, '');

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

export const structureOfProse = (content: string, lines: Lines, { heading, kind, repeated }: Scan): Structure => {
  const count = lines.start.length;
  const strength = new Uint8Array(count);
  const section = new Int32Array(count);
  const sections: Section[] = [];
  const levels: number[] = [];
  let current = -1;
  let above: Heading | undefined;
  let before: Kind | undefined;
  let announces = false;
  for (let i = 0; i < count; i += 1) {
    const own = heading[i];
    if (own) {
      while (current >= 0 && (levels[current] ?? 0) >= own.level) current = sections[current]?.parent ?? -1;
      sections.push({ title: own.title, parent: current, line: i });
      levels.push(own.level);
      current = sections.length - 1;
    }
    section[i] = current;
    const introduced = own ? above !== undefined && above.level < own.level : above !== undefined || announces;
    strength[i] = strengthOf(i, own, introduced, before, kind[i], lines);
    above = own;
    before = kind[i];
    announces = content.charCodeAt((lines.end[i] ?? 0) - 1) === COLON;
  }
  return { strength, sections, section, repeated };
};

const strengthOf = (
  i: number,
  own: Heading | undefined,
  introduced: boolean,
  before: Kind | undefined,
  kind: Kind | undefined,
  lines: Lines,
): number => {
  const blank = (lines.blanks[i] ?? 0) > 0;
  const indent = lines.indent[i] ?? 0;
  if (kind === 'front' || kind === 'row') return PLAIN;
  if (kind === 'glued') return GLUED;
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
