/** State and store on a Qdrant server, for any number of processes. Collections and fields: docs/qdrant.md. */

import type { Names } from '../../config/names.ts';
import { StopFlow, TryAgain } from '../../errors.ts';
import type { Generation, State, VectorStore } from '../../ports.ts';
import { bringAbout, dimensionsOf, indexed, type Layout, ledgerPlan, pointsPlan, statePlan } from './collections.ts';
import { qdrantLedger } from './ledger.ts';
import { qdrantPoints } from './points.ts';
import { qdrantSearch } from './search.ts';
import { qdrantServer, type Server } from './server.ts';
import { qdrantState } from './state.ts';

export interface QdrantOptions extends Layout {
  readonly url: string;
  readonly apiKey?: string | undefined;
  /** How long a request may take. One that took longer may have been done all the same. */
  readonly timeoutMs: number;
  /** Searches without the index. */
  readonly exact?: boolean;
  readonly names: Pick<Names, 'alias' | 'generation' | 'ledger' | 'state'>;
  /** Unix milliseconds. */
  readonly now: () => number;
}

export interface Qdrant {
  readonly state: State;
  readonly store: VectorStore;
  /** Later calls throw `StopFlow`. */
  close(): void;
}

/** Asks the server nothing yet: it may be away, and whoever calls waits for it. */
export const openQdrant = (options: QdrantOptions): Qdrant => {
  const { names } = options;
  const server = qdrantServer(options);
  let state: Promise<void> | undefined;
  const ready = () => {
    state ??= bringAbout(server, names.state, statePlan(options)).catch((error: unknown) => {
      state = undefined;
      throw error;
    });
    return state;
  };
  return {
    state: qdrantState({ server, collection: names.state, ready }),
    store: qdrantStore(server, options),
    close: server.close,
  };
};

const qdrantStore = (server: Server, options: QdrantOptions): VectorStore => {
  const { names } = options;
  const generations = new Map<string, Generation>();
  const isOurs = (collection: string) => {
    const prefix = names.generation('');
    return collection.startsWith(prefix) && /^[0-9a-f]+$/.test(collection.slice(prefix.length));
  };
  const active = async () => {
    const { aliases } = await server.ask('read the aliases', (client) => client.getAliases());
    return aliases.find(({ alias_name: alias }) => alias === names.alias)?.collection_name;
  };

  return {
    async probe() {
      await server.ask('probe', (client) => client.collectionExists(names.state));
    },
    generation(name) {
      // One for all who ask, so that their calls go together.
      const generation = generations.get(name) ?? qdrantGeneration(server, name, options);
      generations.set(name, generation);
      return generation;
    },
    async create(name, dimensions) {
      await bringAbout(server, names.ledger(name), ledgerPlan(options));
      await bringAbout(server, name, pointsPlan(dimensions, options));
      const there = await server.describe(name);
      const has = there && dimensionsOf(name, there);
      if (has === dimensions) return;
      throw new StopFlow(`Qdrant: create ${name} with ${dimensions} dimensions: it is there with ${has}`);
    },
    async drop(name) {
      generations.delete(name);
      // While its points are there it is listed, so that what was begun is not forgotten.
      for (const collection of [names.ledger(name), name])
        await server.ask(`drop ${collection}`, (client) => client.deleteCollection(collection));
    },
    async generations() {
      const { collections } = await server.ask('list collections', (client) => client.getCollections());
      return collections.map(({ name }) => name).filter(isOurs);
    },
    active,
    async activate(name) {
      const there = await server.describe(name);
      if (!there) throw new StopFlow(`Qdrant: activate ${name}: it is not there`);
      if ((await active()) === name) return;
      if (options.deferIndexing && !(await indexed(server, name, there)))
        throw new TryAgain(`Qdrant: activate ${name}: it is being indexed`);
      // Creating an alias that is there moves it, in one step. Deleted first, it would be lost if the rest failed.
      await server.ask(`activate ${name}`, (client) =>
        client.updateCollectionAliases({
          actions: [{ create_alias: { alias_name: names.alias, collection_name: name } }],
        }),
      );
    },
  };
};

const qdrantGeneration = (server: Server, name: string, { names, now, exact = false }: QdrantOptions): Generation => {
  const { kept, count, ...ledger } = qdrantLedger({ server, collection: names.ledger(name), now });
  const { count: countPoints, read, ...points } = qdrantPoints({ server, collection: name, kept });
  return {
    ...ledger,
    ...points,
    async counts() {
      const [documents, of] = await Promise.all([count(), countPoints()]);
      return { documents, points: of };
    },
    search: qdrantSearch({ server, collection: name, ledger: ledger.ledger, read, exact }),
  };
};
