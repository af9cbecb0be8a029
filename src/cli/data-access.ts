/**
 * Has commands run on the data directory: in this process while nobody else holds it, else in the one that does. Whoever
 * asks more than once keeps hold of it for a moment, and then lets others have it.
 */
import { LostLock, TryAgain } from '../errors.ts';
import type { ControlRequest } from '../owner/control.ts';
import type { Owner } from '../owner/lock.ts';
import { stay, systemTime } from '../runtime/time.ts';
import { SECOND } from '../units.ts';
import { askOwner } from './ask.ts';
import { execute } from './execute.ts';
import { EXIT } from './exit.ts';
import { type Held, type HoldOptions, holdOrOwner } from './holding.ts';
import type { Output } from './output.ts';

const LOOK_EVERY_MS = 200;
/** An owner that ends takes no more commands for a moment, and then the lock is free. */
const OWNER_ENDS_MS = 60 * SECOND;

export interface DataAccess {
  /** Resolves to the exit code. */
  run(request: ControlRequest, output: Output, signal: AbortSignal): Promise<number>;
  close(): Promise<void>;
}

export interface AccessOptions extends Pick<HoldOptions, 'place' | 'telemetry' | 'commands'> {
  /** How long the directory is kept after a command. */
  readonly keepMs: number;
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
    ...[request, output, signal]: Parameters<DataAccess['run']>
  ): Promise<number> => {
    try {
      return await Promise.race([execute(host, options.commands, request, output, signal), lost]);
    } catch (error) {
      if (error instanceof LostLock) drop();
      throw error;
    }
  };

  const attempt: DataAccess['run'] = async (request, output, signal) => {
    const until = systemTime.now() + OWNER_ENDS_MS;
    while (systemTime.now() < until) {
      const { taken, forget } = await take();
      if ('held' in taken) {
        /** The next command asks whoever has the directory now. A process that is over after this one ends as it is. */
        const drop = () => {
          forget();
          if (keepMs > 0) void taken.held.close();
        };
        if (!taken.held.isLost()) return runHere(taken.held, drop, request, output, signal);
        drop();
        continue;
      }
      const exit = await askOwner(taken.owner, request, output, signal);
      if (exit !== undefined) return exit;
      if (signal.aborted) return EXIT.cancelled;
      forget();
      await stay(LOOK_EVERY_MS, signal);
    }
    throw new TryAgain(`the process that holds ${options.place.data} takes no commands, and does not end`);
  };

  return {
    async run(request, output, signal) {
      clearTimeout(timer);
      users += 1;
      try {
        return await attempt(request, output, signal);
      } finally {
        users -= 1;
        if (users === 0 && keepMs === 0) await letGo();
        else if (users === 0) timer = setTimeout(letGo, keepMs).unref();
      }
    },
    async close() {
      clearTimeout(timer);
      await letGo();
    },
  };
};
