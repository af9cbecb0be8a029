/**
 * How other processes have their commands run by the one that holds the data directory. On loopback only, for those who
 * can read the lock file. One way for all commands: the arguments go in, lines and an exit code come back.
 *
 *   GET /owner?nonce=N   proves that this is the owner, without telling the token to whoever asks
 *   POST /command        a line of JSON; for as long as the body is not ended the command goes on, then it is to stop
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import { firstLine, isLoopbackName } from '../http/answer.ts';
import { openListener } from '../http/listener.ts';
import { MIB } from '../units.ts';

const MAX_REQUEST_BYTES = MIB;
const MAX_NONCE = 100;

export const requestSchema = z.object({
  argv: z.array(z.string()),
  pipeline: z.string(),
  configured: z.unknown(),
  /** Whether a person reads along at a terminal that shows colours and links. */
  terminal: z.boolean().default(false),
});
export type ControlRequest = z.input<typeof requestSchema>;

/** What comes back, one a line. The last one has the exit code. */
export const replySchema = z.union([
  z.object({ line: z.string() }),
  z.object({ note: z.string() }),
  z.object({ progress: z.string() }),
  z.object({ exit: z.number() }),
]);
export type ControlReply = z.infer<typeof replySchema>;

export const aboutSchema = z.object({ proof: z.string(), serving: z.string().optional() });
/** `serving` is where to look, of an owner that stays until it is ended. */
export type About = z.infer<typeof aboutSchema>;

export const proofOf = (token: string, nonce: string): string =>
  createHmac('sha256', token).update(nonce).digest('hex');

export const isSame = (a: string, b: string): boolean => {
  const [one, other] = [Buffer.from(a), Buffer.from(b)];
  return one.length === other.length && timingSafeEqual(one, other);
};

export interface ControlOptions {
  readonly token: string;
  readonly serving: () => string | undefined;
  /** Whether commands are taken (yet, or any more). */
  readonly taking: () => boolean;
  /** Resolves to the exit code. */
  readonly run: (
    request: ControlRequest,
    reply: (what: Exclude<ControlReply, { exit: number }>) => Promise<void>,
    signal: AbortSignal,
  ) => Promise<number>;
}

export interface Control {
  readonly address: string;
  close(): Promise<void>;
}

export const openControl = async ({ token, serving, taking, run }: ControlOptions): Promise<Control> => {
  const command = async (request: IncomingMessage, response: ServerResponse) => {
    if (!isSame(request.headers.authorization ?? '', `Bearer ${token}`)) return refuse(response, 401);
    const line = await firstLine(request, MAX_REQUEST_BYTES);
    const parsed = requestSchema.safeParse(line === undefined ? undefined : jsonOf(line));
    if (!parsed.success) return refuse(response, 400);
    const gone = new AbortController();
    request.on('end', () => gone.abort()).resume();
    response.on('close', () => gone.abort());
    const reply = async (what: ControlReply) => {
      if (response.destroyed || response.write(`${JSON.stringify(what)}\n`)) return;
      // Whoever asked may be gone by now, which is what the signal says.
      await Promise.race([once(response, 'drain'), once(response, 'close')]).catch(() => gone.abort());
    };
    if (!taking()) return refuse(response, 503);
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    response.flushHeaders();
    await reply({ exit: await run(parsed.data, reply, gone.signal) });
    response.end();
  };

  const { url: address, close } = await openListener({
    ...{ host: '127.0.0.1', port: 0 },
    // A command may take hours, and its request is open as long.
    requestMs: 0,
    async handle(request, response, { pathname, searchParams }) {
      if (!isLoopbackName(request.headers.host)) return refuse(response, 421);
      if (request.method === 'GET' && pathname === '/owner') {
        const nonce = (searchParams.get('nonce') ?? '').slice(0, MAX_NONCE);
        const about: About = { proof: proofOf(token, nonce), serving: serving() };
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(about));
        return;
      }
      if (request.method !== 'POST' || pathname !== '/command') return refuse(response, 404);
      await command(request, response);
    },
    // Its answer ends without an exit code, which the asker takes for what it is.
    failed: (_, response) => response.destroy(),
  });
  return { address, close };
};

const refuse = (response: ServerResponse, status: number) => {
  response.writeHead(status, { 'content-length': 0, connection: 'close' }).end();
};

const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};
