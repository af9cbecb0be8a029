/** MCP over HTTP: no session is kept, so that any process answers any request. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { createMcpHandler } from '@modelcontextprotocol/server';
import { type Ask, mcpServer } from '../mcp/server.ts';
import { jsonBody } from './body.ts';
import { Refusal } from './refusal.ts';

/** Of the protocol. A web request of others, such as TRACE, cannot be made. */
const METHODS = ['POST', 'GET', 'DELETE'];

export const mcpOverHttp =
  (version: string) =>
  async (request: IncomingMessage, response: ServerResponse, ask: Ask): Promise<void> => {
    if (!METHODS.includes(request.method ?? '')) throw new Refusal(405, `/mcp is asked for with ${METHODS.join(', ')}`);
    const handler = createMcpHandler(() => mcpServer({ version, ask }));
    try {
      const parsedBody = request.method === 'POST' ? await jsonBody(request) : undefined;
      const answer = await handler.fetch(asWebRequest(request), { parsedBody });
      response.writeHead(answer.status, { ...Object.fromEntries(answer.headers), 'cache-control': 'no-store' });
      if (answer.body) await pipeline(Readable.fromWeb(answer.body as ReadableStream), response);
      else response.end();
    } finally {
      await handler.close();
    }
  };

/** What the protocol looks at: the method and the headers. Its body is handed over beside it. */
const asWebRequest = ({ method = 'GET', headers }: IncomingMessage): Request => {
  const named = Object.entries(headers).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)] as [string, string]],
  );
  return new Request('http://localhost/mcp', { method, headers: named });
};
