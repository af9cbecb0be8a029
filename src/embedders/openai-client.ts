/** One request to an embedding server: what is sent, and what each kind of answer means for whoever asked. */
import { z } from 'zod';
import type { OpenaiOptions } from '../config/embedder.ts';
import { either } from '../either.ts';
import { DeadLetter, messageOf, StopFlow, TryAgain } from '../errors.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
/** Of a server that says "too many" and not for how long. */
const USUAL_PAUSE_MS = 1 * SECOND;
/** Who asks for more is asked again before, and says so again. */
const LONGEST_PAUSE_MS = 5 * MINUTE;
const QUOTED_CHARACTERS = 300;

export type Counts = (tokens: number) => void;

export interface OpenaiClient {
  /** For messages: the host that answers. */
  readonly name: string;
  /** The vectors in the order of the texts; none for a text that was left out. */
  embed(
    body: Readonly<Record<string, unknown>> & { readonly input: readonly string[] },
  ): Promise<readonly (Float32Array | undefined)[]>;
  close(): void;
}

const answerSchema = z.object({
  data: z.array(
    z.object({ index: z.int().nonnegative().optional(), embedding: z.union([z.string(), z.array(z.unknown())]) }),
  ),
  usage: z.object({ total_tokens: z.number().optional(), prompt_tokens: z.number().optional() }).nullish(),
});

export const openaiClient = (
  { url, apiKey, timeoutSeconds }: Pick<OpenaiOptions, 'url' | 'apiKey' | 'timeoutSeconds'>,
  counted: Counts,
): OpenaiClient => {
  const endpoint = endpointOf(url);
  const name = `the embedding server ${endpoint.host}`;
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
    async embed(body) {
      const { response, content } = await send(JSON.stringify(body));
      if (!response.ok) throw refusal(response, `${name} answers ${response.status}: ${shown(said(content))}`);
      const { data, usage } = answerOf(content, name);
      counted(usage?.total_tokens ?? usage?.prompt_tokens ?? 0);
      const vectors: (Float32Array | undefined)[] = new Array(body.input.length).fill(undefined);
      for (const [at, { index = at, embedding }] of data.entries()) vectors[index] = numbersOf(embedding);
      return vectors;
    },
    close: () => closed.abort(),
  };
};

/** `http://host`, `http://host/v1`, or all of it, with a query as Azure has one. */
export const endpointOf = (url: string): URL => {
  const endpoint = new URL(url);
  const path = endpoint.pathname.replace(/\/+$/, '');
  if (path.endsWith('/embeddings')) endpoint.pathname = path;
  else endpoint.pathname = `${path === '' ? '/v1' : path}/embeddings`;
  return endpoint;
};

const credentials = ({ hostname }: URL, apiKey: string | undefined): Record<string, string> => {
  if (!apiKey) return {};
  return hostname.endsWith('.azure.com') ? { 'api-key': apiKey } : { authorization: `Bearer ${apiKey}` };
};

/** By the reaction that helps. A text is only to blame where the request itself is refused. */
const refusal = ({ status, headers }: Response, message: string): Error => {
  if (status === 402) return new StopFlow(message);
  if (status === 401 || status === 403) return new StopFlow(`${message} (is embedder.apiKey right?)`);
  if (status === 404 || status === 405) return new StopFlow(`${message} (are embedder.url and embedder.model right?)`);
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

const answerOf = (content: string, name: string): z.output<typeof answerSchema> => {
  let answer: unknown;
  try {
    answer = JSON.parse(content);
  } catch (cause) {
    throw new TryAgain(`read what ${name} answers: ${messageOf(cause)}`, { cause });
  }
  const parsed = answerSchema.safeParse(answer);
  if (parsed.success) return parsed.data;
  throw new StopFlow(`${name} answers without embeddings: is embedder.url right?`, { cause: parsed.error });
};

/** Little endian, as every machine that Node runs on. What is no number becomes NaN, and is refused by whoever checks. */
const numbersOf = (embedding: string | readonly unknown[]): Float32Array => {
  if (typeof embedding !== 'string')
    return Float32Array.from(embedding, (value) => (typeof value === 'number' ? value : Number.NaN));
  const bytes = Buffer.from(embedding, 'base64');
  return new Float32Array(Uint8Array.from(bytes).buffer, 0, bytes.length >> 2);
};

/** fetch says "fetch failed", and the reason is in its cause. */
const reasonOf = (error: unknown): string => {
  const { cause } = error as { cause?: unknown };
  return cause instanceof Error ? `${messageOf(error)}: ${messageOf(cause) || cause.name}` : messageOf(error);
};
