/**
 * What whoever asks and the process that holds a data directory say to each other.
 *
 * A task (`task.ts`; all of them in `tasks.ts`) is what the holder does for whoever asks: a name, the schema of its
 * input, what it tells while it goes on, its result. Whoever needs the data directory takes its lock and does the task
 * itself, or asks the process that has the lock (`access.ts`): to the caller both are the same call, with the same
 * events, the same result and the same classes of errors. What is printed, in which colours, and the exit code are the
 * affair of whoever asked, and nothing of them is said here.
 *
 *   GET /owner?nonce=N   proves that this is the owner, without telling the token to whoever asks
 *   POST /task           a line of JSON, which is the request; replies come back, one a line, and the last one is the
 *                        result or the error. The task goes on for as long as the body of the request is not ended; then
 *                        it is to stop, and says how it ends. Nothing more is told before there is room for it.
 *
 * On loopback only, for those who can read the lock file, and between processes of one version of Tidemark.
 */
import { createHmac } from 'node:crypto';
import { z } from 'zod';
import {
  BadConfiguration,
  BadUsage,
  BudgetSpent,
  Cancelled,
  Damaged,
  LostLock,
  messageOf,
  NotFound,
  StopFlow,
  TryAgain,
  Unavailable,
} from '../errors.ts';

export const versionSchema = z.object({ version: z.string() });

export const requestSchema = z.object({
  task: z.string(),
  input: z.unknown(),
  pipeline: z.string(),
  /** The chunker and the embedder of whoever asks. */
  configured: z.unknown(),
});
export type TaskRequest = z.input<typeof requestSchema>;

const ERRORS = {
  BadConfiguration,
  BadUsage,
  BudgetSpent,
  Cancelled,
  Damaged,
  LostLock,
  NotFound,
  StopFlow,
  TryAgain,
  Unavailable,
};
type Class = keyof typeof ERRORS;
const isClass = (name: string): name is Class => Object.hasOwn(ERRORS, name);

export const replySchema = z.discriminatedUnion('is', [
  z.object({ is: z.literal('told'), told: z.unknown() }),
  z.object({ is: z.literal('result'), result: z.unknown().optional() }),
  /** Of another class than those, it is unknown to whoever asked too. */
  z.object({ is: z.literal('failed'), class: z.string(), message: z.string() }),
]);
export type Reply = z.infer<typeof replySchema>;

export const failureOf = (error: unknown): Reply => ({
  is: 'failed',
  class: error instanceof Error ? error.name : '',
  message: error instanceof Damaged ? error.finding : messageOf(error),
});

export const errorOf = ({ class: name, message }: { readonly class: string; readonly message: string }): Error =>
  isClass(name) ? new ERRORS[name](message) : new Error(message);

export const aboutSchema = z.object({ proof: z.string(), serving: z.string().optional() });
/** `serving` is where to look, of an owner that stays until it is ended. */
export type About = z.infer<typeof aboutSchema>;

export const proofOf = (token: string, nonce: string): string =>
  createHmac('sha256', token).update(nonce).digest('hex');
