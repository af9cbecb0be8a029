/** The questions over HTTP, and MCP beside them: who asks, what, and how the answer goes out. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Hosted } from '../pipeline/host.ts';
import { answerJson } from './answer.ts';
import { jsonBody } from './body.ts';
import type { BoundedAsk } from './bounded.ts';
import { type GuardOptions, guard } from './guard.ts';
import { mcpOverHttp } from './mcp.ts';
import { openApi } from './openapi.ts';
import { Refusal, refusalOf, refuse } from './refusal.ts';
import { beginOf, type Route, routeOf } from './routes.ts';

/** What is a number and no text, of what stands in an address. */
const NUMBERS = new Set(['from', 'column', 'lines']);

export interface ApiOptions extends GuardOptions {
  readonly pipelines: readonly Hosted[];
  readonly ask: BoundedAsk;
  readonly version: string;
}

/** Answers what is below `/v1` and `/mcp`. Resolves to `false` for what is not its. */
export type Api = (request: IncomingMessage, response: ServerResponse, url: URL) => Promise<boolean>;

export const api = (options: ApiOptions): Api => {
  const { pipelines, ask } = options;

  const pipelineOf = (url: URL): Hosted => {
    const name = url.searchParams.get('pipeline');
    const found =
      pipelines.find((one) => one.name === (name ?? 'default')) ?? (name === null ? pipelines[0] : undefined);
    if (!found) throw new Refusal(404, `there is no pipeline ${name}`);
    return found;
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
      const refusal = refusalOf(error);
      // A fault of ours is told to the log, and to nobody who asks.
      if (refusal.status === 500 && refusal !== error) throw error;
      refuse(response, refusal);
    }
    return true;
  };
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
