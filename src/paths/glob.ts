/**
 * Globs over paths as `.gitignore` has them, for all that is asked: `*` and `?` stay within a folder, `**` crosses them,
 * `[a-z]` and `{a,b}` choose. A glob without a slash matches at any depth; one that names a folder matches what is below
 * it.
 */
import { BadUsage } from '../errors.ts';
import {
  ANY,
  type Characters,
  choice,
  except,
  FOLDERS,
  literal,
  many,
  matcher,
  NO_SLASH,
  one,
  type Pattern,
  type Rule,
  rangeOf,
  sequence,
} from './matcher.ts';

export const MAX_GLOB_CHARS = 1_000;
const MAX_DEPTH = 10;
const MAX_CHOICES = 200;
/** What a glob may cost in all, over as many paths as there are. An ordinary one takes some thousands. */
const MAX_STEPS = 2_000_000;
const SHOWN_CHARS = 60;

/** Throws `BadUsage` for a glob beyond the bounds, and while matching for one that takes more than its share. */
export const globMatcher = (glob: string): ((path: string) => boolean) => {
  let left = MAX_STEPS;
  const onSteps = (steps: number) => {
    left -= steps;
    if (left < 0)
      throw new BadUsage(
        `match paths: the glob ${quoted(glob)} leaves too much open to be compared with all paths: write it with fewer \`*\`, \`?\` and \`{}\``,
      );
  };
  const matches = matcher([globRule(glob)], { onSteps });
  const text = textIn(glob);
  return (path) => path.includes(text) && matches(path);
};

/** For many globs at once. Throws `BadUsage` for one beyond the bounds. */
export const globRule = (glob: string): Rule => {
  const problem = globProblem(glob);
  if (problem !== undefined) throw new BadUsage(`read the glob ${quoted(glob)}: ${problem}`);
  const { body, anywhere } = partsOf(glob);
  const pattern = parsed(body);
  return { pattern: anywhere ? sequence(FOLDERS, pattern) : pattern, files: true, folders: true, takes: true };
};

/** What stands against a glob, if anything does. */
export const globProblem = (glob: string): string | undefined => {
  const { body } = partsOf(glob);
  if (body.length > MAX_GLOB_CHARS) return `expected at most ${MAX_GLOB_CHARS} characters, and it has ${body.length}`;
  const { tokens, choices } = tokensOf(body);
  let [depth, deepest, alternatives] = [0, 0, 0];
  for (const token of choices ? tokens : []) {
    if (token === '{') depth += 1;
    if (token === '}') depth -= 1;
    deepest = Math.max(deepest, depth);
    if (token === '{' || (token === ',' && depth > 0)) alternatives += 1;
  }
  if (deepest > MAX_DEPTH)
    return `expected \`{}\` inside each other at most ${MAX_DEPTH} deep, and they are ${deepest}`;
  if (alternatives > MAX_CHOICES)
    return `expected at most ${MAX_CHOICES} alternatives in \`{}\`, and there are ${alternatives}`;
  return undefined;
};

const quoted = (glob: string): string =>
  JSON.stringify(glob.length > SHOWN_CHARS ? `${glob.slice(0, SHOWN_CHARS)}…` : glob);

/** The longest text that each path that matches has, beyond what it begins with: to look for it alone is much faster. */
const textIn = (glob: string): string => {
  const { body, anywhere } = partsOf(glob);
  if (/[{\\[]/.test(body)) return '';
  const [begin = '', ...others] = body.split(/\*\*\/|[*?]/);
  return [anywhere ? begin : '', ...others].reduce((longest, text) => (text.length > longest.length ? text : longest));
};

/** What each path that matches has, for stores that look such things up. Less than the glob says, never more. */
export interface Needed {
  /** The path itself or a folder above it. */
  readonly path?: string;
  /** Each of them is a part of the path. */
  readonly names: readonly string[];
  /** Some part of the path ends with it: it is the last dot in that part and what follows. */
  readonly ending?: string;
}

export const neededBy = (glob: string): Needed => {
  const { body, anywhere } = partsOf(glob);
  const parts = body.split('/');
  const literals = parts.map((part) => !/[*?[\]\\{},]/.test(part));
  const first = literals.indexOf(false);
  const prefix = parts.slice(0, first < 0 ? parts.length : first);
  const path = anywhere || prefix.length === 0 ? {} : { path: prefix.join('/') };
  // A choice may reach across parts, and `a**/b` also stands for `ab`.
  if (/[{\\[]|[^/]\*\*\//.test(body)) return { ...path, names: [] };
  const ending = /\.[^.*?\],}]+$/.exec(parts.at(-1) ?? '')?.[0];
  return {
    ...path,
    names: parts.filter((_, at) => literals[at] && (anywhere || at >= prefix.length)),
    ...(ending === undefined || literals.at(-1) ? {} : { ending }),
  };
};

const partsOf = (glob: string): { readonly body: string; readonly anywhere: boolean } => {
  const body = glob.replace(/^\.?\//, '').replace(/\/$/, '');
  return { body, anywhere: !glob.startsWith('/') && !body.includes('/') };
};

const TOKEN = /\*\*\/|\*\*|\*|\?|\[[!^]?[^\]]+\]|\\.|[{},]|[\s\S]/gu;

const tokensOf = (body: string) => {
  const tokens = body.match(TOKEN) ?? [];
  // A brace that nothing closes is a brace.
  let open = 0;
  const closed = tokens.every((token) => {
    open += token === '{' ? 1 : token === '}' ? -1 : 0;
    return open >= 0;
  });
  return { tokens, choices: closed && open === 0 };
};

const parsed = (body: string): Pattern => {
  const { tokens, choices } = tokensOf(body);
  /** The alternatives of each choice that is open, the glob itself being the first. */
  const open: Pattern[][][] = [[[]]];
  const add = (pattern: Pattern) => open.at(-1)?.at(-1)?.push(pattern);
  for (const token of tokens) {
    if (choices && token === '{') open.push([[]]);
    else if (open.length > 1 && token === ',') open.at(-1)?.push([]);
    else if (open.length > 1 && token === '}') add(alternativesOf(open.pop()));
    else add(single(token));
  }
  return alternativesOf(open.pop());
};

const alternativesOf = (alternatives: readonly (readonly Pattern[])[] = []): Pattern =>
  choice(...alternatives.map((parts) => sequence(...parts)));

const single = (token: string): Pattern => {
  if (token === '**/') return FOLDERS;
  if (token === '**') return many(ANY);
  if (token === '*') return many(NO_SLASH);
  if (token === '?') return one(NO_SLASH);
  if (token.length > 1 && token.startsWith('[')) return oneOf(token);
  if (token.length > 1 && token.startsWith('\\')) return literal(token.slice(1));
  return literal(token);
};

/** One that no character can be in, as `[b-a]`, is taken as it is written. */
const oneOf = (set: string): Pattern => {
  const negated = /^\[[!^]/.test(set);
  const chars = Array.from(set.slice(negated ? 2 : 1, -1));
  const ranges: Characters[number][] = [];
  for (let at = 0; at < chars.length; at += 1) {
    const [from = '', dash, to] = chars.slice(at, at + 3);
    const isRange = dash === '-' && to !== undefined;
    ranges.push(isRange ? rangeOf(from, to) : rangeOf(from));
    if (isRange) at += 2;
  }
  if (ranges.some(([from, to]) => from > to)) return literal(set);
  return one(negated ? except([...ranges, rangeOf('/')]) : ranges);
};
