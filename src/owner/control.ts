/** How the process that holds the data directory answers others. The other side is `ask.ts`. */
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { BadUsage } from '../errors.ts';
import { firstLine, isLoopbackName } from '../http/answer.ts';
import { openListener } from '../http/listener.ts';
import { packagedVersion } from '../package.ts';
import { jsonOrNothing } from '../runtime/json.ts';
import { isSameSecret } from '../runtime/secret.ts';
import { MIB } from '../units.ts';
import {
  type About,
  failureOf,
  proofOf,
  type Reply,
  requestSchema,
  type TaskRequest,
  versionSchema,
} from './protocol.ts';

const MAX_REQUEST_BYTES = MIB;
const MAX_NONCE = 100;

export interface ControlOptions {
  readonly token: string;
  readonly serving: () => string | undefined;
  /** Whether tasks are taken (yet, or any more). */
  readonly taking: () => boolean;
  /** Resolves to the result. */
  readonly run: (request: TaskRequest, tell: (told: unknown) => Promise<void>, signal: AbortSignal) => Promise<unknown>;
}

export interface Control {
  readonly address: string;
  close(): Promise<void>;
}

export const openControl = async ({ token, serving, taking, run }: ControlOptions): Promise<Control> => {
  const version = packagedVersion();

  const take = async (request: IncomingMessage, response: ServerResponse) => {
    if (!isSameSecret(request.headers.authorization ?? '', `Bearer ${token}`)) return refuse(response, 401);
    const line = await firstLine(request, MAX_REQUEST_BYTES);
    const asked = line === undefined ? undefined : jsonOrNothing(line);
    const from = versionSchema.safeParse(asked);
    const parsed = requestSchema.safeParse(asked);
    if (!from.success || (from.data.version === version && !parsed.success)) return refuse(response, 400);
    const gone = new AbortController();
    request.on('end', () => gone.abort()).resume();
    response.on('close', () => gone.abort());
    const reply = async (what: Reply) => {
      if (response.destroyed || response.write(`${JSON.stringify(what)}\n`)) return;
      // Whoever asked may be gone by now, which is what the signal says.
      const over = new AbortController();
      const either = ['drain', 'close'].map((name) => once(response, name, { signal: over.signal }));
      await Promise.race(either).catch(() => gone.abort());
      over.abort();
    };
    if (!taking()) return refuse(response, 503);
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    response.flushHeaders();
    try {
      if (!parsed.success || from.data.version !== version)
        throw new BadUsage(otherVersion(from.data.version, version));
      const result = await run(parsed.data, (told) => reply({ is: 'told', told }), gone.signal);
      await reply({ is: 'result', result });
    } catch (error) {
      await reply(failureOf(error));
    }
    response.end();
  };

  const { url: address, close } = await openListener({
    ...{ host: '127.0.0.1', port: 0 },
    // A task may take hours, and its request is open as long.
    requestMs: 0,
    async handle(request, response, { pathname, searchParams }) {
      if (!isLoopbackName(request.headers.host)) return refuse(response, 421);
      if (request.method === 'GET' && pathname === '/owner') {
        const nonce = (searchParams.get('nonce') ?? '').slice(0, MAX_NONCE);
        const about: About = { proof: proofOf(token, nonce), serving: serving() };
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(about));
        return;
      }
      if (request.method !== 'POST' || pathname !== '/task') return refuse(response, 404);
      await take(request, response);
    },
    // Its answer ends without a result, which the asker takes for what it is.
    failed: (_, response) => response.destroy(),
  });
  return { address, close };
};

const otherVersion = (asker: string, holder: string): string =>
  `ask the process that holds the data directory: it is Tidemark ${holder}, and this is ${asker}. Use one version, or start that process again`;

const refuse = (response: ServerResponse, status: number) => {
  response.writeHead(status, { 'content-length': 0, connection: 'close' }).end();
};
