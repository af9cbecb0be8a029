/** The clock on the wall and real chance. Tests bring their own. */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Time } from '../ports.ts';

export const systemTime: Time = {
  now: Date.now,
  random: Math.random,
  token: randomUUID,
  sleep: (ms, signal) => sleep(ms, false, signal),
};

/** Keeps the process alive, for one that has nothing else to do than to wait. */
export const stay = (ms: number, signal?: AbortSignal): Promise<void> => sleep(ms, true, signal);

const sleep = async (ms: number, ref: boolean, signal?: AbortSignal): Promise<void> => {
  if (signal?.aborted) return;
  try {
    await pause(ms, undefined, { ref, ...(signal && { signal }) });
  } catch (error) {
    if (!signal?.aborted) throw error;
  }
};
