/** A small HTTP server that answers as Qdrant does when nothing is there, and remembers what it was asked. */
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { names } from '../../src/config/names.ts';
import { openQdrant, type QdrantOptions } from '../../src/sinks/qdrant/qdrant.ts';
import { LAYOUT } from './qdrant.ts';

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: IncomingMessage['headers'];
  readonly bytes: number;
  readonly body: unknown;
}

/** A result, a refusal in Qdrant's words, anything else at all, or what a bad connection does. */
export type Answer =
  | { readonly result: unknown }
  | { readonly status: number; readonly error: string; readonly headers?: Record<string, string> }
  | { readonly status: number; readonly page: string; readonly headers?: Record<string, string> }
  | 'silence'
  | 'reset'
  | 'cut';

export const qdrantStub = async () => {
  const asked: Asked[] = [];
  const scripted: { readonly at: RegExp; readonly answers: Answer[] }[] = [];

  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const bytes = Buffer.concat(chunks);
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://stub');
    const one: Asked = {
      method: request.method ?? '',
      path: pathname,
      query: Object.fromEntries(searchParams),
      headers: request.headers,
      bytes: bytes.length,
      body: bytes.length > 0 ? JSON.parse(bytes.toString()) : undefined,
    };
    asked.push(one);
    const script = scripted.find(({ at, answers }) => answers.length > 0 && at.test(`${one.method} ${one.path}`));
    const answer = script?.answers.shift() ?? { result: emptyResult(one) };
    if (answer === 'silence') return;
    if (answer === 'reset') return void request.socket.destroy();
    const isRoot = pathname.endsWith('/') && 'result' in (answer as object);
    const text = isRoot ? JSON.stringify((answer as { result: unknown }).result) : textOf(answer);
    if (answer === 'cut') {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': String(text.length + 100) });
      response.write(text, () => request.socket.destroy());
      return;
    }
    const { status = 200, headers = {} } = answer as { status?: number; headers?: Record<string, string> };
    response.writeHead(status, { 'content-type': 'page' in answer ? 'text/html' : 'application/json', ...headers });
    response.end(text);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('the stub does not listen');
  const url = `http://127.0.0.1:${address.port}`;

  return {
    url,
    asked,
    /** All that was asked there, by method and path. */
    askedAt: (at: RegExp) => asked.filter(({ method, path }) => at.test(`${method} ${path}`)),
    /** The next answers there; afterwards it answers as ever. */
    answer(at: RegExp, ...answers: readonly Answer[]) {
      scripted.push({ at, answers: [...answers] });
    },
    open: (options: Partial<QdrantOptions> = {}) =>
      openQdrant({
        url,
        timeoutMs: 5_000,
        names: names('own', { alias: 'docs' }),
        now: () => 1_795_000_000_000,
        ...LAYOUT,
        ...options,
      }),
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
};
export type QdrantStub = Awaited<ReturnType<typeof qdrantStub>>;

const textOf = (answer: Answer): string => {
  if (typeof answer === 'string') return JSON.stringify({ result: [], status: 'ok', time: 0 }).slice(0, 12);
  if ('page' in answer) return answer.page;
  if ('error' in answer) return JSON.stringify({ status: { error: answer.error }, time: 0 });
  return JSON.stringify({ result: answer.result, status: 'ok', time: 0 });
};

const emptyResult = ({ method, path, body }: Asked): unknown => {
  if (path.endsWith('/')) return { title: 'qdrant', version: '1.18.3' };
  if (path.endsWith('/exists')) return { exists: true };
  if (path.endsWith('/points/batch')) {
    const { operations } = body as { operations: readonly unknown[] };
    return operations.map((_, operation_id) => ({ operation_id, status: 'completed' }));
  }
  if (path.endsWith('/points/scroll')) return { points: [], next_page_offset: null };
  if (path.endsWith('/points/query')) return { points: [] };
  if (path.endsWith('/points/count')) return { count: 0 };
  if (path.endsWith('/points')) return [];
  if (path.endsWith('/index')) return { operation_id: 0, status: 'completed' };
  if (path.endsWith('/aliases') && method === 'GET') return { aliases: [] };
  if (path.endsWith('/collections')) return { collections: [] };
  return method === 'GET' ? collectionInfo() : true;
};

export const collectionInfo = ({ status = 'green', indexingThreshold = 10_000, fields = [] as string[] } = {}) => ({
  status,
  payload_schema: Object.fromEntries(fields.map((field) => [field, { data_type: 'keyword', points: 0 }])),
  config: {
    params: { vectors: { dense: { size: 4, distance: 'Cosine' } } },
    optimizer_config: { indexing_threshold: indexingThreshold },
  },
});
