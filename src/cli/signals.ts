/**
 * Ctrl-C: the first one asks to stop, the next one ends at once. npm forwards to its child what the terminal has sent to
 * both, so all that come within a second are one.
 */
import { SECOND } from '../units.ts';

const SAME_MS = 1 * SECOND;
/** What waits for something that does not answer is not waited for longer: orchestrators kill after 30 s by default. */
const PATIENCE_MS = 25 * SECOND;

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

/** `endNow` is told whether patience has run out, rather than a person's. */
export const interrupts = (
  source: SignalSource,
  now: () => number,
  endNow: (waitedTooLong: boolean) => void,
): Interrupts => {
  const first = new AbortController();
  let patience: NodeJS.Timeout | undefined;
  let at = Number.NEGATIVE_INFINITY;
  const listener = () => {
    if (now() - at < SAME_MS) return;
    at = now();
    if (first.signal.aborted) return endNow(false);
    patience = setTimeout(endNow, PATIENCE_MS, true).unref();
    first.abort();
  };
  for (const name of NAMES) source.on(name, listener);
  return {
    signal: first.signal,
    close() {
      clearTimeout(patience);
      for (const name of NAMES) source.off(name, listener);
    },
  };
};
