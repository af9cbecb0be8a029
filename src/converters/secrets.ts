/**
 * What looks like a secret, by patterns that their issuers have made to be recognised, by the armour of private keys, by
 * URLs, and by telling names. Found once, it is in every index for ever, so that one too many is the smaller harm.
 *
 * A text costs what its length says. Each search goes by fixed words, tries a pattern only where one stands, and goes on
 * behind what it has tried; each repetition in a pattern has a bound.
 */
import { isPlaceholder, looksChosen } from './random.ts';
import { namedSecrets } from './secret-names.ts';
import { type Look, type SecretPattern, type Span, secretPatterns } from './secret-patterns.ts';

/** Raise it with every change of what is found. */
export const secretsVersion = 2;

export type SecretsPolicy = 'redact' | 'skip' | 'index';

export interface Redacted {
  readonly content: string;
  /** What was found, each name once. */
  readonly found: readonly string[];
  /** It would have taken too long to look at all of it: the content is as it came. */
  readonly unfinished?: true;
}

export interface RedactOptions {
  /** Of a program, where a value without quotes is an expression. */
  readonly code?: boolean;
  /**
   * How many characters may be looked at more than once: a limit on time, but one that makes the same text of the same bytes
   * on every machine, however busy it is. Ordinary files ask for a fraction of their length.
   */
  readonly looks?: number;
}

/** A second or two on any machine, and a hundred times what an ordinary file of 4 MiB needs. */
const MAX_LOOKS = 50_000_000;

class TooMuch extends Error {}

/** Every secret gives way to its name; lines stay where they are. */
export const redact = (content: string, { code = false, looks = MAX_LOOKS }: RedactOptions = {}): Redacted => {
  let left = looks;
  const look: Look = (characters) => {
    left -= characters;
    if (left < 0) throw new TooMuch();
  };
  try {
    const spans = [
      ...privateKeys(content),
      ...shapedSecrets(content, look),
      ...urlPasswords(content, look),
      ...commandPasswords(content, look),
      ...namedSecrets(content, { code }, look),
    ];
    return spans.length === 0 ? { content, found: [] } : without(content, spans);
  } catch (error) {
    if (error instanceof TooMuch) return { content, found: [], unfinished: true };
    throw error;
  }
};

const without = (content: string, spans: readonly Span[]): Redacted => {
  const found = new Set<string>();
  const parts: string[] = [];
  let done = 0;
  // Of two that begin alike the one that was searched for first says more.
  for (const { start, end, name } of spans.toSorted((a, b) => a.start - b.start)) {
    if (end <= done) continue;
    // What two of them share has one name.
    if (start >= done) {
      found.add(name);
      parts.push(content.slice(done, start), `[redacted: ${name}]`);
    }
    parts.push('\n'.repeat(content.slice(Math.max(start, done), end).split('\n').length - 1));
    done = end;
  }
  parts.push(content.slice(done));
  return { content: parts.join(''), found: [...found] };
};

