/** What passes between the main thread and the two workers of the embedded store. */
import { BadUsage, Damaged, messageOf, StopFlow, TryAgain } from '../../errors.ts';

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
  readonly reaction: keyof typeof KNOWN | 'unknown';
  readonly message: string;
  readonly cause: unknown;
}

export type Answer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly failure: Failure };

/**
 * The first message says whether the worker has opened its file. What takes long although all is well says now and then
 * that it is `getting` on.
 */
export type FromWorker =
  | { readonly started: Failure | undefined }
  | { readonly getting: 'on' }
  | { readonly answers: readonly Answer[] };

/** One that is a kind of another stands before it. */
const KNOWN = { TryAgain, Damaged, StopFlow, BadUsage } as const;
const REACTIONS = Object.keys(KNOWN) as (keyof typeof KNOWN)[];

export const toFailure = (error: unknown): Failure => {
  const reaction = REACTIONS.find((name) => error instanceof KNOWN[name]) ?? 'unknown';
  return {
    reaction,
    message: error instanceof Damaged ? error.finding : messageOf(error),
    cause: reaction !== 'unknown' && error instanceof Error ? error.cause : error,
  };
};

export const fromFailure = ({ reaction, message, cause }: Failure): Error => {
  if (reaction !== 'unknown') return new KNOWN[reaction](message, { cause });
  return cause instanceof Error ? cause : new Error(message, { cause });
};
