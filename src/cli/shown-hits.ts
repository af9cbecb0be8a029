/** Hits for a person: of each the lines that are about the question, and a place that can be clicked. */
import { pathToFileURL } from 'node:url';
import type { AnswerOf } from '../api/questions.ts';
import { inLine, printable } from '../runtime/printable.ts';
import type { FoundChunk } from '../search/hits.ts';

const SHOWN_LINES = 6;
/** Shorter words are in every line. */
const MIN_WORD = 3;

const ESC = '\u001b';
const BOLD = `${ESC}[1m`;
const DIM = `${ESC}[2m`;
const MARK = `${ESC}[33;1m`;
const PLAIN = `${ESC}[0m`;

export interface Showing {
  readonly terminal: boolean;
  /** By project, where its files stand on this machine. */
  readonly folders: ReadonlyMap<string, string>;
}

export const shownHits = ({ hits, tookMs, query, next, freshness }: AnswerOf<'search'>, showing: Showing): string => {
  const words = wordsOf(query);
  const blocks = hits.map((hit, at) => block(hit, at + 1, words, showing));
  const more = next === null ? '' : `; more with --offset ${next}`;
  const behind = freshness.fresh ? [] : [behindText(freshness)];
  const said = hits.length === 0 ? 'Nothing found.' : `${hits.length} hits in ${tookMs} ms${more}`;
  return [...blocks, [said, ...behind].join('\n')].join('\n\n');
};

const behindText = ({ pending, pendingOf, planning, events }: AnswerOf<'search'>['freshness']): string => {
  const of = pendingOf === 'scope' ? '' : ' of the whole pipeline';
  const looks = planning + (events ?? 0) > 0 ? ', and pushes are being looked at' : '';
  return `Behind: ${pending ?? 'some'} documents${of} are on their way${looks}. --fresh waits for them.`;
};

const block = (hit: FoundChunk, number: number, words: RegExp | undefined, showing: Showing): string => {
  const { heading, text, startLine, score, stale } = hit;
  const paint = (style: string, said: string) => (showing.terminal ? `${style}${said}${PLAIN}` : said);
  const lines = text.split('\n');
  const from = bestWindow(lines, words);
  const shown = lines.slice(from, from + SHOWN_LINES);
  const width = String(startLine + from + shown.length - 1).length;
  const body = shown.map((line, at) => {
    const place = paint(DIM, `${String(startLine + from + at).padStart(width)} |`);
    const said = printable(line);
    return `   ${place} ${showing.terminal && words ? said.replace(words, `${MARK}$&${PLAIN}`) : said}`.trimEnd();
  });
  const under = heading.length > 0 ? [`   ${paint(DIM, inLine(heading.join(' > ')))}`] : [];
  const left = lines.length - shown.length;
  const rest = left > 0 ? [`   ${paint(DIM, `${' '.repeat(width)} … ${left} more lines`)}`] : [];
  const title = `${number}. ${paint(BOLD, place(hit, showing))}  (${score.toFixed(3)}${stale ? ', changed since' : ''})`;
  return [title, ...under, ...body, ...rest].join('\n');
};

/** A link where the terminal has some (OSC 8); to GitLab where there is a page, else to the file. */
const place = ({ path, startLine, endLine, project, url }: FoundChunk, { terminal, folders }: Showing): string => {
  const said = inLine(`${path}:${startLine}-${endLine}`);
  const folder = folders.get(project);
  const link = url ?? (folder === undefined ? undefined : pathToFileURL(`${folder}/${path}`).href);
  return terminal && link !== undefined ? `${ESC}]8;;${inLine(link)}${ESC}\\${said}${ESC}]8;;${ESC}\\` : said;
};

/** Words of the question, by their beginnings: `commits` also marks `committed`. */
const wordsOf = (query: string): RegExp | undefined => {
  const words = query.match(/[\p{L}\p{N}_]+/gu)?.filter((word) => word.length >= MIN_WORD) ?? [];
  const stems = words.map((word) => (/^\p{Ll}{5,}$/u.test(word) ? word.replace(/(?:ing|ed|es|s)$/, '') : word));
  return stems.length > 0 ? new RegExp(stems.join('|'), 'giu') : undefined;
};

/** The first of the lines that together have the most words of the question. */
const bestWindow = (lines: readonly string[], words: RegExp | undefined): number => {
  if (!words || lines.length <= SHOWN_LINES) return 0;
  const found = lines.map((line) => new Set(line.toLowerCase().match(words) ?? []));
  let best = { from: 0, count: -1 };
  for (let from = 0; from <= lines.length - SHOWN_LINES; from += 1) {
    const count = new Set(found.slice(from, from + SHOWN_LINES).flatMap((of) => [...of])).size;
    if (count > best.count) best = { from, count };
  }
  return best.from;
};
