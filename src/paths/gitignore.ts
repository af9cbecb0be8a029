/**
 * Patterns with the syntax of `.gitignore`, as git reads them (`wildmatch.c`). What git knows of a path are bytes; here
 * `?` and `[…]` are a character of the string that stands for it (`paths.ts`).
 */
import {
  ANY,
  type Characters,
  except,
  FOLDERS,
  literal,
  many,
  NEVER,
  NO_SLASH,
  one,
  type Pattern,
  type Rule,
  rangeOf,
  sequence,
} from './matcher.ts';

/** `undefined` for a line that says nothing: blank, or a comment. */
export const gitignoreRule = (line: string): Rule | undefined => {
  if (line.startsWith('#')) return undefined;
  const takes = !line.startsWith('!');
  const whole = trimmed(takes ? line : line.slice(1));
  if (whole === '') return undefined;
  const folder = whole.endsWith('/');
  const body = folder ? whole.slice(0, -1) : whole;
  const named = body.includes('/') ? parsed(body.replace(/^\//, '')) : sequence(FOLDERS, parsed(body));
  return { pattern: named, files: !folder, folders: true, takes };
};

/** Without the end of the line, and without spaces before it, save one behind a backslash. */
const trimmed = (line: string): string => {
  let end = line.length;
  while (end > 0 && /[ \r\n]/.test(line[end - 1] ?? '') && !isEscaped(line, end - 1)) end -= 1;
  return line.slice(0, end);
};

const isEscaped = (text: string, at: number): boolean => {
  let before = at;
  while (text[before - 1] === '\\') before -= 1;
  return (at - before) % 2 === 1;
};

const parsed = (body: string): Pattern => {
  const chars = Array.from(body);
  const parts: Pattern[] = [];
  for (let at = 0; at < chars.length; ) {
    const char = chars[at] ?? '';
    if (char === '*') {
      let end = at;
      while (chars[end] === '*') end += 1;
      // Two or more cross folders, if they are all that stands between two slashes.
      const crosses =
        end - at > 1 && (at === 0 || chars[at - 1] === '/') && (end === chars.length || chars[end] === '/');
      const inside = crosses && end < chars.length;
      parts.push(inside ? FOLDERS : many(crosses ? ANY : NO_SLASH));
      at = inside ? end + 1 : end;
    } else if (char === '?') {
      parts.push(one(NO_SLASH));
      at += 1;
    } else if (char === '[') {
      const set = setAt(chars, at);
      if (!set) return NEVER;
      parts.push(one(set.of));
      at = set.end;
    } else if (char === '\\') {
      const next = chars[at + 1];
      if (next === undefined) return NEVER;
      parts.push(literal(next));
      at += 2;
    } else {
      parts.push(literal(char));
      at += 1;
    }
  }
  return sequence(...parts);
};

/** The classes of POSIX as git has them, of ASCII alone. */
const CLASSES: ReadonlyMap<string, readonly string[]> = new Map([
  ['alnum', ['09', 'AZ', 'az']],
  ['alpha', ['AZ', 'az']],
  ['blank', ['  ', '\t\t']],
  ['cntrl', ['\0\x1f', '\x7f\x7f']],
  ['digit', ['09']],
  ['graph', ['!~']],
  ['lower', ['az']],
  ['print', [' ~']],
  ['punct', ['!/', ':@', '[`', '{~']],
  ['space', ['  ', '\t\n', '\r\r']],
  ['upper', ['AZ']],
  ['xdigit', ['09', 'AF', 'af']],
]);

interface CharacterSet {
  readonly of: Characters;
  /** Behind the bracket that closes it. */
  readonly end: number;
}

/** `undefined` where it is not closed, or names a class that there is not: then the whole pattern matches nothing. */
const setAt = (chars: readonly string[], start: number): CharacterSet | undefined => {
  const negated = chars[start + 1] === '!' || chars[start + 1] === '^';
  const ranges: Characters[number][] = [];
  let at = start + (negated ? 2 : 1);
  /** A character that a `-` behind it makes the first of a range. */
  let from: string | undefined;
  // The first may be the bracket itself.
  for (let first = true; first || chars[at] !== ']'; first = false) {
    const char = chars[at];
    if (char === undefined) return undefined;
    if (char === '[' && chars[at + 1] === ':') {
      const close = chars.indexOf(']', at + 2);
      if (close < 0) return undefined;
      if (close > at + 2 && chars[close - 1] === ':') {
        const named = CLASSES.get(chars.slice(at + 2, close - 1).join(''));
        if (!named) return undefined;
        for (const [low = '', high = ''] of named) ranges.push(rangeOf(low, high));
        from = undefined;
        at = close + 1;
        continue;
      }
    }
    const ends = char === '-' && from !== undefined && chars[at + 1] !== undefined && chars[at + 1] !== ']';
    if (ends) at += 1;
    if (chars[at] === '\\') at += 1;
    const member = chars[at];
    if (member === undefined) return undefined;
    // Backwards it holds nothing beyond its first, which is there by itself.
    if (!ends) ranges.push(rangeOf(member));
    else ranges.push(...[rangeOf(from ?? member, member)].filter(([low, high]) => low <= high));
    from = ends ? undefined : member;
    at += 1;
  }
  const outside = negated ? ranges : except(ranges);
  return { of: except([...outside, rangeOf('/')]), end: at + 1 };
};
