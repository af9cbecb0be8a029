/** Answers that fit: what an agent is given is bounded in tokens, whatever stands in it, and says where it goes on. */
import type { AnswerOf } from '../api/questions.ts';

export const DEFAULT_TOKENS = 8_000;
export const MIN_TOKENS = 500;
/** An answer goes out twice, as text and as structure, and clients take 25,000 tokens. */
export const MAX_TOKENS = 10_000;

/** Of JSON that holds code and prose; rather too many tokens than too few. */
const BYTES_PER_TOKEN = 3;
/** Of a field that is cut for lack of room: as long as the longest id of a commit. */
const SHORT_BYTES = 66;
const SHORT_ITEMS = 3;
/** Of the copies of a hit, where not all hits fit with all of theirs. */
const SHORT_COPIES = 2;

/** As JSON. */
const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));

export const tokensOf = (value: unknown): number => Math.ceil(bytesOf(value) / BYTES_PER_TOKEN);

/** Names of the fields of which something is left out. Nothing is said where nothing is. */
interface Cut {
  readonly cut?: readonly string[];
}

type Hit = AnswerOf<'similar'>['hits'][number] & Cut;
type Page = Pick<AnswerOf<'similar'>, 'next'> & { readonly hits: readonly Hit[] };

/** Leaves out the hits that do not fit; they are the next page. The first one is cut if need be. */
export const fittingHits = <T extends Page>(
  answer: T,
  offset: number,
  tokens: number,
): Omit<T, 'hits'> & Pick<Page, 'hits'> & Cut => {
  if (tokensOf(answer) <= tokens) return answer;
  const bytes = tokens * BYTES_PER_TOKEN;
  const base = withinHalf({ ...answer, hits: [], next: Number.MAX_SAFE_INTEGER }, bytes);
  let room = bytes - bytesOf(base);
  const hits: Hit[] = [];
  for (const whole of answer.hits) {
    const hit = withFewCopies(whole, SHORT_COPIES);
    const needed = bytesOf(hit) + 1;
    if (needed > room) {
      if (hits.length === 0) hits.push(fittingHit(hit, room));
      break;
    }
    room -= needed;
    hits.push(hit);
  }
  return { ...base, hits, next: hits.length < answer.hits.length ? offset + hits.length : answer.next };
};

const withFewCopies = (hit: Hit, most: number): Hit =>
  hit.copies.length > most ? noted({ ...hit, copies: hit.copies.slice(0, most) }, ['copies']) : hit;

/** Copies go first, then what is not its text as far as that is more than half, then the end of the text. */
const fittingHit = (whole: Hit, bytes: number): Hit => {
  const hit = withFewCopies(whole, 0);
  if (bytesOf(hit) <= bytes) return hit;
  const { text, ...rest } = withinHalf({ ...hit, text: '' }, bytes);
  const bare = noted({ ...rest, text: '' }, ['text']);
  const mark = (line: number) => `… (cut: \`read\` goes on from line ${line})`;
  const kept = prefix(whole.text, bytes - bytesOf(bare) - bytesOf(mark(Number.MAX_SAFE_INTEGER)));
  return { ...bare, text: `${kept}${mark(hit.startLine + kept.split('\n').length - 1)}` };
};

/** Leaves out the lines that do not fit; the next question begins there, and within the first line if that is too long. */
export const fittingLines = (answer: AnswerOf<'read'>, tokens: number): AnswerOf<'read'> & Cut => {
  if (tokensOf(answer) <= tokens) return answer;
  const bytes = tokens * BYTES_PER_TOKEN;
  const most = Number.MAX_SAFE_INTEGER;
  const base = withinHalf({ ...answer, text: '', endLine: most, next: most, nextColumn: most }, bytes);
  let room = bytes - bytesOf(base);
  const { startLine, startColumn } = answer;
  const lines: string[] = [];
  for (const line of answer.text.split('\n')) {
    // Its quotes are what the line break takes.
    room -= bytesOf(line);
    if (room >= 0) lines.push(line);
    else if (lines.length === 0) {
      const text = prefix(line, room + bytesOf(line));
      return { ...base, text, endLine: startLine, next: startLine, nextColumn: startColumn + text.length };
    } else break;
  }
  const endLine = startLine + lines.length - 1;
  const next = endLine < answer.totalLines ? endLine + 1 : null;
  return { ...base, text: lines.join('\n'), endLine, next, nextColumn: next === null ? null : 1 };
};

