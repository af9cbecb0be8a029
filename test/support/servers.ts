/**
 * What tests need beside this process, for a whole run: started when the first test asks, stopped at its end, and said
 * in the last lines. Tests run in processes of their own, so they ask over a socket.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { TestProject } from 'vitest/node';
import { findQdrant, type QdrantServer } from './qdrant-server.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    servers: string;
  }
}

export type ServerAnswer = { readonly address: string } | { readonly missing: string } | { readonly error: string };

export default async ({ provide, vitest }: TestProject) => {
  let qdrant: Promise<QdrantServer | { readonly missing: string }> | undefined;
  const server = createServer(async (_, response) => {
    qdrant ??= findQdrant();
    const answer: ServerAnswer = await qdrant.then(
      (found) => ('missing' in found ? found : { address: found.url }),
      (error: Error) => ({ error: error.message }),
    );
    response.end(JSON.stringify(answer));
  });
  server.requestTimeout = 0;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('servers cannot be asked for');
  provide('servers', `http://127.0.0.1:${address.port}`);

  return async () => {
    server.close();
    if (!qdrant) return;
    const found = await qdrant.catch((error: Error) => ({ missing: error.message }));
    if ('missing' in found) {
      console.log(`Qdrant: SKIPPED, ${found.missing}`);
      return;
    }
    await found.stop(vitest.state.getCountOfFailedTests() > 0);
    console.log(`Qdrant: tested on ${found.what}`);
  };
};
