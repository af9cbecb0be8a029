/**
 * How fast one GitLab is asked, by everybody in this process together: a token bucket, so many requests at a time, and a
 * pause whenever the server says that the window is used up.
 */
import type { Time } from '../../ports.ts';
import { MINUTE, SECOND } from '../../units.ts';

/** What may go at once after a rest, as a share of a minute's requests. */
const BURST = 10;
/** A server that is wrong about its clock, or asks for an hour, is asked again after this. */
const LONGEST_PAUSE_MS = 5 * MINUTE;

export interface Pace {
  /** Resolves when the next request may go, to what has to be called when it is over. */
  admit(signal: AbortSignal): Promise<() => void>;
  /** Nobody asks for so long. */
  pause(ms: number): void;
  /** Follows what an answer says of its rate limit. */
  heed(headers: Headers): void;
}

export interface PaceOptions {
  readonly perMinute: number;
  readonly parallel: number;
  readonly time: Pick<Time, 'now' | 'sleep'>;
}

const numberIn = (headers: Headers, name: string): number | undefined => {
  const text = headers.get(name);
  return text !== null && /^\d+(\.\d+)?$/.test(text) ? Number(text) : undefined;
};

/** Until that moment of the server's clock, which need not be ours. */
const untilReset = (headers: Headers, now: number): number | undefined => {
  const reset = numberIn(headers, 'ratelimit-reset');
  if (reset === undefined) return undefined;
  const said = Date.parse(headers.get('date') ?? '');
  return reset * SECOND - (Number.isNaN(said) ? now : said);
};

/** How long an answer asks us to stay away; `undefined` when it does not say. */
export const askedToWait = (headers: Headers, now: number): number | undefined => {
  const seconds = numberIn(headers, 'retry-after');
  return seconds === undefined ? untilReset(headers, now) : seconds * SECOND;
};

export const paceOf = ({ perMinute, parallel, time }: PaceOptions): Pace => {
  let allowed = perMinute;
  let tokens = Math.max(1, perMinute / BURST);
  let filledAt = time.now();
  let pausedUntil = 0;
  let running = 0;
  const waiting: (() => void)[] = [];

  const fill = () => {
    const now = time.now();
    tokens = Math.min(Math.max(1, allowed / BURST), tokens + ((now - filledAt) * allowed) / MINUTE);
    filledAt = now;
  };

  const slot = async () => {
    if (running < parallel) running += 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
  };

  const leave = () => {
    const next = waiting.shift();
    if (next) next();
    else running -= 1;
  };

  return {
    async admit(signal) {
      await slot();
      for (;;) {
        fill();
        const waitMs = Math.max(pausedUntil - time.now(), tokens >= 1 ? 0 : ((1 - tokens) * MINUTE) / allowed);
        if (waitMs <= 0 || signal.aborted) break;
        await time.sleep(waitMs, signal);
      }
      tokens -= 1;
      return leave;
    },

    pause(ms) {
      pausedUntil = Math.max(pausedUntil, time.now() + Math.min(ms, LONGEST_PAUSE_MS));
    },

    heed(headers) {
      // GitLab says its limit for a minute, whatever its window is.
      const limit = numberIn(headers, 'ratelimit-limit');
      if (limit !== undefined && limit > 0) allowed = Math.min(perMinute, limit);
      const waitMs = untilReset(headers, time.now());
      if (numberIn(headers, 'ratelimit-remaining') === 0 && waitMs !== undefined) this.pause(waitMs);
    },
  };
};