type Status = AnswerOf<'status'>;

/** Leaves out what does not fit of each list, projects with nothing pending first, and says how many of those. */
export const fittingProjects = (answer: Status, tokens: number): Status & Cut & { readonly left: number } => {
  const whole = { ...answer, left: 0 };
  if (tokensOf(whole) <= tokens) return whole;
  const bytes = tokens * BYTES_PER_TOKEN;
  const lists = {
    waits: answer.waits,
    webhooks: answer.webhooks,
    runs: answer.runs,
    projects: answer.projects.toSorted((a, b) => b.pending + b.failed - (a.pending + a.failed)),
  };
  const none = { waits: [], webhooks: [], runs: [], projects: [] };
  const base = noted(withinHalf({ ...answer, ...none, left: answer.projects.length }, bytes), Object.keys(none));
  let room = bytes - bytesOf(base);
  const fitting = <T extends object>(items: readonly T[]): readonly T[] => {
    const kept: T[] = [];
    for (const item of items.map((one) => (bytesOf(one) > bytes / 8 ? shortened(one).short : one))) {
      if (bytesOf(item) + 1 > room) break;
      room -= bytesOf(item) + 1;
      kept.push(item);
    }
    return kept;
  };
  const [waits, webhooks, runs] = [fitting(lists.waits), fitting(lists.webhooks), fitting(lists.runs)];
  const projects = fitting(lists.projects);
  const shown = { waits, webhooks, runs, projects };
  const { cut, ...rest } = base;
  const less = cut?.filter((name) => !(name in lists) || isLess(shown, lists, name as keyof typeof lists)) ?? [];
  const left = answer.projects.length - projects.length;
  return noted({ ...rest, ...shown, left }, less);
};

type Lists = Readonly<Record<'waits' | 'webhooks' | 'runs' | 'projects', readonly object[]>>;

const isLess = (shown: Lists, all: Lists, name: keyof Lists): boolean =>
  all[name].some((item, at) => item !== shown[name][at]);

/** An error is what a person would be told, and not a page of what was asked. */
export const fittingError = (message: string, tokens: number): string => {
  if (tokensOf(message) <= tokens) return message;
  const mark = '… (cut)';
  return `${prefix(message, tokens * BYTES_PER_TOKEN - bytesOf(mark))}${mark}`;
};

/** Without a link, and then with short fields, if it takes more than half of the room. */
const withinHalf = <T extends object & Cut>(value: T, bytes: number): T & Cut => {
  if (bytesOf(value) <= bytes / 2) return value;
  const unlinked = 'url' in value && value.url !== null ? noted({ ...value, url: null }, ['url']) : value;
  if (bytesOf(unlinked) <= bytes / 2) return unlinked;
  const { cut, ...rest } = unlinked;
  const { short, names } = shortened(rest as T);
  return noted({ ...short, ...(cut ? { cut } : {}) }, names);
};

const noted = <T extends object & Cut>(value: T, names: readonly string[]): T & Cut =>
  names.length === 0 ? value : { ...value, cut: [...new Set([...(value.cut ?? []), ...names])] };

/** Every text in it short, however deep, and every list; and the names of those that were longer. */
const shortened = <T extends object>(value: T): { readonly short: T; readonly names: readonly string[] } => {
  const names: string[] = [];
  const shorten = (one: unknown, name: string): unknown => {
    if (typeof one === 'string') {
      if (bytesOf(one) <= SHORT_BYTES) return one;
      names.push(name);
      return `${prefix(one, SHORT_BYTES - bytesOf('…'))}…`;
    }
    if (Array.isArray(one)) {
      if (one.length > SHORT_ITEMS) names.push(name);
      return one.slice(0, SHORT_ITEMS).map((item) => shorten(item, name));
    }
    if (typeof one !== 'object' || one === null) return one;
    return Object.fromEntries(Object.entries(one).map(([key, item]) => [key, shorten(item, name || key)]));
  };
  return { short: shorten(value, '') as T, names };
};

/** As much of it as takes at most so many bytes in JSON, quotes and all. */
const prefix = (text: string, bytes: number): string => {
  let [end, used] = [0, 2];
  for (const character of text) {
    used += bytesOf(character) - 2;
    if (used > bytes) break;
    end += character.length;
  }
  return text.slice(0, end);
};
