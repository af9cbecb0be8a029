/** One request to a server that runs a model: what is sent, and what each kind of answer means for whoever asked. */

import { DeadLetter, messageOf, reasonOf, StopFlow, TryAgain } from '../errors.ts';
import { either } from '../runtime/either.ts';
import { MINUTE, SECOND } from '../units.ts';

/** Of a server that says "too many" and not for how long. */
const USUAL_PAUSE_MS = 1 * SECOND;
/** Who asks for more is asked again before, and says so again. */
const LONGEST_PAUSE_MS = 5 * MINUTE;
const QUOTED_CHARACTERS = 300;

export interface ModelServerOptions {
  /** What it is, in messages: `the embedding server`. */
  readonly what: string;
  /** The section of the configuration that names it. */
  readonly section: string;
  readonly endpoint: URL;
  readonly apiKey?: string | undefined;
  readonly timeoutSeconds: number;
}

export interface ModelServer {
  /** For messages: what it is, with the host that answers. */
  readonly name: string;
  /** What it answers, which is JSON. */
  post(body: Readonly<Record<string, unknown>>): Promise<unknown>;
  close(): void;
}

export const modelServer = ({ what, section, endpoint, apiKey, timeoutSeconds }: ModelServerOptions): ModelServer => {
  const name = `${what} ${endpoint.host}`;
  const headers = { 'content-type': 'application/json', ...credentials(endpoint, apiKey) };
  const closed = new AbortController();
  const shown = (text: string) => (apiKey ? text.replaceAll(apiKey, '***') : text).slice(0, QUOTED_CHARACTERS);

  const send = async (body: string): Promise<{ readonly response: Response; readonly content: string }> => {
    const stop = either([closed.signal, AbortSignal.timeout(timeoutSeconds * SECOND)]);
    try {
      const response = await fetch(endpoint, { method: 'POST', headers, body, signal: stop.signal });
      return { response, content: await response.text() };
    } catch (cause) {
      const late = stop.signal.aborted && !closed.signal.aborted;
      const why = closed.signal.aborted ? 'it was closed' : late ? `no answer in ${timeoutSeconds} s` : reasonOf(cause);
      throw new TryAgain(`ask ${name}: ${why}`, { cause });
    } finally {
      stop.release();
    }
  };

  return {
    name,
    async post(body) {
      const { response, content } = await send(JSON.stringify(body));
      if (!response.ok) throw refusal(response, section, `${name} answers ${response.status}: ${shown(said(content))}`);
      try {
        return JSON.parse(content);
      } catch (cause) {
        throw new TryAgain(`read what ${name} answers: ${messageOf(cause)}`, { cause });
      }
    },
    close: () => closed.abort(),
  };
};

/** `http://host` or `http://host/v1`, or all of it, with a query as Azure has one. */
export const endpointOf = (url: string, { base, last }: { readonly base: string; readonly last: string }): URL => {
  const endpoint = new URL(url);
  const path = endpoint.pathname.replace(/\/+$/, '');
  endpoint.pathname = path.endsWith(`/${last}`) ? path : `${path === '' ? base : path}/${last}`;
  return endpoint;
};

const credentials = ({ hostname }: URL, apiKey: string | undefined): Record<string, string> => {
  if (!apiKey) return {};
  return hostname.endsWith('.azure.com') ? { 'api-key': apiKey } : { authorization: `Bearer ${apiKey}` };
};

/** By the reaction that helps. A text is only to blame where the request itself is refused. */
const refusal = ({ status, headers }: Response, section: string, message: string): Error => {
  if (status === 402) return new StopFlow(message);
  if (status === 401 || status === 403) return new StopFlow(`${message} (is ${section}.apiKey right?)`);
  if (status === 404 || status === 405)
    return new StopFlow(`${message} (are ${section}.url and ${section}.model right?)`);
  if (status === 429 || status === 503)
    return new TryAgain(message, { retryAfterMs: pauseOf(headers) ?? USUAL_PAUSE_MS });
  if (status >= 500 || [408, 409, 424, 425].includes(status))
    return new TryAgain(message, { retryAfterMs: pauseOf(headers) ?? 0 });
  return new DeadLetter('refused', message);
};

/** Seconds or a date; OpenAI and Azure also say milliseconds. */
const pauseOf = (headers: Headers): number | undefined => {
  const exactly = headers.get('retry-after-ms');
  const after = headers.get('retry-after');
  const ms = exactly ? Number(exactly) : after ? secondsOrDate(after) : Number.NaN;
  return Number.isFinite(ms) ? Math.min(Math.max(0, ms), LONGEST_PAUSE_MS) : undefined;
};

const secondsOrDate = (value: string): number =>
  /^\s*\d+(\.\d+)?\s*$/.test(value) ? Number(value) * SECOND : Date.parse(value) - Date.now();

/** The sentence in an error as OpenAI shapes it, or all there is. */
const said = (content: string): string => {
  try {
    const { error } = JSON.parse(content) as { error?: { message?: unknown } | string };
    const message = typeof error === 'object' ? error.message : error;
    return typeof message === 'string' ? message : content;
  } catch {
    return content; // A proxy's page, as it is.
  }
};
