/**
 * Has tasks done on the data directory: in this process while nobody else holds it, else in the one that does. Whoever
 * asks more than once keeps hold of it for a moment, and then lets others have it.
 */
import type { AnswerOf, Question } from '../api/questions.ts';
import { optionsOf } from '../config/pipeline.ts';
import type { Config } from '../config/schema.ts';
import { Cancelled, LostLock, TryAgain } from '../errors.ts';
import { stay, systemTime } from '../runtime/time.ts';
import { SECOND } from '../units.ts';
import { askOwner, type Told } from './ask.ts';
import { type Held, type HoldOptions, holdOrOwner } from './hold.ts';
import type { Owner } from './lock.ts';
import { perform } from './perform.ts';
import type { TaskRequest } from './protocol.ts';
import type { InputOf, ResultOf, TaskName, ToldOf } from './tasks.ts';

const LOOK_EVERY_MS = 200;
/** An owner that ends takes no more tasks for a moment, and then the lock is free. */
const OWNER_ENDS_MS = 60 * SECOND;

type Run = (request: TaskRequest, told: Told, signal: AbortSignal) => Promise<unknown>;

export interface DataAccess {
  readonly run: Run;
  /** Lets go of the directory. */
  close(): Promise<void>;
}

/** Resolves to the result; rejects with the error, of whatever class it has where the task is done. */
export type Ask = <Name extends TaskName>(
  task: Name,
  input: InputOf<Name>,
  told?: (event: ToldOf<Name>) => void | Promise<void>,
) => Promise<ResultOf<Name>>;

/** The tasks of one pipeline, as its configuration here is. */
export const asking = (run: Run, config: Config, pipeline: string, signal: AbortSignal): Ask => {
  const { chunk, embedder } = optionsOf(config, pipeline);
  const ask = (task: TaskName, input: unknown, told: Told = () => undefined) =>
    run({ task, input, pipeline, configured: { chunk, embedder } }, told, signal);
  // Both sides are of one version, so that what comes back is what the table of tasks says.
  return ask as Ask;
};

/** Whatever is asked: the question checks it. */
export type AskQuestion = <Q extends Question>(question: Q, request: unknown) => Promise<AnswerOf<Q>>;
export const questions = (ask: Ask): AskQuestion => ask as AskQuestion;

export interface AccessOptions extends Pick<HoldOptions, 'place' | 'telemetry'> {
  /** How long the directory is kept after a task, by a process that stays; another one keeps it until it closes this. */
  readonly keepMs?: number;
}

type Taken = { readonly held: Held } | { readonly owner: Owner };

export const dataAccess = ({ keepMs, ...options }: AccessOptions): DataAccess => {
  let users = 0;
  let taking: Promise<Taken> | undefined;
  let leaving: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;

  const take = async (): Promise<{ readonly taken: Taken; forget(): void }> => {
    await leaving;
    taking ??= holdOrOwner({ ...options, serving: () => undefined, stays: false });
    const mine = taking;
    const forget = () => {
      if (taking === mine) taking = undefined;
    };
    try {
      return { taken: await mine, forget };
    } catch (error) {
      forget();
      throw error;
    }
  };

  const letGo = (): Promise<void> => {
    const taken = taking;
    taking = undefined;
    const close = async () => {
      const it = await taken?.catch(() => undefined);
      if (it && 'held' in it) await it.held.close();
    };
    leaving = leaving.then(close);
    return leaving;
  };

  const runHere = async (
    { host, lost }: Held,
    drop: () => void,
    ...[request, told, signal]: Parameters<Run>
  ): Promise<unknown> => {
    const performing = perform(host, request, told, signal);
    // What it says of a loss is not what went wrong.
    performing.catch(() => undefined);
    try {
      return await Promise.race([performing, lost]);
    } catch (error) {
      if (error instanceof LostLock) drop();
      throw error;
    }
  };

  const attempt: Run = async (request, told, signal) => {
    const until = systemTime.now() + OWNER_ENDS_MS;
    while (systemTime.now() < until) {
      const { taken, forget } = await take();
      if ('held' in taken) {
        /** The next task asks whoever has the directory now. A process that is over after this one ends as it is. */
        const drop = () => {
          forget();
          if (keepMs !== undefined) void taken.held.close();
        };
        if (!taken.held.isLost()) return runHere(taken.held, drop, request, told, signal);
        drop();
        continue;
      }
      const answer = await askOwner(taken.owner, request, told, signal);
      if (answer) return answer.result;
      if (signal.aborted) throw new Cancelled('asked to stop before the data directory was free');
      forget();
      await stay(LOOK_EVERY_MS, signal);
    }
    throw new TryAgain(`the process that holds ${options.place.data} takes no tasks, and does not end`);
  };

  return {
    async run(request, told, signal) {
      clearTimeout(timer);
      users += 1;
      try {
        return await attempt(request, told, signal);
      } catch (error) {
        // A process that stays may ask whoever has the directory by then.
        const isOver = error instanceof LostLock || (error instanceof Cancelled && !signal.aborted);
        throw isOver && keepMs !== undefined ? new TryAgain(error.message, { cause: error }) : error;
      } finally {
        users -= 1;
        if (users === 0 && keepMs !== undefined) timer = setTimeout(letGo, keepMs).unref();
      }
    },
    async close() {
      clearTimeout(timer);
      await letGo();
    },
  };
};
