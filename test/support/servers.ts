/**
 * What tests need beside this process, for a whole run: the product compiled, and servers, each started when the first test
 * asks, stopped at its end, and said in the last lines. Tests run in processes of their own, so they ask over a socket.
 */
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { compiled } from './executable.ts';
import { findKafka } from './kafka-broker.ts';
import { findSecuredKafka } from './kafka-secured.ts';
import { findQdrant } from './qdrant-server.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    servers: string;
  }
}

export interface RealServer {
  readonly address: string;
  /** What it is and where it comes from. */
  readonly what: string;
  /** Ends it for good and removes its data; its log stays where the run has failed. */
  stop(failed?: boolean): Promise<void>;
}

export type ServerAnswer = Pick<RealServer, 'address'> | { readonly missing: string } | { readonly error: string };

/** Each resolves to the reason where there is none to be had. */
const FINDERS: Readonly<Record<string, () => Promise<RealServer | { readonly missing: string }>>> = {
  Kafka: findKafka,
  'Kafka with TLS': findSecuredKafka,
  Qdrant: findQdrant,
};

export default async ({ provide, vitest }: TestProject) => {
  const found = new Map<string, ReturnType<typeof findKafka>>();
  const run = compiled(await mkdtemp(join(tmpdir(), 'tidemark-run-')));
  process.env.TIDEMARK_TEST_RUN = run;
  process.env.TIDEMARK_TEST_THREADS = join(run, 'dist');

  const answerOf = async (name: string): Promise<ServerAnswer> => {
    const find = FINDERS[name];
    if (!find) return { error: `there are ${Object.keys(FINDERS)}` };
    const finding = found.get(name) ?? find();
    found.set(name, finding);
    return finding.then(
      (server) => ('missing' in server ? server : { address: server.address }),
      (error: Error) => ({ error: error.message }),
    );
  };

  const server = createServer(async ({ url = '' }, response) => {
    response.end(JSON.stringify(await answerOf(decodeURIComponent(url.slice(1)))));
  });
  server.requestTimeout = 0;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('servers cannot be asked for');
  provide('servers', `http://127.0.0.1:${address.port}`);

  return async () => {
    server.close();
    await rm(run, { recursive: true, force: true });
    for (const [name, finding] of found) {
      const one = await finding.catch((error: Error) => ({ missing: error.message }));
      if ('missing' in one) console.log(`${name}: SKIPPED, ${one.missing}`);
      else {
        await one.stop(vitest.state.getCountOfFailedTests() > 0);
        console.log(`${name}: tested on ${one.what}`);
      }
    }
  };
};
