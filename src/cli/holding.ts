/**
 * Whoever needs the data directory holds it, or asks the process that does. A holder answers others for as long as it
 * has it: to them it makes no difference who that is.
 */
import { randomUUID } from 'node:crypto';
import { isShared } from '../config/shared.ts';
import type { Host } from '../host.ts';
import { type Control, openControl } from '../http/control.ts';
import { type Lock, type Owner, takeLock } from '../log/lock.ts';
import type { Telemetry } from '../telemetry.ts';
import { systemTime } from '../time.ts';
import { aboutOwner } from './ask.ts';
import type { DataCommand } from './command.ts';
import { answering } from './execute.ts';
import { makeDataDirectory, type Place } from './place.ts';

export interface Held {
  readonly host: Host;
  /** Asks what others have begun to stop. Until then a holder that is done waits for them. */
  dismiss(): void;
  /** No command of others is begun any more; resolves when those that were begun are over. */
  drained(): Promise<void>;
  close(): Promise<void>;
}

export interface HoldOptions {
  readonly place: Place;
  /** Only who holds the directory has anything to tell. */
  readonly telemetry: () => Promise<Telemetry>;
  readonly commands: readonly DataCommand[];
  /** Where to look, of a process that stays until it is ended. */
  readonly serving: () => string | undefined;
  readonly stays: boolean;
  /** With the lock in hand, before anything is opened, and before anybody else is answered. */
  readonly before?: (lock: Pick<Lock, 'check'>) => Promise<void>;
}

/** Resolves to the owner where another process holds the directory; nobody does where all is shared. */
export const holdOrOwner = async (options: HoldOptions): Promise<{ held: Held } | { owner: Owner }> => {
  const { place, telemetry, commands, serving, stays, before } = options;
  if (isShared(place.config)) {
    const host = await hostOf(place, { lock: NOBODYS, telemetry: await telemetry(), stays });
    return { held: sharedHeld(host) };
  }
  await makeDataDirectory(place.data);
  const token = randomUUID();
  const answers = answering(commands);
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
    try {
      await before?.(lock);
      const host = await hostOf(place, { lock, telemetry: await telemetry(), stays });
      answers.open(host);
      return { held: heldOf(host, lock, control, answers) };
    } catch (error) {
      await lock.release();
      throw error;
    }
  } catch (error) {
    await control.close();
    throw error;
  }
};

const NOBODYS: Pick<Lock, 'check'> = { check: async () => undefined };

/** There is nothing to hold, and nobody has to ask this process for anything. */
const sharedHeld = (host: Host): Held => {
  // Whoever waits for a broker that is away has neither a socket nor a timer that would keep the process.
  const alive = setInterval(() => undefined, 60_000);
  return {
    host,
    dismiss: () => undefined,
    drained: async () => undefined,
    close: () => host.close().finally(() => clearInterval(alive)),
  };
};

/** Loaded with the lock in hand: whoever only asks is done before that would be read. */
const hostOf = async (
  { config, data, environment, engines }: Place,
  needs: { readonly lock: Pick<Lock, 'check'>; readonly telemetry: Telemetry; readonly stays: boolean },
): Promise<Host> => {
  const [{ openHost }, { openEngines }] = await Promise.all([import('../host.ts'), engines()]);
  return openHost({ config, openEngines, data, environment, time: systemTime, ...needs });
};

const heldOf = (
  host: Host,
  lock: Lock,
  control: Control,
  { dismiss, drained }: Pick<Held, 'dismiss' | 'drained'>,
): Held => ({
  host,
  dismiss,
  drained,
  async close() {
    await drained();
    try {
      await host.close();
    } finally {
      // Last, and only then deaf: until then nobody may take this process for dead.
      await lock.release().finally(() => control.close());
    }
  },
});
