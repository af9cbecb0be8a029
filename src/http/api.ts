/** The questions over HTTP, and MCP beside them: who asks, what, and how the answer goes out. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type AnswerOf, answerTo, type Question } from '../api/questions.ts';
import { either } from '../either.ts';
import type { Hosted } from '../host.ts';
import type { Telemetry } from '../telemetry.ts';
import { stay } from '../time.ts';
import { answerJson } from './answer.ts';
import { jsonBody } from './body.ts';
import type { Caller } from './callers.ts';
import { type GuardOptions, guard } from './guard.ts';
import { mcpOverHttp } from './mcp.ts';
import { openApi } from './openapi.ts';
import { Refusal, refusalOf } from './refusal.ts';
import { beginOf, type Route, routeOf, SCOPE_OF } from './routes.ts';

const SECOND = 1_000;
/** Longer than a question that waits until it is fresh. */
const ANSWER_MS = 60 * SECOND;
const MAX_AT_ONCE = 64;
/** What is a number and no text, of what stands in an address. */
const NUMBERS = new Set(['from', 'column', 'lines']);

export interface ApiOptions extends GuardOptions {
  readonly pipelines: readonly Hosted[];
  readonly telemetry: Telemetry;
  readonly version: string;
}

/** Answers what is below `/v1` and `/mcp`. Resolves to `false` for what is not its. */
export type Api = (request: IncomingMessage, response: ServerResponse, url: URL) => Promise<boolean>;

export const api = (options: ApiOptions): Api => {
  const { pipelines, telemetry } = options;
  let answered = 0;

  const pipelineOf = (url: URL): Hosted => {
    const name = url.searchParams.get('pipeline');
    const found =
      pipelines.find((one) => one.name === (name ?? 'default')) ?? (name === null ? pipelines[0] : undefined);
    if (!found) throw new Refusal(404, `there is no pipeline ${name}`);
    return found;
  };

  /** As the caller may: with its scopes, of its projects, in time, and not too many at once. */
  const ask = async <Q extends Question>(
    { pipeline, caller, signal }: { pipeline: Hosted; caller: Caller; signal: AbortSignal },
    question: Q,
    request: unknown,
  ): Promise<AnswerOf<Q>> => {
    const beganAt = performance.now();
    const tell = (status: number) => {
      const seconds = (performance.now() - beganAt) / SECOND;
      telemetry.asked({ question, by: caller.name, status, seconds });
    };
    const over = new AbortController();
    const stop = either([signal, over.signal]);
    try {
      if (!caller.scopes.has(SCOPE_OF[question])) throw new Refusal(403, `this token is not for ${question}`);
      if (answered >= MAX_AT_ONCE) throw new Refusal(503, `${MAX_AT_ONCE} questions are being answered`);
      answered += 1;
      const answering = answerTo(
        question,
        { pipeline, mayRead: caller.mayRead(pipeline), signal: stop.signal },
        request,
      );
      // Also when nobody waits for it any more: a dependency that is down must not gather questions without end.
      const settled = () => {
        answered -= 1;
      };
      answering.then(settled, settled);
      const answer = await Promise.race([answering, tooLate(over.signal)]);
      tell(200);
      return answer;
    } catch (error) {
      tell(refusalOf(error).status);
      throw error;
    } finally {
      over.abort();
      stop.release();
    }
  };

  const mcp = mcpOverHttp(options.version);

  return async (request, response, url) => {
    const { pathname } = url;
    if (pathname === '/v1/openapi.json') {
      request.resume();
      answerJson(response, 200, openApi(options.version));
      return true;
    }
    const route = routeOf(pathname);
    if (!route && pathname !== '/mcp') return false;
    const gone = new AbortController();
    response.on('close', () => gone.abort());
    try {
      const caller = guard(request, options);
      const pipeline = pipelineOf(url);
      const asking = { pipeline, caller, signal: gone.signal };
      if (!route) {
        await mcp(request, response, (name, wanted) => ask(asking, name, wanted));
        return true;
      }
      const { question, method } = route;
      if (request.method !== method) throw new Refusal(405, `${pathname} is asked for with ${method}`);
      const wanted = method === 'POST' ? await jsonBody(request) : requestOf(route, url);
      answerJson(response, 200, await ask(asking, question, wanted));
    } catch (error) {
      refuse(response, refusalOf(error));
    }
    return true;
  };
};

const tooLate = async (over: AbortSignal): Promise<never> => {
  await stay(ANSWER_MS, over);
  throw new Refusal(503, `there was no answer within ${ANSWER_MS / SECOND} seconds; status says what waits`);
};

/** What stands in the address: the part in braces, and the rest beside it. */
const requestOf = (route: Route, { pathname, searchParams }: URL): unknown => {
  const [, name] = /\{(\w+)\}$/.exec(route.path) ?? [];
  const given = [...searchParams].filter(([key]) => key !== 'pipeline');
  return {
    ...Object.fromEntries(given.map(([key, value]) => [key, NUMBERS.has(key) ? Number(value) : value])),
    ...(name === undefined ? {} : { [name]: decoded(pathname.slice(beginOf(route).length)) }),
  };
};

const decoded = (path: string): string => {
  try {
    return decodeURIComponent(path);
  } catch {
    throw new Refusal(400, 'the path is not encoded as UTF-8');
  }
};

const refuse = (response: ServerResponse, { status, message }: Refusal): void => {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  if (status === 401) response.setHeader('www-authenticate', 'Bearer');
  if (status === 503) response.setHeader('retry-after', '1');
  // What was not read of the request is not waited for.
  response.setHeader('connection', 'close');
  answerJson(response, status, { error: message });
};
