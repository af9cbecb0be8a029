/** Stands before a server, and does to those who ask through it what a bad day does. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** `away`: nobody listens. `refusing`: each request is answered with 500. `mute`: it is done, and never answered. */
export type Mood = 'well' | 'away' | 'refusing' | 'mute';

export interface FaultProxy {
  readonly url: string;
  /** How many requests met it in that mood. Nobody meets one that is away. */
  met(mood: Mood): number;
  turn(mood: Mood): Promise<void>;
  close(): Promise<void>;
}

export const faultProxy = async (target: string): Promise<FaultProxy> => {
  const counts = new Map<Mood, number>();
  let mood: Mood = 'well';

  const serve = async (asked: IncomingMessage, response: ServerResponse) => {
    const met = mood;
    counts.set(met, (counts.get(met) ?? 0) + 1);
    const body = await buffer(asked);
    if (met === 'refusing') {
      const status = { error: 'Service internal error: it is a bad day' };
      response.writeHead(500, { 'content-type': 'application/json' }).end(JSON.stringify({ status, time: 0 }));
      return;
    }
    const { statusCode = 0, headers, bytes } = await forwarded(target, asked, body);
    if (met !== 'mute') response.writeHead(statusCode, headers).end(bytes);
  };

  const server = createServer((asked, response) => void serve(asked, response).catch(() => response.destroy()));
  // A client would send its next request into a connection that is just being closed.
  server.keepAliveTimeout = 0;
  const listen = async (port: number) => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  };
  const leave = async () => {
    if (!server.listening) return;
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  };
  await listen(0);
  const { port } = server.address() as AddressInfo;

  return {
    url: `http://127.0.0.1:${port}`,
    met: (which) => counts.get(which) ?? 0,
    async turn(next) {
      mood = next;
      if (next === 'away') await leave();
      else if (!server.listening) await listen(port);
    },
    close: leave,
  };
};

const forwarded = async (target: string, { method, url, headers }: IncomingMessage, body: Buffer) => {
  const sent = request(new URL(url ?? '', target), {
    method,
    headers: { ...headers, 'content-length': String(body.length) },
  });
  sent.end(body);
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  return { statusCode: answer.statusCode, headers: answer.headers, bytes: await buffer(answer) };
};
