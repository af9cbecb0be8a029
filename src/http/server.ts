/**
 * Health, readiness, metrics and status, to be looked at from outside, which ask nobody who they are; and the API, which
 * does.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Registry } from 'prom-client';
import { messageOf, TryAgain } from '../errors.ts';
import { answer, answerJson } from './answer.ts';
import type { Api } from './api.ts';
import { isKnownName } from './guard.ts';

/** What is not well, in words; nothing when all is. */
export type Readiness = readonly string[];

export interface HttpOptions {
  readonly host: string;
  readonly port: number;
  /** Other names under which it is reached. */
  readonly hosts?: readonly string[];
  readonly registry: Registry;
  readonly ready: () => Readiness;
  readonly status: () => Promise<unknown>;
  readonly api?: Api;
  /** What takes a POST, by its path. */
  readonly receivers?: Readonly<Record<string, (request: IncomingMessage, response: ServerResponse) => Promise<void>>>;
}

export interface HttpServer {
  readonly url: string;
  close(): Promise<void>;
}

const REQUEST_MS = 30_000;
const TEXT = 'text/plain; charset=utf-8';

export const isLoopbackAddress = (host: string): boolean =>
  host === 'localhost' || host.startsWith('127.') || host === '::1';

export const openHttp = async (options: HttpOptions): Promise<HttpServer> => {
  const { host, port, hosts = [], registry, ready, status, api, receivers = {} } = options;
  const onLoopback = isLoopbackAddress(host);

  const pages: Readonly<Record<string, (response: ServerResponse) => Promise<void> | void>> = {
    '/healthz': (response) => answer(response, 200, TEXT, 'ok\n'),
    '/readyz': (response) => {
      const reasons = ready();
      answerJson(response, reasons.length > 0 ? 503 : 200, { ready: reasons.length === 0, reasons });
    },
    '/metrics': async (response) => answer(response, 200, registry.contentType, await registry.metrics()),
    '/status': async (response) => answerJson(response, 200, await status()),
  };

  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    // Who looks at health and figures from outside may well do so by address.
    if (onLoopback && !isKnownName(request.headers.host, { onLoopback, hosts }))
      return answer(response, 421, TEXT, 'this address is answered for localhost alone\n');
    const url = new URL(request.url ?? '/', 'http://localhost');
    if (await api?.(request, response, url)) return;
    const { pathname } = url;
    const receive = Object.hasOwn(receivers, pathname) ? receivers[pathname] : undefined;
    if (receive && request.method === 'POST') return receive(request, response);
    request.resume();
    if (receive) return answer(response, 405, TEXT, 'only POST\n');
    const page = Object.hasOwn(pages, pathname) ? pages[pathname] : undefined;
    if (!page) return answer(response, 404, TEXT, `there are ${Object.keys(pages).join(', ')}\n`);
    if (request.method !== 'GET' && request.method !== 'HEAD') return answer(response, 405, TEXT, 'only GET\n');
    await page(response);
  };

  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      if (response.headersSent) response.destroy();
      else answerJson(response, 500, { error: messageOf(error) });
    });
  });
  server.requestTimeout = REQUEST_MS;
  server.headersTimeout = REQUEST_MS;
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (cause) {
    throw new TryAgain(
      `listen on ${host}:${port}: ${messageOf(cause)}. \`http.port\` or TIDEMARK_HTTP_PORT names another`,
      {
        cause,
      },
    );
  }
  const address = server.address();
  const taken = typeof address === 'object' && address !== null ? address.port : port;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${taken}`,
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
};