/** A key's beginning with something of it behind, lest what only speaks of keys goes, and all behind it. */
const KEY_BEGINS =
  /-----BEGIN (?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY(?: BLOCK)?-----(?:\s|\\{1,2}[nr]|["'+,]){0,40}(?:[A-Za-z0-9+/=]{16}|Proc-Type|DEK-Info|Version|Comment|Hash)|---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----|PuTTY-User-Key-File-\d/g;
const KEY_ENDS =
  /-----END (?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY(?: BLOCK)?-----|---- END SSH2 ENCRYPTED PRIVATE KEY ----|Private-(?:MAC|Hash): ?[0-9a-f]{0,128}/g;

/** One that never ends goes to the end of the text. */
const privateKeys = (content: string): Span[] => {
  const spans: Span[] = [];
  KEY_BEGINS.lastIndex = 0;
  for (let begin = KEY_BEGINS.exec(content); begin; begin = KEY_BEGINS.exec(content)) {
    KEY_ENDS.lastIndex = KEY_BEGINS.lastIndex;
    const end = KEY_ENDS.exec(content) ? KEY_ENDS.lastIndex : content.length;
    spans.push({ start: begin.index, end, name: 'private key' });
    KEY_BEGINS.lastIndex = end;
  }
  return spans;
};

const byStart = new Map<string, SecretPattern[]>();
for (const pattern of secretPatterns)
  for (const start of pattern.starts) byStart.set(start, [...(byStart.get(start) ?? []), pattern]);
const longestFirst = [...byStart.keys()].sort((a, b) => b.length - a.length);
const STARTS = new RegExp(longestFirst.map((start) => start.replace(/[.$^*+?()[\]{}|\\/]/g, '\\$&')).join('|'), 'g');

const isWordAt = (content: string, at: number): boolean => /\w/.test(content[at] ?? '');
/** Whether a word may begin here: behind no other, or behind an escape such as `\n`. */
const isApart = (content: string, at: number): boolean =>
  at === 0 || !isWordAt(content, at - 1) || (content[at - 2] === '\\' && /[nrt]/.test(content[at - 1] ?? ''));

const shapedSecrets = (content: string, look: Look): Span[] => {
  const spans: Span[] = [];
  STARTS.lastIndex = 0;
  for (let hit = STARTS.exec(content); hit; hit = STARTS.exec(content)) {
    const at = hit.index;
    for (const pattern of byStart.get(hit[0]) ?? []) {
      const match = matchOf(content, at, hit[0], pattern);
      if (!match) continue;
      const { start, end } = match;
      look(end - start);
      // Whatever it is, it is read once.
      STARTS.lastIndex = Math.max(STARTS.lastIndex, end);
      const { name, lead, isSecret } = pattern;
      if (!isSecret(content.slice(start === at - lead ? at + hit[0].length : start, end))) continue;
      spans.push({ start, end, name });
      break;
    }
  }
  return spans;
};

const matchOf = (content: string, at: number, literal: string, { rest, lead, inside }: SecretPattern) => {
  const from = at - lead;
  if (from < 0 || !(inside || isApart(content, from))) return undefined;
  rest.lastIndex = lead > 0 ? from : at + literal.length;
  const match = rest.exec(content);
  if (!match) return undefined;
  let end = rest.lastIndex;
  // What is left of a longer word would be a part of the secret.
  while (isWordAt(content, end)) end += 1;
  const value = match[1];
  if (value === undefined) return { start: from, end };
  const start = at + literal.length + match[0].indexOf(value);
  return { start, end: start + value.length };
};

const AUTHORITY = /:\/\/[^\s:/@'"<>]{0,100}:(?<password>[^\s@/'"<>[\]]{6,200})@/y;

const urlPasswords = (content: string, look: Look): Span[] => {
  const spans: Span[] = [];
  for (let at = content.indexOf('://'); at >= 0; at = content.indexOf('://', at + 3)) {
    AUTHORITY.lastIndex = at;
    const password = AUTHORITY.exec(content)?.groups?.password;
    look(password === undefined ? 100 : password.length);
    if (password === undefined || isPlaceholder(password)) continue;
    const end = AUTHORITY.lastIndex - 1;
    spans.push({ start: end - password.length, end, name: 'password in a URL' });
  }
  return spans;
};

/** What programs take as a password without a word for it. */
const COMMANDS =
  /\bcurl\b[^\n]{0,200}?\s(?:-u|--user)[ =]["']?[^\s"':]{1,64}:([^\s"':@]{6,100})|\bsshpass -p ?["']?([^\s"']{6,100})|:(?:5432|3306|\*):[\w*-]{1,64}:[\w*-]{1,64}:([^\s:]{6,100})$/gm;

const commandPasswords = (content: string, look: Look): Span[] => {
  const spans: Span[] = [];
  COMMANDS.lastIndex = 0;
  for (let found = COMMANDS.exec(content); found; found = COMMANDS.exec(content)) {
    const password = found[1] ?? found[2] ?? found[3] ?? '';
    look(found[0].length);
    const end = COMMANDS.lastIndex;
    if (looksChosen(password)) spans.push({ start: end - password.length, end, name: 'password of a command' });
  }
  return spans;
};
