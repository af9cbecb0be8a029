/** AsciiDoc by one pass over its lines: section titles, delimited blocks, tables, lists, and the lines that announce them. */
import type { Lines } from './lines.ts';
import { emptyScan, gluedIn, type Heading, markupOf, type Scan, structureOfProse, titleOf } from './prose.ts';
import type { Structure } from './structure.ts';

const TITLE = /^(={1,6}|#{1,6})[ \t]+(\S.*)$/;
const TABLE = /^[|,:!]={3,}[ \t\r]*$/;
const BLOCK = /^(?:-{4,}|\.{4,}|={4,}|\*{4,}|_{4,}|\+{4,}|\/{4,}|--|`{3,}.*)[ \t\r]*$/;
/** Said of what comes next: an anchor, attributes, a title. */
const ANNOUNCES = /^(?:\[[^\]]*\]|\.[^\s.].*)[ \t\r]*$/;
const RULE = /^(?:'{3,}|<{3,})[ \t\r]*$/;
const ITEM = /^[ \t]*(?:[*.-]{1,5}|\d+\.)[ \t]+\S|^\S.*?:{2,4}(?:[ \t]|\r?$)/;

export const asciidoc = (content: string, lines: Lines): Structure =>
  structureOfProse(content, lines, scan(content, lines));

/** What marks it may stand behind it too. Cut off by hand: a pattern would try every end of a line of spaces. */
const titleIn = (line: string): Heading | undefined => {
  const [, mark = '', text = ''] = TITLE.exec(line.trimEnd()) ?? [];
  if (mark === '') return undefined;
  const bare =
    text.endsWith(mark) && /[ \t]/.test(text.at(-mark.length - 1) ?? '') ? text.slice(0, -mark.length) : text;
  return { level: mark.length, title: titleOf(bare.trimEnd()) };
};

const scan = (content: string, lines: Lines): Scan => {
  const count = lines.start.length;
  const { heading, kind, repeated } = emptyScan(count);
  const textOf = markupOf(content, lines);
  const glued = gluedIn(lines);
  /** The first of the lines right above that announce the next one; the next one itself if there is none. */
  let announced = 0;
  for (let i = 0; i < count; i += 1) {
    const line = textOf(i);
    const begin = announced < i && glued(i) ? announced : i;
    if (begin < i) kind[i] = 'glued';
    announced = i + 1;
    const title = titleIn(line);
    if (title) {
      heading[begin] = title;
      for (let above = begin + 1; above <= i; above += 1) kind[above] = 'underline';
    } else if (TABLE.test(line)) {
      const mark = line.trimEnd();
      const firstRow = i + 1;
      const hasHeader = /header/.test(begin < i ? textOf(i - 1) : '') || (glued(firstRow) && !glued(firstRow + 1));
      if (begin === i) kind[i] = 'fence';
      for (i += 1; i < count && textOf(i).trimEnd() !== mark; i += 1) {
        kind[i] = i <= firstRow + 1 ? 'glued' : 'row';
        if (hasHeader && i > firstRow) repeated.set(i, textOf(firstRow));
      }
      if (i < count) kind[i] = 'glued';
      announced = i + 1;
    } else if (BLOCK.test(line)) {
      const mark = line.trimEnd().replace(/^(`{3,}).*/, '$1');
      if (begin === i) kind[i] = 'fence';
      for (i += 1; i < count && textOf(i).trimEnd() !== mark; i += 1) kind[i] = 'code';
      if (i < count) kind[i] = 'code';
      if (i + 1 < count) kind[i + 1] = 'after-fence';
      announced = i + 1;
    } else if (ANNOUNCES.test(line)) {
      announced = begin;
    } else if (RULE.test(line)) kind[i] = 'rule';
    else if (begin === i && ITEM.test(line)) kind[i] = 'item';
  }
  return { heading, kind, repeated };
};
