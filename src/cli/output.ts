/** Where a command's words go: what it was asked for to standard output, all else to standard error. */
import { once } from 'node:events';
import { SECOND } from '../units.ts';

export interface Output {
  /** A line of what was asked for. Resolves when there is room for the next one. */
  line(text: string): Promise<void>;
  /** A line for the person who waits. */
  note(text: string): void;
  /** How far it is; replaces what was said of that before. */
  progress(text: string): void;
}

export interface Streams {
  readonly stdout: NodeJS.WritableStream & { readonly isTTY?: boolean };
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };
}

const ESC = '\u001b';
const CLEAR = `\r${ESC}[2K`;
/** Without a terminal a line of progress is one of a log. */
const PLAIN_PROGRESS_MS = 5 * SECOND;

/** Whoever says it, this process or one that it has asked: what goes out here is fit for a terminal. */
export const streamOutput = ({ stdout, stderr }: Streams, now: () => number, styled: boolean): Output => {
  const live = stderr.isTTY === true;
  let shown = false;
  let saidAt = Number.NEGATIVE_INFINITY;
  const clear = () => {
    if (shown) stderr.write(CLEAR);
    shown = false;
  };
  return {
    async line(text) {
      clear();
      if (!stdout.write(`${styled ? withStyles(text) : printable(text)}\n`)) await once(stdout, 'drain');
    },
    note(text) {
      clear();
      // A line of a message is not to be taken for a message.
      stderr.write(`${printable(text).replaceAll('\n', '\n  ')}\n`);
    },
    progress(text) {
      if (live) {
        stderr.write(CLEAR + inLine(text).slice(0, (stderr.columns ?? 80) - 1));
        shown = true;
      } else if (now() - saidAt >= PLAIN_PROGRESS_MS) {
        saidAt = now();
        stderr.write(`${inLine(text)}\n`);
      }
    },
  };
};

/** What a terminal obeys or does not show, and what ends a line for some: escapes, controls, marks of direction. */
const HIDDEN = '[\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}\\p{Surrogate}]';
const EVERY_HIDDEN = new RegExp(HIDDEN, 'gu');
/** Styles and links as `search` has them at a terminal, and no others. */
const STYLE = '\\u001b\\[(?:0|1|2|33;1)m';
const LINK = '\\u001b\\]8;;(?:(?:https?|file)://[^\\p{C}\\p{Z}]*)?\\u001b\\\\';
const OURS_OR_HIDDEN = new RegExp(`${STYLE}|${LINK}|${HIDDEN}`, 'gu');

const NAMED: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };
/** As JSON has it, so that in JSON it stays what it was. */
const escaped = (char: string): string =>
  NAMED[char] ??
  Array.from({ length: char.length }, (_, at) => `\\u${char.charCodeAt(at).toString(16).padStart(4, '0')}`).join('');
const unlessLayout = (char: string) => (char === '\n' || char === '\t' ? char : escaped(char));

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

const withStyles = (text: string): string =>
  text.replace(OURS_OR_HIDDEN, (found) => (found.length > 1 && found.startsWith(ESC) ? found : unlessLayout(found)));
