/** Where a command's words go: what it was asked for to standard output, all else to standard error. */
import { once } from 'node:events';

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

const CLEAR = '\r\u001b[2K';
/** Without a terminal a line of progress is one of a log. */
const PLAIN_PROGRESS_MS = 5_000;

export const streamOutput = ({ stdout, stderr }: Streams, now: () => number): Output => {
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
      if (!stdout.write(`${text}\n`)) await once(stdout, 'drain');
    },
    note(text) {
      clear();
      stderr.write(`${text}\n`);
    },
    progress(text) {
      if (live) {
        stderr.write(CLEAR + text.slice(0, (stderr.columns ?? 80) - 1));
        shown = true;
      } else if (now() - saidAt >= PLAIN_PROGRESS_MS) {
        saidAt = now();
        stderr.write(`${text}\n`);
      }
    },
  };
};

/** Text out of a repository, fit for a terminal: nothing in it moves the cursor or changes a colour. */
export const printable = (text: string): string =>
  text.replace(/[\p{Cc}\p{Cf}\p{Surrogate}]/gu, (char) => (char === '\n' || char === '\t' ? char : '\ufffd'));
