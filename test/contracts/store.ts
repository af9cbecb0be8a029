import { afterAll, afterEach, beforeAll, beforeEach, describe } from 'vitest';
import type { Generation, VectorStore } from '../../src/ports.ts';
import { allPages, DIMENSIONS, entry, type OpenedStore, type StoreUnderTest } from './store-builders.ts';
import { generationsContract } from './store-generations.ts';
import { ledgerContract } from './store-ledger.ts';
import { pointsContract } from './store-points.ts';
import { searchContract } from './store-search.ts';

/** Opens a store without generations, whose clock is the one given. */
export type OpenStore = (now: () => number) => Promise<OpenedStore>;

const HOOK_MS = 60_000;

/** What every `VectorStore` does. Assumes nothing of order, nor that several points change at once. */
export const storeContract = (name: string, open: OpenStore): void => {
  describe(`${name} as store`, () => {
    let opened: OpenedStore | undefined;
    let store: VectorStore;
    let generation: Generation;
    let clock = 1_795_000_000_000;
    let made = 0;
    const toDrop: string[] = [];

    const underTest: StoreUnderTest = {
      get store() {
        return store;
      },
      get generation() {
        return generation;
      },
      newName() {
        made += 1;
        const name = `${opened?.alias}-${made}`;
        toDrop.push(name);
        return name;
      },
      open: () => open(() => clock),
      advance(ms) {
        clock += ms;
      },
      entryOf: async (document) => (await generation.ledger([document])).get(document),
      async pointsOf(document) {
        const all = await allPages((cursor) => generation.pointPage(cursor));
        return all.filter((point) => point.document === document);
      },
      async stand(points, seq = 1) {
        await generation.upsert(points);
        for (const document of new Set(points.map((point) => point.document))) {
          const chunks = points.filter((point) => point.document === document).map(({ id }) => id);
          await generation.record(entry({ document, seq, chunks }), 'lower');
        }
      },
      async find(query) {
        const hits = await generation.search({ mode: 'dense', text: '', limit: 10, ...query });
        return hits.map(({ point }) => point.text);
      },
    };

    // Opened once, as that takes its time; each test has a generation of its own.
    beforeAll(async () => {
      opened = await underTest.open();
      store = opened.store;
    });
    beforeEach(async () => {
      const fresh = underTest.newName();
      await store.create(fresh, DIMENSIONS);
      generation = store.generation(fresh);
    }, HOOK_MS);
    // A server has files of its own for each.
    afterEach(async () => {
      for (const name of toDrop.splice(0)) await store.drop(name);
    }, HOOK_MS);
    afterAll(() => opened?.close());

    generationsContract(underTest);
    ledgerContract(underTest);
    pointsContract(underTest);
    searchContract(underTest);
  });
};
