/** The clock on the wall and real chance. Tests bring their own. */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Time } from './ports.ts';

export const systemTime: Time = {
  now: Date.now,
  random: Math.random,
  token: randomUUID,
  async sleep(ms, signal) {
    if (signal?.aborted) return;
    try {
      await pause(ms, undefined, { ref: false, ...(signal && { signal }) });
    } catch (error) {
      if (!signal?.aborted) throw error;
    }
  },
};
