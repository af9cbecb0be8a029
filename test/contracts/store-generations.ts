import { describe, expect, test } from 'vitest';
import { StopFlow } from '../../src/errors.ts';
import { DIMENSIONS, entry, placement, point, type StoreUnderTest, unit, uuid } from './store-builders.ts';

/** Which generations there are, and the alias. */
export const generationsContract = (t: StoreUnderTest): void => {
  describe('generations', () => {
    test('a probe is answered', async () => {
      await expect(t.store.probe()).resolves.toBeUndefined();
    });

    test('one that was created is listed and can be used; a second creation does nothing', async () => {
      const fresh = t.newName();
      expect(await t.store.generations()).not.toContain(fresh);
      await t.store.create(fresh, DIMENSIONS);
      await t.store.generation(fresh).upsert([point({})]);
      await t.store.create(fresh, DIMENSIONS);
      expect((await t.store.generations()).filter((one) => one === fresh)).toHaveLength(1);
      expect((await t.store.generation(fresh).counts()).points).toBe(1);
    });

    test('one that is there with other dimensions is a StopFlow, and stays as it was', async () => {
      const fresh = t.newName();
      await t.store.create(fresh, DIMENSIONS);
      await expect(t.store.create(fresh, DIMENSIONS + 1)).rejects.toBeInstanceOf(StopFlow);
      await t.store.generation(fresh).upsert([point({})]);
    });

    test('a handle creates nothing, and every call on a generation that is not there is a StopFlow', async () => {
      const missing = t.store.generation(t.newName());
      const calls = [
        () => missing.ledger(['d']),
        () => missing.ledgerPage(),
        () => missing.record(entry({}), 'lower'),
        () => missing.forget([{ document: 'd', seq: 1 }]),
        () => missing.vectors(['h']),
        () => missing.raise('d', 1, [placement('i')]),
        () => missing.present('d', [uuid('i')]),
        () => missing.upsert([point({})]),
        () => missing.prune('d', 1, []),
        () => missing.pointPage(),
        () => missing.counts(),
        () => missing.search({ mode: 'dense', text: 't', vector: unit(1), limit: 1 }),
        () => missing.search({ mode: 'lexical', text: 't', limit: 1 }),
      ];
      for (const call of calls) await expect(call()).rejects.toBeInstanceOf(StopFlow);
    });

    test('two generations share nothing', async () => {
      const other = t.newName();
      await t.store.create(other, DIMENSIONS);
      await t.stand([point({ text: 'here' })]);
      expect(await t.store.generation(other).counts()).toEqual({ documents: 0, points: 0 });
      expect((await t.store.generation(other).vectors([point({ text: 'here' }).hash])).size).toBe(0);
      await t.store.drop(other);
      expect(await t.find({ vector: unit(1) })).toEqual(['here']);
    });

    test('a dropped one is gone with all it held; dropping it again does nothing', async () => {
      const fresh = t.newName();
      await t.store.create(fresh, DIMENSIONS);
      await t.store.generation(fresh).upsert([point({})]);
      await t.store.generation(fresh).record(entry({}), 'lower');
      await t.store.drop(fresh);
      await t.store.drop(fresh);
      expect(await t.store.generations()).not.toContain(fresh);
      await expect(t.store.generation(fresh).counts()).rejects.toBeInstanceOf(StopFlow);
      await t.store.create(fresh, DIMENSIONS + 1);
      expect(await t.store.generation(fresh).counts()).toEqual({ documents: 0, points: 0 });
    });
  });

  describe('the alias', () => {
    test('it points at what was activated last, also when that is said twice', async () => {
      const [one, two] = [t.newName(), t.newName()];
      await t.store.create(one, DIMENSIONS);
      await t.store.create(two, DIMENSIONS);
      await t.store.activate(one);
      expect(await t.store.active()).toBe(one);
      await t.store.activate(two);
      await t.store.activate(two);
      expect(await t.store.active()).toBe(two);
    });

    test('activating what is not there is a StopFlow and leaves the alias where it was', async () => {
      const there = t.newName();
      await t.store.create(there, DIMENSIONS);
      await t.store.activate(there);
      await expect(t.store.activate(t.newName())).rejects.toBeInstanceOf(StopFlow);
      expect(await t.store.active()).toBe(there);
    });

    test('while it moves back and forth there is always one', async () => {
      const names = [t.newName(), t.newName()] as const;
      for (const one of names) await t.store.create(one, DIMENSIONS);
      await t.store.activate(names[0]);
      const seen: (string | undefined)[] = [];
      const moving = (async () => {
        for (let i = 1; i < 12; i += 1) await t.store.activate(names[i % 2] ?? names[0]);
      })();
      for (let i = 0; i < 30; i += 1) seen.push(await t.store.active());
      await moving;
      expect(seen.filter((one) => one === undefined)).toEqual([]);
    });

    test('a store without generations has none', async () => {
      const empty = await t.open();
      try {
        expect(await empty.store.generations()).toEqual([]);
        expect(await empty.store.active()).toBeUndefined();
      } finally {
        await empty.close();
      }
    });
  });
};
