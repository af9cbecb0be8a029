/** The embedded store, shared by several processes over loopback: what Qdrant is to them where there is none. */
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { deserialize, serialize } from 'node:v8';
import { gathered } from '../../src/calls/batch.ts';
import * as errors from '../../src/errors.ts';
import type { Generation, State, VectorStore } from '../../src/ports.ts';
import { type EmbeddedOptions, openEmbedded } from '../../src/sinks/embedded/embedded.ts';

const MAX_CALLS = 256;

interface Call {
  readonly of: 'state' | 'store' | { readonly generation: string };
  readonly method: string;
  readonly args: readonly unknown[];
}
type Answer = { readonly result: unknown } | { readonly error: string; readonly message: string };
type Methods = Readonly<Record<string, (...args: never[]) => Promise<unknown>>>;

export const serveStore = async (
  options: EmbeddedOptions,
): Promise<{ readonly url: string; close(): Promise<void> }> => {
  const { state, store, close } = await openEmbedded(options);

  const perform = async ({ of, method, args }: Call): Promise<unknown> => {
    const target = of === 'state' ? state : of === 'store' ? store : store.generation(of.generation);
    const implementation = (target as unknown as Methods)[method];
    if (!implementation) throw new errors.StopFlow(`there is no ${method}`);
    return implementation(...(args as never[]));
  };

  const answerTo = (call: Call): Promise<Answer> =>
    perform(call).then(
      (result) => ({ result }),
      (error: Error) => ({ error: error.name, message: error.message }),
    );

  const server = createServer((request, response) => {
    bytesOf(request)
      .then((bytes) => Promise.all((deserialize(bytes) as readonly Call[]).map(answerTo)))
      .then((answers) => response.end(serialize(answers)));
  });
  // A client would send its next call into a connection that is just being closed.
  server.keepAliveTimeout = 0;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    async close() {
      server.close();
      server.closeAllConnections();
      await close();
    },
  };
};

const bytesOf = async (request: IncomingMessage): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
};

const STATE = ['probe', 'read', 'page', 'swap', 'raise', 'remove'] as const satisfies readonly (keyof State)[];
const STORE = ['probe', 'create', 'drop', 'generations', 'active', 'activate'] as const satisfies readonly Exclude<
  keyof VectorStore,
  'generation'
>[];
const GENERATION = [
  ...(['ledger', 'ledgerPage', 'record', 'forget', 'vectors', 'raise', 'present', 'upsert', 'prune'] as const),
  ...(['pointPage', 'pointsOf', 'counts', 'search'] as const),
] satisfies readonly (keyof Generation)[];

/** The ports as another process has them. A server that cannot be reached is a dependency that does not answer. */
export const storeClient = (
  url: string,
  timeoutMs = 60_000,
): { readonly state: State; readonly store: VectorStore } => {
  // A request costs the client more than its call costs the store.
  const send = gathered({
    run: (calls: readonly Call[]) =>
      fetch(url, { method: 'POST', body: serialize(calls), signal: AbortSignal.timeout(timeoutMs) })
        .then(async (response) => deserialize(Buffer.from(await response.arrayBuffer())) as readonly Answer[])
        .catch((cause: unknown) => {
          throw new errors.TryAgain(`the shared store does not answer: ${errors.messageOf(cause)}`, { cause });
        }),
    maxItems: MAX_CALLS,
    parallel: 4,
  });
  const ask = async (call: Call): Promise<unknown> => {
    const [answer] = (await send([call])) as [Answer];
    if ('result' in answer) return answer.result;
    throw answer.error === 'TryAgain' ? new errors.TryAgain(answer.message) : new errors.StopFlow(answer.message);
  };
  const methods = (of: Call['of'], names: readonly string[]) =>
    Object.fromEntries(names.map((method) => [method, (...args: unknown[]) => ask({ of, method, args })]));
  return {
    state: methods('state', STATE) as unknown as State,
    store: {
      ...(methods('store', STORE) as unknown as Omit<VectorStore, 'generation'>),
      generation: (name) => methods({ generation: name }, GENERATION) as unknown as Generation,
    },
  };
};
