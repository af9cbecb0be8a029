/**
 * Ctrl-C: the first one asks to stop, the next one ends at once. npm forwards to its child what the terminal has sent to
 * both, so all that come within a second are one.
 */
const SAME_MS = 1_000;

export interface Interrupts {
  /** Aborts at the first. */
  readonly signal: AbortSignal;
  close(): void;
}

export interface SignalSource {
  on(name: NodeJS.Signals, listener: () => void): unknown;
  off(name: NodeJS.Signals, listener: () => void): unknown;
}

const NAMES: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

export const interrupts = (source: SignalSource, now: () => number, endNow: () => void): Interrupts => {
  const first = new AbortController();
  let at = Number.NEGATIVE_INFINITY;
  const listener = () => {
    if (now() - at < SAME_MS) return;
    at = now();
    if (first.signal.aborted) endNow();
    else first.abort();
  };
  for (const name of NAMES) source.on(name, listener);
  return {
    signal: first.signal,
    close() {
      for (const name of NAMES) source.off(name, listener);
    },
  };
};
