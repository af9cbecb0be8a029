import { describe, expect, test } from 'vitest';
import type { LedgerEntry, Page } from '../../src/ports.ts';
import { documentKey } from '../../src/records.ts';
import { entry, ODD_PATHS, point, type StoreUnderTest, unit, uuid } from './store-builders.ts';

/** The ledger of a generation. */
export const ledgerContract = (t: StoreUnderTest): void => {
  describe('the ledger', () => {
    test('an entry comes back as it was recorded; documents without one are left out', async () => {
      const recorded = entry({
        document: 'a',
        status: 'failed',
        reason: 'poison',
        blob: null,
        indexedBlob: 'b0',
        chunks: [uuid('1'), uuid('2')],
      });
      expect(await t.generation.record(recorded, 'lower')).toEqual(recorded);
      expect([...(await t.generation.ledger(['a', 'missing'])).values()]).toEqual([recorded]);
      expect((await t.generation.ledger([])).size).toBe(0);
    });

    test.each(ODD_PATHS)('a document whose path has %s comes back unit by unit', async (_, path) => {
      const document = documentKey({ instance: 'git', project: 'p', ref: 'main', path });
      const [id, twin] = [uuid(`odd${path}`), uuid(`twin${path}`)];
      await t.generation.record(entry({ document, chunks: [id] }), 'lower');
      await t.generation.upsert([point({ document, id, text: 'odd' }), point({ document: `${document}x`, id: twin })]);
      expect((await t.entryOf(document))?.document).toBe(document);
      expect(await t.generation.present(document, [id, twin])).toEqual(new Set([id]));
      expect((await t.pointsOf(document)).map((found) => found.id)).toEqual([id]);
      const [hit] = await t.generation.search({ mode: 'dense', text: '', vector: unit(1), limit: 1 });
      expect(hit?.point.document).toBe(document);
      await t.generation.prune(document, 9, []);
      expect(await t.pointsOf(document)).toEqual([]);
      expect(await t.pointsOf(`${document}x`)).toHaveLength(1);
    });

    test("over 'lower' an entry stands over absence and over lower ones, and never over its own seq or a higher one", async () => {
      const first = entry({ seq: 5, reason: 'first' });
      expect(await t.generation.record(first, 'lower')).toEqual(first);
      expect(await t.generation.record(entry({ seq: 5, reason: 'same' }), 'lower')).toEqual(first);
      expect(await t.generation.record(entry({ seq: 4, reason: 'lower' }), 'lower')).toEqual(first);
      expect(await t.entryOf('doc')).toEqual(first);
      const higher = entry({ seq: 6, reason: 'higher', chunks: [uuid('x')] });
      expect(await t.generation.record(higher, 'lower')).toEqual(higher);
      expect(await t.entryOf('doc')).toEqual(higher);
    });

    test('over what was read an entry stands only while that is what stands', async () => {
      const first = entry({ seq: 1 });
      const second = entry({ seq: 2 });
      await t.generation.record(first, 'lower');
      expect(await t.generation.record(second, { read: first })).toEqual(second);
      const late = entry({ seq: 3, reason: 'read too early' });
      expect(await t.generation.record(late, { read: first })).toEqual(second);
      expect(await t.generation.record(late, { read: undefined })).toEqual(second);
      expect(await t.entryOf('doc')).toEqual(second);
    });

    test('over absence that was read an entry stands only where there is none', async () => {
      const first = entry({ seq: 1 });
      expect(await t.generation.record(first, { read: undefined })).toEqual(first);
      expect(await t.generation.record(entry({ seq: 2 }), { read: undefined })).toEqual(first);
    });

    test('an entry never stands over its own seq or a higher one, even over exactly what was read', async () => {
      const first = entry({ seq: 5 });
      await t.generation.record(first, 'lower');
      expect(await t.generation.record(entry({ seq: 5, reason: 'same' }), { read: first })).toEqual(first);
      expect(await t.generation.record(entry({ seq: 4, reason: 'lower' }), { read: first })).toEqual(first);
      expect(await t.entryOf('doc')).toEqual(first);
    });

    test('what was read and has been forgotten since leaves nothing to stand over', async () => {
      const gone = entry({ seq: 1, status: 'gone' });
      await t.generation.record(gone, 'lower');
      await t.generation.forget([gone]);
      expect(await t.generation.record(entry({ seq: 2 }), { read: gone })).toBeUndefined();
      expect(await t.entryOf('doc')).toBeUndefined();
    });

    test('recorded again after its answer was lost, an entry is told that it stands', async () => {
      const first = entry({ seq: 1 });
      await t.generation.record(first, 'lower');
      expect(await t.generation.record(first, 'lower')).toEqual(first);
      expect(await t.generation.record(first, { read: undefined })).toEqual(first);
    });

    test('of many that race the highest seq stands', async () => {
      const seqs = [3, 9, 1, 7, 5, 8, 2];
      await Promise.all(seqs.map((seq) => t.generation.record(entry({ seq, reason: `r${seq}` }), 'lower')));
      expect(await t.entryOf('doc')).toMatchObject({ seq: 9, reason: 'r9' });
    });

    test('of many that race over the same entry one stands, and all are told which', async () => {
      const first = entry({ seq: 1 });
      await t.generation.record(first, 'lower');
      const racing = Array.from({ length: 8 }, (_, i) => entry({ seq: 2, reason: `racer ${i}` }));
      const told = await Promise.all(racing.map((one) => t.generation.record(one, { read: first })));
      const standing = await t.entryOf('doc');
      expect(racing).toContainEqual(standing);
      for (const one of told) expect(one).toEqual(standing);
    });

    test('only entries that are gone and still at that seq are forgotten', async () => {
      await t.generation.record(entry({ document: 'gone', seq: 3, status: 'gone' }), 'lower');
      await t.generation.record(entry({ document: 'later', seq: 4, status: 'gone' }), 'lower');
      await t.generation.record(entry({ document: 'back', seq: 3, status: 'indexed' }), 'lower');
      const all = ['gone', 'later', 'back', 'missing'].map((document) => ({ document, seq: 3 }));
      await t.generation.forget(all);
      await t.generation.forget(all);
      expect([...(await t.generation.ledger(['gone', 'later', 'back'])).keys()].sort()).toEqual(['back', 'later']);
      await t.generation.record(entry({ document: 'gone', seq: 1 }), 'lower');
      expect((await t.entryOf('gone'))?.seq).toBe(1);
    });

    test('pages meet each of thousands of entries that stand throughout, while others come, change and go', async () => {
      const staying = Array.from({ length: 2_500 }, (_, i) => entry({ document: `stays ${(i * 7919) % 2_500}` }));
      const leaving = Array.from({ length: 200 }, (_, i) => entry({ document: `leaves ${i}`, status: 'gone' }));
      await Promise.all([...staying, ...leaving].map((one) => t.generation.record(one, 'lower')));
      const met = new Set<string>();
      let cursor: string | undefined;
      let pages = 0;
      do {
        const page: Page<LedgerEntry> = await t.generation.ledgerPage(cursor);
        for (const { document } of page.rows) met.add(document);
        cursor = page.next;
        await t.generation.forget(leaving.splice(0, 50));
        const changed = staying.slice(pages * 20, pages * 20 + 20).map((one) => ({ ...one, seq: 2 }));
        const come = entry({ document: `comes ${pages}` });
        await Promise.all([...changed, come].map((one) => t.generation.record(one, 'lower')));
        pages += 1;
      } while (cursor !== undefined);
      expect(staying.filter(({ document }) => !met.has(document))).toEqual([]);
    });
  });
};
