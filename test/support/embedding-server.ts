/** A server that embeds as OpenAI does, and fails as servers do. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { hashEmbedder } from './hash-embedder.ts';

export const DIMENSIONS = 32;
export const TOXIC = 'toxic';

export interface Asked {
  readonly model: string;
  readonly input: readonly string[];
  readonly encoding_format?: string;
  readonly dimensions?: number;
  readonly [field: string]: unknown;
}

/** Answers in place of the server, or leaves that to it. */
export type Fault = (response: ServerResponse, asked: Asked) => boolean;

export const answer =
  (status: number, body: unknown, headers: Record<string, string> = {}): Fault =>
  (response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
    return true;
  };
export const refuse = (status: number, message: string, headers?: Record<string, string>): Fault =>
  answer(status, { error: { message, type: 'test' } }, headers);

export interface EmbeddingServer {
  readonly url: string;
  readonly requests: { readonly asked: Asked; readonly message: IncomingMessage }[];
  /** How often each text was answered with a vector. */
  readonly embedded: Map<string, number>;
  /** What happens to the next requests, one each. */
  readonly faults: Fault[];
  /** What happens to any request. */
  always: Fault;
  /** Ends every connection with what is on it. */
  kill(): Promise<void>;
  /** At the address that it had. */
  restart(): Promise<void>;
}

export const embeddingServer = async (): Promise<EmbeddingServer> => {
  const model = hashEmbedder({ dimensions: DIMENSIONS });
  let server: Server | undefined;
  let port = 0;

  const serve = async (message: IncomingMessage, response: ServerResponse) => {
    const asked = JSON.parse(await text(message)) as Asked;
    self.requests.push({ asked, message });
    const fault = self.faults.shift();
    if (fault?.(response, asked) || self.always(response, asked) || response.destroyed) return;
    if (asked.input.some((one) => one.includes(TOXIC)))
      return void refuse(400, 'this text is refused')(response, asked);
    const vectors = await model.embed(asked.input, 'passage');
    for (const one of asked.input) self.embedded.set(one, (self.embedded.get(one) ?? 0) + 1);
    const data = vectors.map((vector, index) => ({ object: 'embedding', index, embedding: encoded(vector, asked) }));
    const total_tokens = asked.input.reduce((sum, one) => sum + one.split(' ').length, 0);
    answer(200, { object: 'list', data, model: asked.model, usage: { prompt_tokens: total_tokens, total_tokens } })(
      response,
      asked,
    );
  };

  const start = () =>
    new Promise<void>((resolve) => {
      const started = createServer(
        (message, response) => void serve(message, response).catch(() => response.destroy()),
      );
      server = started;
      started.listen(port, '127.0.0.1', () => {
        ({ port } = started.address() as AddressInfo);
        resolve();
      });
    });
  await start();

  const self: EmbeddingServer = {
    url: `http://127.0.0.1:${port}/v1`,
    requests: [],
    embedded: new Map(),
    faults: [],
    always: () => false,
    kill: () =>
      new Promise((resolve) => {
        server?.close(() => resolve());
        server?.closeAllConnections();
      }),
    restart: start,
  };
  return self;
};

const encoded = (vector: Float32Array, { encoding_format }: Asked): string | readonly number[] =>
  encoding_format === 'base64' ? Buffer.from(vector.buffer).toString('base64') : [...vector];
