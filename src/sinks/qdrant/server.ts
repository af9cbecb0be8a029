/** One Qdrant server, spoken to in requests that either hold or throw a reaction. */
import { QdrantClient, type Schemas } from '@qdrant/js-client-rest';
import { StopFlow, TryAgain } from '../../errors.ts';
import { MIB } from '../../units.ts';
import { reaction } from './errors.ts';

/** `update_mode`, which all guards need, is as old as that. */
const OLDEST = [1, 17] as const;
const DEFAULT_PORT = 6333;
/** Of JSON. Qdrant takes 32 MiB, and what stands before it often less. */
export const BYTES_PER_REQUEST = 4 * MIB;
/** Of one kind: while one is worked on, the next is on its way. */
export const REQUESTS_OUT = 2;

export type Operation = Schemas['UpdateOperation'];
export type Filter = Schemas['Filter'];
export type Condition = Schemas['Condition'];

export interface ServerOptions {
  readonly url: string;
  readonly apiKey?: string | undefined;
  readonly timeoutMs: number;
  /** Copies of each shard. With more than one all writes go by its leader, and reads ask most of them. */
  readonly replication: number;
}

export interface Server {
  /** Sends one request. `action` says in an error what it was for. */
  ask<T>(action: string, request: (client: QdrantClient, consistency: Consistency) => Promise<T>): Promise<T>;
  /** All operations, one after the other; resolves once they can be read. */
  write(action: string, collection: string, operations: readonly Operation[]): Promise<void>;
  /** `undefined` where there is no such collection. */
  describe(collection: string): Promise<Schemas['CollectionInfo'] | undefined>;
  close(): void;
}

/** A replica may lag; most of them together do not. */
interface Consistency {
  readonly consistency?: 'majority';
}

export const qdrantServer = (options: ServerOptions): Server => {
  const client = newClient(options);
  const replicated = options.replication > 1;
  const consistency: Consistency = replicated ? { consistency: 'majority' } : {};
  // Replicas that take writes in orders of their own would judge the guards differently.
  const ordering = replicated ? { ordering: 'strong' as const } : {};
  let closed = false;
  let checked: Promise<void> | undefined;

  const ask: Server['ask'] = async (action, request) => {
    if (closed) throw new StopFlow(`Qdrant: ${action}: the store is closed`);
    checked ??= checkVersion(client).catch((error: unknown) => {
      checked = undefined;
      throw error;
    });
    await checked;
    return reacting(action, () => request(client, consistency));
  };

  return {
    ask,
    async write(action, collection, operations) {
      if (operations.length === 0) return;
      const results = await ask(action, () =>
        client.batchUpdate(collection, { wait: true, ...ordering, operations: [...operations] }),
      );
      // Also an answer that came in time may say that the work was not done in time.
      const unfinished = results.find(({ status }) => status !== 'completed');
      if (unfinished || results.length < operations.length)
        throw new TryAgain(
          `Qdrant: ${action}: ${unfinished?.status ?? `${results.length} of ${operations.length} done`}`,
        );
    },
    describe: (collection) =>
      ask(`describe ${collection}`, async () => {
        const { exists } = await client.collectionExists(collection);
        return exists ? await client.getCollection(collection) : undefined;
      }),
    close() {
      closed = true;
    },
  };
};

/** The client loses a path and a password in a URL, takes 6333 for 443, and prints when it has a key and no TLS. */
const newClient = ({ url, apiKey, timeoutMs }: ServerOptions): QdrantClient => {
  const { protocol, hostname, pathname, port, username, password } = new URL(url);
  const named = /^https?:\/\/[^/]*:(80|443)(?:\/|$)/.exec(url)?.[1];
  const basic = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64');
  return new QdrantClient({
    host: hostname,
    https: protocol === 'https:',
    port: Number(port || named || DEFAULT_PORT),
    prefix: pathname.replace(/\/+$/, ''),
    timeout: timeoutMs,
    checkCompatibility: false,
    headers: {
      ...(apiKey === undefined ? {} : { 'api-key': apiKey }),
      ...(username === '' ? {} : { authorization: `Basic ${basic}` }),
    },
  });
};

const checkVersion = async (client: QdrantClient): Promise<void> => {
  const { version } = await reacting('ask for its version', () => client.versionInfo());
  const [major = 0, minor = 0] = String(version).split('.').map(Number);
  if (major === OLDEST[0] && minor >= OLDEST[1]) return;
  throw new StopFlow(`Qdrant: it is ${version}, and has to be ${OLDEST.join('.')} or a newer ${OLDEST[0]}`);
};

const reacting = async <T>(action: string, request: () => Promise<T>): Promise<T> => {
  try {
    return await request();
  } catch (error) {
    throw reaction(action, error);
  }
};
