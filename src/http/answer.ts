/** What every answer of ours over HTTP has in common. */
import type { IncomingMessage, ServerResponse } from 'node:http';

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

/** A page of somebody else's must not reach us through a name that it has pointed at this machine. */
export const isLoopbackName = (host: string | undefined): boolean =>
  host !== undefined && LOOPBACK.has(host.replace(/:\d+$/, '').toLowerCase());

export const answer = (response: ServerResponse, status: number, type: string, body: string): void => {
  response.writeHead(status, {
    'content-type': type,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'content-length': Buffer.byteLength(body),
  });
  response.end(body);
};

export const answerJson = (response: ServerResponse, status: number, value: unknown): void =>
  answer(response, status, 'application/json; charset=utf-8', `${JSON.stringify(value)}\n`);

/** The first line of the body, as soon as it is there; `undefined` if it is longer, or the body ends before. */
export const firstLine = async (request: IncomingMessage, maxBytes: number): Promise<string | undefined> =>
  new Promise((resolve) => {
    let read = Buffer.alloc(0);
    const settle = (line: string | undefined) => {
      request.off('data', take).off('end', end).off('error', end);
      resolve(line);
    };
    const end = () => settle(undefined);
    const take = (bytes: Buffer) => {
      read = Buffer.concat([read, bytes]);
      const at = read.indexOf(0x0a);
      if (at >= 0) settle(read.toString('utf8', 0, at));
      else if (read.length > maxBytes) settle(undefined);
    };
    request.on('data', take).on('end', end).on('error', end);
  });
