/** Secrets that only their names tell: what is assigned to a password, a token or a key, in the ways people write that. */
import { isPlaceholder, looksChosen, looksHard, looksRandom } from './random.ts';
import type { Look, Span } from './secret-patterns.ts';

/** Some part of every telling name. */
const HINTS = /pass|pwd|secret|token|key|cred|auth|identified by/gi;

const MAX_NAME = 80;
const isOfName = (code: number) =>
  (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || (code >= 48 && code <= 57) || code === 95 || code === 45;

/** `chosen` is made up by somebody, `drawn` by lot. */
type Telling = 'chosen' | 'drawn' | undefined;

const WORDS = /[A-Z]?[a-z]+|[A-Z]+(?![a-z])/g;
/** Behind the word that tells: `API_KEY_PROD`, `secret_key_base`. */
const BESIDE = new Set(
  'prod production dev development test testing staging stage live default base value v old new current'.split(' '),
);
const CHOSEN =
  /^(?:.*(?:password|passwd|passphrase|passcode)|pass|pwd|.{1,12}pwd|(?:pg|db|user|root|admin|my|become|ssh)pass)$/;
const DRAWN = /^(?:.*(?:secret|apikey|secretkey|accesskey|privatekey)|.*token|credentials?|creds|auth)$/;
const KEYS = new Set(
  'api access private secret account encryption encrypt decryption signing sign master app application auth shared storage consumer license client service admin server deploy webhook cipher aes hmac jwt session integration write read cookie'.split(
    ' ',
  ),
);

const tellingOf = (name: string): Telling => {
  const words = (name.match(WORDS) ?? []).map((word) => word.toLowerCase());
  while (words.length > 1 && BESIDE.has(words.at(-1) ?? '')) words.pop();
  const last = words.at(-1) ?? '';
  if (CHOSEN.test(last)) return 'chosen';
  if (DRAWN.test(last)) return 'drawn';
  return last === 'key' && KEYS.has(words.at(-2) ?? '') ? 'drawn' : undefined;
};

const QUOTED = `(?<quote>\\\\?["'\`])(?<quoted>[^\\s"'\`\\\\]{6,400}|[^\\s"\\\\]{6,400}(?="))(?=\\k<quote>)`;
const BARE = '(?<bare>(?:[^\\s"\'`,;<>(){}\\[\\]\\\\|&]|&(?!\\w{1,40}=)){6,200})';
const END_OF_NAME = '(?:\\\\?["\'`]\\]?)?\\s{0,8}';
/** What stands between a name and a value in quotes: an end of quotes or brackets, a type, and a sign of assignment. */
const LINK = `${END_OF_NAME}(?:(?::\\s{0,3}[\\w&'<>|?.\\[\\] ]{1,40})?=|=>|:=|:|\\?\\?|\\|\\||\\?=|\\)\\s{0,3}or\\s)\\s{0,8}`;
/** As one of several arguments, or the only one. */
const ARGUMENT = '(?:\\\\?["\'`]\\]?)?[,(][ \\t]{0,4}';
/** And a value without quotes, which has to follow more closely. */
const TIE = `(?:\\\\?["'\`])?[ \\t]{0,8}(?:[:=]|:=|\\?=)[ \\t]{0,8}[*_\`]{0,2}`;

/** Tried in turn from the end of the name on. */
export const WAYS: readonly RegExp[] = [
  new RegExp(LINK + QUOTED, 'y'),
  new RegExp(ARGUMENT + QUOTED.replaceAll('quoted', 'argument'), 'y'),
  new RegExp(TIE + BARE, 'y'),
  /* `:password "…"`, `PASSWORD '…'`. */
  /[ \t]{1,8}["'](?<worded>[^\s"']{6,400})["']/y,
  /* XML, and the property lists of Apple. */
  /<?\/?(?:key)?>\s{0,20}(?:<string>)?(?<element>[^\s<>]{6,400})<\//y,
  /* `<add key="Password" value="…"/>`, `- name: PASSWORD` with its value behind it or in the next line. */
  /["']\s{1,8}value\s{0,3}=\s{0,3}["'](?<attribute>[^\s"']{6,400})["']/y,
  /["']?[ \t]{0,8}(?:,[ \t]{0,8}|,?[ \t]{0,8}\n[ \t]{0,40})["']?value["']?[ \t]{0,8}:[ \t]{0,8}["']?(?<value>[^\s"'`,;<>(){}[\]\\]{6,400})/y,
  /* An option of a command, an instruction of a Dockerfile, a line of `.netrc`. */
  /[ \t]{1,8}(?<apart>[^\s"'`,;<>(){}[\]\\]{6,400})/y,
];
/** What has to stand before a name whose value is only set apart by a space. */
const BEFORE_APART =
  /(?:--[\w-]{0,40}|\bENV\s{1,3}[\w-]{0,40}|\bset\s{1,3}[\w-]{0,40}|\b(?:login|user|account)\s{1,3}[^\s]{1,80}\s{1,8})$/;

/** `a.b.c`, `this.token2`, `&x`, `Kind::Some`, a call or an index: something that has a value and is none. */
const EXPRESSION = /^[&*!]{0,2}[A-Za-z_$][\w$]{0,100}(?:(?:\.|::|->|\?\.)[A-Za-z_$][\w$]{0,100}){1,20}[?!]{0,1}$/;
const IDENTIFIER = /^[A-Za-z_$][\w$]{0,400}$/;

/** What stands between two strings of a program in one line, or in a string that is none. */
const CODE = /^\+|&&|\|\||[)}\]][;{}]/;

/** Whether a quote is open on the line at this place. */
const isInString = (content: string, at: number): boolean => {
  const line = content.slice(Math.max(content.lastIndexOf('\n', at - 1) + 1, at - 300), at);
  return ['"', "'", '`'].some((quote) => line.split(quote).length % 2 === 0);
};

export interface Names {
  /** In programs a value without quotes is an expression. */
  readonly code: boolean;
}

export const namedSecrets = (content: string, { code }: Names, look: Look): Span[] => {
  const spans: Span[] = [];
  const known = new Map<string, Telling>();
  const telling = (name: string): Telling => {
    if (!known.has(name)) {
      if (known.size >= 10_000) known.clear();
      known.set(name, tellingOf(name));
    }
    return known.get(name);
  };

  const valueAt = (name: number, end: number, kind: Telling): readonly [start: number, end: number] | undefined => {
    for (const way of WAYS) {
      way.lastIndex = end;
      const groups = way.exec(content)?.groups;
      if (!groups) continue;
      const [group, value] = Object.entries(groups).find(([key, text]) => key !== 'quote' && text !== undefined) ?? [];
      if (value === undefined) continue;
      look(value.length);
      // The quote behind a value is only looked ahead at.
      const to = way.lastIndex - (group === 'element' ? 2 : group === 'attribute' || group === 'worded' ? 1 : 0);
      const span = [to - value.length, to] as const;
      if (group === 'apart' && !BEFORE_APART.test(content.slice(Math.max(0, name - 100), name))) continue;
      if (
        group === 'worded' &&
        content[name - 1] !== ':' &&
        !/^(?:[A-Z_ ]+|identified by)$/.test(content.slice(name, end))
      )
        continue;
      if (group === 'argument' && !looksHard(value) && !looksRandom(value)) continue;
      const bare = group === 'bare' || group === 'value' || group === 'apart';
      if (bare && !isBareValue(value, span)) continue;
      if (isSecret(value, kind, bare)) return span;
    }
    return undefined;
  };

  const isBareValue = (value: string, [start, end]: readonly [number, number]): boolean => {
    if (EXPRESSION.test(value) || content[end] === '(' || content[end] === '[' || content[end] === '<') return false;
    return !code || isInString(content, start);
  };

  const isSecret = (value: string, kind: Telling, bare: boolean): boolean => {
    if (CODE.test(value)) return false;
    if (kind === 'drawn') return value.length >= 12 && looksRandom(value);
    if (bare && value.length < 8 && IDENTIFIER.test(value) && !/\d/.test(value)) return false;
    return looksChosen(value) || (value.length >= 12 && looksRandom(value));
  };

  HINTS.lastIndex = 0;
  for (let hint = HINTS.exec(content); hint; hint = HINTS.exec(content)) {
    let start = hint.index;
    let end = HINTS.lastIndex;
    while (start > 0 && end - start < MAX_NAME && isOfName(content.charCodeAt(start - 1))) start -= 1;
    while (end < content.length && end - start < MAX_NAME && isOfName(content.charCodeAt(end))) end += 1;
    look(end - start);
    const identified = hint[0].length === 13;
    const kind = identified ? 'chosen' : end - start < MAX_NAME ? telling(content.slice(start, end)) : undefined;
    const value = kind && valueAt(start, identified ? HINTS.lastIndex : end, kind);
    if (value && !isPlaceholder(content.slice(...value)))
      spans.push({ start: value[0], end: value[1], name: 'secret in an assignment' });
    HINTS.lastIndex = value?.[1] ?? end;
  }
  return spans;
};
