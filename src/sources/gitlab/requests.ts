/**
 * Requests to GitLab's REST API: paced, each with a deadline, repeated while that is the answer to what went wrong. It is
 * the requester of @gitbeaker, whose own gives up after a third of a second (docs/decisions.md).
 */
import { maskedText, reasonOf, TryAgain } from '../../errors.ts';
import type { Time } from '../../ports.ts';
import { SECOND } from '../../units.ts';
import { askedToWait, type Pace } from './pace.ts';

/** Without a byte. */
const SILENCE_MS = 30 * SECOND;
/** Of a server that fails or resets; what is worth repeating for longer is `attempt`'s to repeat. */
const TRIES = 4;
/** A server that limits us works: it is waited for. */
const LIMITED_TRIES = 20;
const FIRST_MS = 500;
const CAP_MS = 60 * SECOND;
const MESSAGE_CHARS = 300;

/** GitLab says no: the status, and its own words. Whoever asked knows what that means. */
export class Refused extends Error {
  override readonly name = 'Refused';
  readonly status: number;
  /** `insufficient_scope`, where the token lacks a permission. */
  readonly code: string;
  constructor(status: number, code: string, message: string) {
    super(maskedText(message));
    this.status = status;
    this.code = code;
  }
}

export interface Asking {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly query?: Readonly<Record<string, unknown>>;
  readonly body?: Readonly<Record<string, unknown>>;
  /** The answer is cut off at a byte more. */
  readonly maxBytes?: number;
  /** How often it is tried when the server fails. */
  readonly tries?: number;
}

export interface Reply {
  readonly headers: Headers;
  readonly bytes: Buffer;
}

export interface Requests {
  /** The whole answer, byte by byte. Throws `Refused` or `TryAgain`. */
  ask(path: string, asking?: Asking): Promise<Reply>;
  /** The answer as it comes in; repeated until it begins, and not after that. */
  stream(path: string, asking?: Asking): AsyncIterable<Uint8Array>;
  close(): void;
}

export interface RequestsOptions {
  /** `https://gitlab.example.com`. */
  readonly url: string;
  /** Asked for each request, so that it may be replaced at any time. */
  readonly token: () => Promise<string | undefined>;
  readonly pace: Pace;
  readonly time: Time;
  readonly silenceMs?: number;
}

interface Begun {
  readonly response: Response;
  /** The body under the deadline; leaving it early ends the request. */
  body(): AsyncGenerator<Uint8Array>;
  end(): void;
}

const isLimit = ({ status }: Response) => status === 429;
const isFailure = ({ status }: Response) => status >= 500 || status === 408;

/** `perPage: 100` is `per_page=100`, a list `skip[]=1`. */
const snake = (name: string) => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

const queryOf = (query: Readonly<Record<string, unknown>>): string => {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (Array.isArray(value)) for (const one of value) params.append(`${snake(name)}[]`, String(one));
    else if (value !== undefined && value !== null) params.set(snake(name), String(value));
  }
  return params.toString();
};

const wordsOf = (bytes: Buffer): { readonly code: string; readonly message: string } => {
  const text = bytes.toString('utf8').slice(0, MESSAGE_CHARS).trim();
  try {
    const { error, message } = JSON.parse(bytes.toString('utf8')) as Record<string, unknown>;
    const code = typeof error === 'string' ? error : '';
    return { code, message: typeof message === 'string' ? message : code || text };
  } catch {
    // A proxy answers in words of its own.
    return { code: '', message: text };
  }
};

