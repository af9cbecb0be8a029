/** Exit codes, which scripts rely on (sysexits.h). */
import {
  BadConfiguration,
  BadUsage,
  BudgetSpent,
  Cancelled,
  LostLock,
  messageOf,
  NotFound,
  TryAgain,
  Unavailable,
} from '../errors.ts';
import type { Output } from './output.ts';

export const EXIT = {
  success: 0,
  failures: 1,
  usage: 2,
  unavailable: 69,
  internal: 70,
  tryAgain: 75,
  configuration: 78,
  cancelled: 130,
} as const;

export const exitCodeOf = (error: unknown): number => {
  if (error instanceof Cancelled) return EXIT.cancelled;
  if (error instanceof BadUsage) return EXIT.usage;
  if (error instanceof BadConfiguration) return EXIT.configuration;
  if (error instanceof NotFound) return EXIT.failures;
  // Whoever supervises it starts it again, and that start waits for the other, or is told of it.
  if (error instanceof TryAgain || error instanceof BudgetSpent || error instanceof LostLock) return EXIT.tryAgain;
  if (error instanceof Unavailable) return EXIT.unavailable;
  return EXIT.internal;
};

/** Of what was asked to stop nothing is said. */
export const sayFailure = (error: unknown, output: Pick<Output, 'note'>, signal: AbortSignal): number => {
  if (signal.aborted || error instanceof Cancelled) return EXIT.cancelled;
  output.note(`tidemark: ${messageOf(error)}`);
  return exitCodeOf(error);
};
