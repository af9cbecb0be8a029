import { randomUUID } from 'node:crypto';
import { names } from '../../src/config/names.ts';
import { openQdrant, type Qdrant, type QdrantOptions } from '../../src/sinks/qdrant/qdrant.ts';

/** Of the server that `QDRANT_URL` names. */
export const apiKey = process.env.QDRANT_API_KEY;

export const LAYOUT = { shards: 1, replication: 1, onDisk: false, quantization: 'none', deferIndexing: false } as const;

/** A state and a store that nobody else on the server knows of; closed, nothing is left of them. */
export const ownQdrant = (
  url: string,
  options: Partial<QdrantOptions> = {},
): Qdrant & { readonly alias: string; close(): Promise<void> } => {
  const alias = newAlias();
  const opened = openQdrant({
    ...{ url, apiKey, timeoutMs: 60_000, names: names('own', { alias }), now: Date.now },
    ...LAYOUT,
    ...options,
  });
  return {
    ...opened,
    alias,
    async close() {
      opened.close();
      await dropAll(url, alias);
    },
  };
};

export const newAlias = (): string => `tidemark-test-${randomUUID().slice(0, 8)}`;

/** Removes all collections of that alias. */
export const dropAll = async (url: string, alias: string): Promise<void> => {
  const headers = { 'api-key': apiKey ?? '' };
  const answer = await fetch(new URL('/collections', url), { headers });
  const { result } = (await answer.json()) as { result: { collections: { name: string }[] } };
  const ours = result.collections.filter(({ name }) => name.startsWith(`${alias}-`));
  for (const { name } of ours) await fetch(new URL(`/collections/${name}`, url), { method: 'DELETE', headers });
};
