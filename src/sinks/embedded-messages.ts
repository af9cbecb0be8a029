/** What passes between the main thread and the two workers of the embedded store. */
import { Damaged, StopFlow, TryAgain } from '../errors.ts';

export interface Call {
  readonly id: number;
  readonly name: string;
  readonly args: readonly unknown[];
}

/** Calls that arrived together. `now` is the caller's clock, as time comes in from outside. */
export interface Calls {
  readonly now: number;
  readonly calls: readonly Call[];
}

/** Errors lose their class on the way between threads, and the class says what is to be done. */
export interface Failure {
  readonly reaction: 'TryAgain' | 'Damaged' | 'StopFlow' | 'unknown';
  readonly message: string;
  readonly cause: unknown;
}

export type Answer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly failure: Failure };

/** The first message says whether the worker has opened its file. */
export type FromWorker = { readonly started: Failure | undefined } | { readonly answers: readonly Answer[] };

export const toFailure = (error: unknown): Failure => {
  const reaction = reactionOf(error);
  const known = reaction !== 'unknown' && error instanceof Error;
  const message = error instanceof Error ? error.message : String(error);
  return {
    reaction,
    message: error instanceof Damaged ? error.finding : message,
    cause: known ? error.cause : error,
  };
};

const reactionOf = (error: unknown): Failure['reaction'] => {
  if (error instanceof TryAgain) return 'TryAgain';
  if (error instanceof Damaged) return 'Damaged';
  return error instanceof StopFlow ? 'StopFlow' : 'unknown';
};

export const fromFailure = ({ reaction, message, cause }: Failure): Error => {
  if (reaction === 'TryAgain') return new TryAgain(message, { cause });
  if (reaction === 'Damaged') return new Damaged(message, { cause });
  if (reaction === 'StopFlow') return new StopFlow(message, { cause });
  return cause instanceof Error ? cause : new Error(message, { cause });
};
