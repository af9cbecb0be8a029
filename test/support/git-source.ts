import { setTimeout as sleep } from 'node:timers/promises';
import type { Time } from '../../src/ports.ts';
import { type GitSource, type GitSourceOptions, gitSource } from '../../src/sources/git/git.ts';
import { environment } from './repository.ts';

let tokens = 0;

export const realTime: Time = {
  now: Date.now,
  random: Math.random,
  token: () => {
    tokens += 1;
    return String(tokens);
  },
  async sleep(ms, signal) {
    await sleep(ms, undefined, { ...(signal && { signal }), ref: false }).catch((error: unknown) => {
      if (!signal?.aborted) throw error;
    });
  },
};

export const open = (path: string, options: Partial<GitSourceOptions> = {}): GitSource =>
  gitSource({ name: 'handbook', path, environment: environment(), time: realTime, ...options });
