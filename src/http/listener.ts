/**
 * What every server of ours has in common: whatever comes in is answered, and by its shape alone nothing ends the
 * process, is a 500, or holds a connection for long.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { SECOND } from '../units.ts';
import { boundConnections, connectionsAllowed } from './connections.ts';
import { targetOf } from './target.ts';

const HEADERS_MS = 10 * SECOND;
/** Node looks only so often for connections that are over their time. */
const LOOK_EVERY_MS = 2 * SECOND;

export interface ListenerOptions {
  readonly host: string;
  readonly port: number;
  /** How long a request may take to come in, its body included; 0 for as long as it likes. */
  readonly requestMs: number;
  /** Of one server; as many as the files that this process may open allow, where it does not say. */
  readonly maxConnections?: number;
  /** Its rejection is a fault of ours, and ends the answer. */
  readonly handle: (request: IncomingMessage, response: ServerResponse, url: URL) => Promise<void>;
  /** Is told of such a fault, and answers where nothing was answered yet. */
  readonly failed: (error: unknown, response: ServerResponse) => void;
}

export interface Listener {
  readonly url: string;
  close(): Promise<void>;
}

export const openListener = async (options: ListenerOptions): Promise<Listener> => {
  const { host, port, requestMs, maxConnections = connectionsAllowed(), handle, failed } = options;
  const server = createServer({
    headersTimeout: HEADERS_MS,
    requestTimeout: requestMs,
    connectionsCheckingInterval: LOOK_EVERY_MS,
  });
  boundConnections(server, maxConnections);
  server.on('request', (request, response) => {
    // Whoever asked may be gone in the middle of either; what waits for it sees the connection close.
    request.on('error', () => undefined);
    response.on('error', () => response.destroy());
    const url = targetOf(request.url);
    if (!url) return refuseTarget(response);
    handle(request, response, url).catch((error: unknown) => {
      failed(error, response);
      if (!response.writableEnded) response.destroy();
    });
  });
  // Node closes these without a word, and the socket of one that is taken out of the server throws when it breaks.
  server.on('connect', (_, socket) => refuseTunnel(socket));
  server.listen(port, host);
  await once(server, 'listening');
  const { port: taken } = server.address() as AddressInfo;
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

const refuseTarget = (response: ServerResponse): void => {
  response.writeHead(400, { 'content-length': 0, connection: 'close' }).end();
};

const refuseTunnel = (socket: Duplex): void => {
  socket.on('error', () => socket.destroy());
  socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n', () => socket.destroy());
};