export const requests = ({ url, token, pace, time, silenceMs = SILENCE_MS }: RequestsOptions): Requests => {
  const closing = new AbortController();
  const base = `${url.replace(/\/+$/, '')}/api/v4/`;
  const { origin } = new URL(base);

  const send = async (href: string, { method = 'GET', body }: Asking): Promise<Begun> => {
    const gone = new AbortController();
    const end = () => gone.abort();
    closing.signal.addEventListener('abort', end, { once: true });
    let timer = setTimeout(end, silenceMs);
    const heard = () => {
      clearTimeout(timer);
      timer = setTimeout(end, silenceMs);
    };
    const over = () => {
      clearTimeout(timer);
      closing.signal.removeEventListener('abort', end);
    };
    const secret = await token();
    try {
      const response = await fetch(href, {
        method,
        // Followed by us, and never with the token to another server.
        redirect: 'manual',
        signal: gone.signal,
        headers: {
          'user-agent': 'tidemark',
          ...(secret === undefined ? {} : { 'private-token': secret }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      heard();
      return {
        response,
        end() {
          over();
          end();
        },
        async *body() {
          try {
            for await (const part of response.body ?? []) {
              heard();
              yield part as Uint8Array;
            }
          } finally {
            over();
            end();
          }
        },
      };
    } catch (error) {
      over();
      throw error;
    }
  };

  const whole = async (begun: Begun, maxBytes: number): Promise<Buffer> => {
    const parts: Uint8Array[] = [];
    let bytes = 0;
    for await (const part of begun.body()) {
      parts.push(part);
      bytes += part.length;
      if (bytes > maxBytes) break;
    }
    return Buffer.concat(parts).subarray(0, maxBytes + 1);
  };

  const backoff = (tries: number) => {
    const ceiling = Math.min(CAP_MS, FIRST_MS * 2 ** tries);
    return time.sleep(ceiling * (0.5 + time.random() / 2), closing.signal);
  };

  /** Whether it is worth asking again, after the wait that this is. */
  const limited = async ({ headers }: Response, times: number): Promise<void> => {
    const waitMs = askedToWait(headers, time.now());
    // A limit of one endpoint says nothing, and holds up nobody else.
    if (waitMs === undefined) await backoff(times + 1);
    else pace.pause(waitMs + FIRST_MS * time.random());
  };

  /** Repeats until there is an answer that it is not the reaction to repeat. */
  const repeated = async <T>(path: string, asking: Asking, use: (begun: Begun) => Promise<T>): Promise<T> => {
    const { method = 'GET', tries = TRIES } = asking;
    const query = queryOf(asking.query ?? {});
    let href = `${base}${path}${query === '' ? '' : `?${query}`}`;
    const what = `${method} ${href}`;
    let [failures, limits] = [0, 0];
    for (;;) {
      const leave = await pace.admit(closing.signal);
      let refusal: Response;
      let words: Buffer;
      try {
        if (closing.signal.aborted) throw new TryAgain(`${what}: this source is closed`);
        const begun = await send(href, asking);
        const { response } = begun;
        pace.heed(response.headers);
        if (response.ok) return await use(begun);
        refusal = response;
        words = await whole(begun, 10_000);
      } catch (error) {
        failures += 1;
        if (error instanceof TryAgain) throw error;
        // What changes something may have done so already.
        if (failures >= tries || method !== 'GET' || closing.signal.aborted)
          throw new TryAgain(`${what}: ${reasonOf(error)}`, { cause: error });
        await backoff(failures);
        continue;
      } finally {
        leave();
      }
      const { status, headers } = refusal;
      if (isLimit(refusal)) {
        limits += 1;
        const waitMs = askedToWait(headers, time.now()) ?? 0;
        if (limits >= Math.min(LIMITED_TRIES, tries * LIMITED_TRIES) || tries === 1)
          throw new TryAgain(`${what}: 429, too many requests`, { retryAfterMs: waitMs });
        await limited(refusal, limits);
        continue;
      }
      const { code, message } = wordsOf(words);
      if (isFailure(refusal)) {
        failures += 1;
        const waitMs = askedToWait(headers, time.now()) ?? 0;
        if (failures >= tries || method !== 'GET')
          throw new TryAgain(`${what}: ${status} ${message}`, { retryAfterMs: waitMs });
        if (waitMs > 0) await time.sleep(Math.min(waitMs, CAP_MS), closing.signal);
        else await backoff(failures);
        continue;
      }
      const to = headers.get('location');
      if (status >= 300 && status < 400 && to !== null && method === 'GET') {
        const next = new URL(to, href);
        // A redirect of a page to itself would go on for ever, and counts as a failure of the server.
        failures += 1;
        if (next.origin === origin && failures < tries) {
          href = next.href;
          continue;
        }
      }
      throw new Refused(status, code, `${what}: ${status} ${message}`);
    }
  };

  return {
    ask: (path, asking = {}) =>
      repeated(path, asking, async (begun) => ({
        headers: begun.response.headers,
        bytes: await whole(begun, asking.maxBytes ?? Number.POSITIVE_INFINITY),
      })),

    async *stream(path, asking = {}) {
      const begun = await repeated(path, asking, async (one) => one);
      try {
        yield* begun.body();
      } catch (error) {
        throw new TryAgain(`GET ${base}${path}: ${reasonOf(error)}`, { cause: error });
      } finally {
        begun.end();
      }
    },

    close: () => closing.abort(),
  };
};
