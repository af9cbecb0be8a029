/** What goes wrong on the simulated GitLab, as somebody asks for it. */

export interface Asked {
  readonly method: string;
  /** Below `/api/v4`, with its query. */
  readonly path: string;
  /** How many requests came before. */
  readonly count: number;
}

export type Fault =
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string }
  | { readonly reset: true }
  /** Answers as it should, so much later. */
  | { readonly slowMs: number }
  /** A proxy that loses what says where the next page is. */
  | { readonly withoutLink: true }
  /** Ends the answer after so many bytes, as if that were all. */
  | { readonly truncateAt: number }
  /** Sends so many bytes of the answer, and no more. */
  | { readonly stallAt: number };

export type FaultRule = (asked: Asked) => Fault | undefined;

/** A fault for the first so many requests whose path matches. */
export const firstTimes = (times: number, pattern: RegExp, fault: Fault): FaultRule => {
  let left = times;
  return ({ path }) => {
    if (left === 0 || !pattern.test(path)) return undefined;
    left -= 1;
    return fault;
  };
};

export const always =
  (pattern: RegExp, fault: Fault): FaultRule =>
  ({ path }) =>
    pattern.test(path) ? fault : undefined;

export interface RateLimit {
  readonly requests: number;
  readonly windowMs: number;
  /** Rack::Attack says `RateLimit-*` and `Retry-After`; an application limit says nothing. */
  readonly headers: boolean;
}

export interface Verdict {
  readonly refused: boolean;
  readonly headers: Readonly<Record<string, string>>;
}

/** Windows that begin with the first request after the one before has ended, as Rack::Attack has them. */
export const rateLimiter = ({ requests, windowMs, headers }: RateLimit) => {
  let [startedAt, used] = [0, 0];
  return (): Verdict => {
    const now = Date.now();
    if (now - startedAt >= windowMs) [startedAt, used] = [now, 0];
    used += 1;
    const refused = used > requests;
    if (!headers) return { refused, headers: {} };
    const resetMs = startedAt + windowMs;
    const said: Record<string, string> = {
      // For a minute, whatever the window is.
      'ratelimit-limit': String(Math.floor((requests * 60_000) / windowMs)),
      'ratelimit-name': 'throttle_authenticated_api',
      'ratelimit-observed': String(used),
      'ratelimit-remaining': String(Math.max(0, requests - used)),
      'ratelimit-reset': String(Math.ceil(resetMs / 1000)),
    };
    if (refused) said['retry-after'] = String(Math.max(1, Math.ceil((resetMs - now) / 1000)));
    return { refused, headers: said };
  };
};
