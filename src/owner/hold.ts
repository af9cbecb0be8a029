/**
 * Whoever needs the data directory holds it, or asks the process that does. A holder answers others for as long as it
 * has it: to them it makes no difference who that is.
 */
import { randomUUID } from 'node:crypto';
import { isShared } from '../config/shared.ts';
import { LostLock, messageOf } from '../errors.ts';
import type { Host } from '../pipeline/host.ts';
import type { Hold } from '../runtime/fence.ts';
import { systemTime } from '../runtime/time.ts';
import type { Telemetry } from '../telemetry.ts';
import { aboutOwner } from './ask.ts';
import { type Control, openControl } from './control.ts';
import { openDataDirectory } from './data-directory.ts';
import { type Lock, type Owner, takeLock } from './lock.ts';
import { answering } from './perform.ts';
import type { Place } from './place.ts';

export interface Held {
  readonly host: Host;
  /** Asks what others have begun to stop. Until then a holder that is done waits for them. */
  dismiss(): void;
  /** No task of others is begun any more; resolves when those that were begun are over. */
  drained(): Promise<void>;
  /** Rejects with `LostLock` once another process holds the directory, or it is gone. Whoever holds it ends at once then. */
  readonly lost: Promise<never>;
  isLost(): boolean;
  /** After a loss, for a process that stays; another one ends without. */
  close(): Promise<void>;
}

/** Of a process that was frozen, also the first thing that it does when it goes on. */
const LOOK_EVERY_MS = 250;

export interface HoldOptions {
  readonly place: Place;
  /** Only who holds the directory has anything to tell. */
  readonly telemetry: () => Promise<Telemetry>;
  /** Where to look, of a process that stays until it is ended. */
  readonly serving: () => string | undefined;
  readonly stays: boolean;
  /** With the lock in hand, before anything is opened, and before anybody else is answered. */
  readonly before?: (lock: Hold) => Promise<void>;
}

/** Resolves to the owner where another process holds the directory; nobody does where all is shared. */
export const holdOrOwner = async (options: HoldOptions): Promise<{ held: Held } | { owner: Owner }> => {
  const { place, telemetry, serving, stays, before } = options;
  await openDataDirectory(place, telemetry);
  if (isShared(place.config)) {
    const host = await hostOf(place, { lock: NOBODYS, telemetry: await telemetry(), stays });
    return { held: sharedHeld(host) };
  }
  const token = randomUUID();
  const answers = answering();
  const control = await openControl({ token, serving, taking: answers.taking, run: answers.run });
  try {
    const taken = await takeLock({
      directory: place.data,
      owner: { pid: process.pid, address: control.address, token },
      alive: async (owner) => (await aboutOwner(owner)) !== undefined,
    });
    if ('owner' in taken) {
      await control.close();
      return taken;
    }
    const { lock } = taken;
    const watch = watchOf(lock);
    try {
      await before?.(watch.hold);
      const told = await telemetry();
      const host = await hostOf(place, { lock: watch.hold, telemetry: told, stays });
      answers.open(host);
      return { held: heldOf(host, lock, watch, control, answers, told) };
    } catch (error) {
      watch.stop();
      await lock.release();
      throw error;
    }
  } catch (error) {
    await control.close();
    throw error;
  }
};

const NOBODYS: Hold = { check: async () => undefined };

/** There is nothing to hold, and nobody has to ask this process for anything. */
const sharedHeld = (host: Host): Held => {
  // Whoever waits for a broker that is away has neither a socket nor a timer that would keep the process.
  const alive = setInterval(() => undefined, 60_000);
  return {
    host,
    dismiss: () => undefined,
    drained: async () => undefined,
    lost: new Promise<never>(() => undefined),
    isLost: () => false,
    close: () => host.close().finally(() => clearInterval(alive)),
  };
};

/** Loaded with the lock in hand: whoever only asks is done before that would be read. */
const hostOf = async (
  { config, data, environment, engines }: Place,
  needs: { readonly lock: Hold; readonly telemetry: Telemetry; readonly stays: boolean },
): Promise<Host> => {
  const [{ openHost }, { openEngines }] = await Promise.all([import('../pipeline/host.ts'), engines()]);
  return openHost({ config, openEngines, data, environment, time: systemTime, ...needs });
};

const heldOf = (
  host: Host,
  lock: Lock,
  watch: Watch,
  control: Control,
  { dismiss, drained }: Pick<Held, 'dismiss' | 'drained'>,
  telemetry: Telemetry,
): Held => {
  const release = async () => {
    await drained();
    try {
      await host.close();
    } finally {
      watch.stop();
      // Last, and only then deaf: until then nobody may take this process for dead.
      await lock.release().finally(() => control.close());
    }
  };
  /** Threads and files go, of a process that stays. What they could not write is the affair of whoever has the lock. */
  const abandon = async () => {
    dismiss();
    await control.close();
    await host.close().catch((error: unknown) => {
      telemetry.backgroundFailed({ what: 'closing what another process holds', error: messageOf(error) });
    });
  };
  let closing: Promise<void> | undefined;
  return {
    ...{ host, dismiss, drained, lost: watch.lost, isLost: watch.isLost },
    close() {
      closing ??= watch.isLost() ? abandon() : release();
      return closing;
    },
  };
};

type Watch = Pick<Held, 'lost' | 'isLost'> & { readonly hold: Hold; stop(): void };

/** Looks by itself, and learns of what others find who look. */
const watchOf = ({ check, fence }: Lock): Watch => {
  let isLost = false;
  let lose: (error: LostLock) => void = () => undefined;
  const lost = new Promise<never>((_, reject) => {
    lose = reject;
  });
  // Nobody may be waiting for it at the moment.
  lost.catch(() => undefined);
  const look = () =>
    check().catch((error: unknown) => {
      if (error instanceof LostLock) {
        clearInterval(timer);
        isLost = true;
        lose(error);
      }
      throw error;
    });
  // What cannot be looked at now is looked at again; whoever writes looks before that, and says so.
  const timer = setInterval(() => look().catch(() => undefined), LOOK_EVERY_MS).unref();
  return { lost, isLost: () => isLost, hold: { check: look, fence }, stop: () => clearInterval(timer) };
};
