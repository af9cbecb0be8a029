/** Where a command's words go: what it was asked for to standard output, all else to standard error. */
import { once } from 'node:events';
import type { Logger } from 'pino';
import { HIDDEN, inLine, printable, unlessLayout } from '../runtime/printable.ts';
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

/** https://no-color.org and https://force-color.org. Whoever sets both is understood as Node understands it. */
export const isColoured = (
  stream: { readonly isTTY?: boolean },
  { NO_COLOR, FORCE_COLOR, TERM }: Readonly<Record<string, string | undefined>>,
): boolean => {
  if (FORCE_COLOR) return FORCE_COLOR !== '0' && FORCE_COLOR !== 'false';
  return stream.isTTY === true && !NO_COLOR && TERM !== 'dumb';
};

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

/** Styles and links as `search` has them at a terminal, and no others. */
const STYLE = '\\u001b\\[(?:0|1|2|33;1)m';
const LINK = '\\u001b\\]8;;(?:(?:https?|file)://[^\\p{C}\\p{Z}]*)?\\u001b\\\\';
const OURS_OR_HIDDEN = new RegExp(`${STYLE}|${LINK}|${HIDDEN}`, 'gu');

const withStyles = (text: string): string =>
  text.replace(OURS_OR_HIDDEN, (found) => (found.length > 1 && found.startsWith(ESC) ? found : unlessLayout(found)));

const PROGRESS_MS = 5 * SECOND;

/** What a service tells beside its log, as lines of the log: whoever reads JSON finds nothing else there. */
export const loggedOutput = (output: Output, logger: Logger, now: () => number): Output => {
  let saidAt = Number.NEGATIVE_INFINITY;
  return {
    line: output.line,
    note: (text) => logger.info(text),
    progress(text) {
      if (now() - saidAt < PROGRESS_MS) return;
      saidAt = now();
      logger.info(text);
    },
  };
};
