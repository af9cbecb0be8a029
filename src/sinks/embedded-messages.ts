/** What passes between the main thread and the two workers of the embedded store. */
import { StopFlow, TryAgain } from '../errors.ts';

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
  readonly reaction: 'TryAgain' | 'StopFlow' | 'unknown';
  readonly message: string;
  readonly cause: unknown;
}

export type Answer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly failure: Failure };

/** The first message says whether the worker has opened its file. */
export type FromWorker = { readonly started: Failure | undefined } | { readonly answers: readonly Answer[] };

export const toFailure = (error: unknown): Failure => {
  const reaction = error instanceof TryAgain ? 'TryAgain' : error instanceof StopFlow ? 'StopFlow' : 'unknown';
  const known = reaction !== 'unknown' && error instanceof Error;
  return {
    reaction,
    message: error instanceof Error ? error.message : String(error),
    cause: known ? error.cause : error,
  };
};

export const fromFailure = ({ reaction, message, cause }: Failure): Error => {
  if (reaction === 'TryAgain') return new TryAgain(message, { cause });
  if (reaction === 'StopFlow') return new StopFlow(message, { cause });
  return cause instanceof Error ? cause : new Error(message, { cause });
};
