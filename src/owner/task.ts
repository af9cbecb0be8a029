/** What a task is: something that the process which holds the data directory does for whoever asks. */
import type { z } from 'zod';
import type { Hosted } from '../pipeline/host.ts';
import type { GenerationOptions } from '../records.ts';

export interface Doing<Told = never> {
  readonly pipeline: Hosted;
  /** What the configuration of whoever asks says, which may be newer than that of the process that does the task. */
  readonly configured: GenerationOptions;
  readonly signal: AbortSignal;
  /** Says something while the task goes on. Resolves when whoever asked has room for more. */
  tell(told: Told): Promise<void>;
}

export interface Task<Input extends z.ZodType, Told, Result> {
  readonly input: Input;
  /** What it tells and what it resolves to go through JSON. Whatever it throws while the signal is aborted is `Cancelled`. */
  readonly run: (doing: Doing<Told>, input: z.output<Input>) => Promise<Result>;
}

export const task = <Input extends z.ZodType, Told, Result>(of: Task<Input, Told, Result>): Task<Input, Told, Result> =>
  of;
