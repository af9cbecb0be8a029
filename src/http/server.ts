/** The port of the service: pages to be looked at from outside, the API, and what takes a POST of somebody else's. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { messageOf, TryAgain } from '../errors.ts';
import type { Telemetry } from '../telemetry.ts';
import { SECOND } from '../units.ts';
import { answer } from './answer.ts';
import type { Api } from './api.ts';
import { isKnownName } from './guard.ts';
import { type Listener, openListener } from './listener.ts';
import { type Pages, TEXT } from './pages.ts';
import { Refusal, refuse } from './refusal.ts';

export interface HttpOptions {
  readonly host: string;
  readonly port: number;
  /** The option that names the port, for whoever finds it taken. */
  readonly portOption: string;
  /** Other names under which it is reached. */
  readonly hosts?: readonly string[];
  readonly pages: Pages;
  readonly api?: Api;
  /** What takes a POST, by its path. */
  readonly receivers?: Readonly<Record<string, (request: IncomingMessage, response: ServerResponse) => Promise<void>>>;
  readonly telemetry: Pick<Telemetry, 'requestFailed'>;
}

const REQUEST_MS = 30 * SECOND;

export const isLoopbackAddress = (host: string): boolean =>
  host === 'localhost' || host.startsWith('127.') || host === '::1';

export const openHttp = async (options: HttpOptions): Promise<Listener> => {
  const { host, port, portOption, hosts = [], pages, api, receivers = {}, telemetry } = options;
  const onLoopback = isLoopbackAddress(host);

  const handle = async (request: IncomingMessage, response: ServerResponse, url: URL) => {
    // Who looks at health from outside may well do so by address.
    if (onLoopback && !isKnownName(request.headers.host, { onLoopback, hosts }))
      throw new Refusal(421, 'this address is answered for localhost alone');
    if (await api?.(request, response, url)) return;
    const { pathname } = url;
    const receive = Object.hasOwn(receivers, pathname) ? receivers[pathname] : undefined;
    if (receive && request.method === 'POST') return receive(request, response);
    request.resume();
    if (receive) return answer(response, 405, TEXT, 'only POST\n');
    const page = Object.hasOwn(pages, pathname) ? pages[pathname] : undefined;
    if (!page) return answer(response, 404, TEXT, `there are ${Object.keys(pages).join(', ')}\n`);
    if (request.method !== 'GET' && request.method !== 'HEAD') return answer(response, 405, TEXT, 'only GET\n');
    await page(request, response);
  };

  const failed = (error: unknown, response: ServerResponse) => {
    if (error instanceof Refusal) return refuse(response, error);
    telemetry.requestFailed({ error: messageOf(error) });
    // What went wrong may quote addresses and paths, and nobody knows who asks.
    refuse(response, new Refusal(500, 'this could not be answered; the log of the service says why'));
  };

  try {
    return await openListener({ host, port, requestMs: REQUEST_MS, handle, failed });
  } catch (cause) {
    throw new TryAgain(`listen on ${host}:${port}: ${messageOf(cause)}. ${portOption} names another`, { cause });
  }
};
