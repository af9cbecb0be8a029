/** Texts of others as a person may be shown them: nothing in them moves the cursor, changes a colour or hides. */

/** What a terminal obeys or does not show, and what ends a line for some: escapes, controls, marks of direction. */
export const HIDDEN = '[\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}\\p{Surrogate}]';
const EVERY_HIDDEN = new RegExp(HIDDEN, 'gu');

const NAMED: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };
/** As JSON has it, so that in JSON it stays what it was. */
const escaped = (char: string): string =>
  NAMED[char] ??
  Array.from({ length: char.length }, (_, at) => `\\u${char.charCodeAt(at).toString(16).padStart(4, '0')}`).join('');
export const unlessLayout = (char: string) => (char === '\n' || char === '\t' ? char : escaped(char));

/** Text of several lines, for a person: nothing in it moves the cursor, changes a colour or hides. */
export const printable = (text: string): string => text.replaceAll('\r\n', '\n').replace(EVERY_HIDDEN, unlessLayout);

/** The same within a line, which nothing in it ends: a path or a name, or all of a line of a list. */
export const inLine = (text: string): string => text.replace(EVERY_HIDDEN, escaped);

const MAX_QUOTED_CHARS = 60;
/** A word that somebody has typed or written, quoted back. */
export const quoted = (word: string | undefined): string => {
  const text = word ?? '';
  return `"${inLine(text.length > MAX_QUOTED_CHARS ? `${text.slice(0, MAX_QUOTED_CHARS)}…` : text)}"`;
};

/** A path as a shell takes it, in a command to be copied. */
export const shellWord = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
