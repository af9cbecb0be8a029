import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { StopFlow } from '../../src/errors.ts';
import type { Generation, LedgerEntry, Page, Point, Query, VectorStore } from '../../src/ports.ts';
import { documentKey } from '../../src/records.ts';

export interface OpenedStore {
  readonly store: VectorStore;
  close(): Promise<void>;
}

/** Opens a store without generations, whose clock is the one given. */
export type OpenStore = (now: () => number) => Promise<OpenedStore>;

const DIMENSIONS = 4;
const HOUR_MS = 60 * 60 * 1000;

/** What every `VectorStore` does. Assumes nothing of order, nor that several points change at once. */
export const storeContract = (name: string, open: OpenStore): void => {
  describe(`${name} as store`, () => {
    // Opened once, as that takes its time; each test has a generation of its own.
    let opened: OpenedStore;
    let clock = 1_795_000_000_000;
    let store: VectorStore;
    let generation: Generation;
    let made = 0;
    const newName = () => {
      made += 1;
      return `contract-${made}`;
    };
    beforeAll(async () => {
      opened = await open(() => clock);
      store = opened.store;
    });
    beforeEach(async () => {
      const fresh = newName();
      await store.create(fresh, DIMENSIONS);
      generation = store.generation(fresh);
    });
    afterAll(() => opened.close());

    const entryOf = async (document: string) => (await generation.ledger([document])).get(document);
    /** Each of the document's points, by its text. */
    const pointsOf = async (document: string) => {
      const all = await allPages((cursor) => generation.pointPage(cursor));
      return all.filter((point) => point.document === document);
    };
    /** Points that can be found: there, and named by their document's entry. */
    const stand = async (points: readonly Point[], seq = 1) => {
      await generation.upsert(points);
      for (const document of new Set(points.map((point) => point.document))) {
        const chunks = points.filter((point) => point.document === document).map(({ id }) => id);
        await generation.record(entry({ document, seq, chunks }), 'lower');
      }
    };
    const find = async (query: Partial<Query>) => {
      const hits = await generation.search({ mode: 'dense', text: '', limit: 10, ...query });
      return hits.map(({ point }) => point.text);
    };

    describe('generations', () => {
      test('a probe is answered', async () => {
        await expect(store.probe()).resolves.toBeUndefined();
      });

      test('one that was created is listed and can be used; a second creation does nothing', async () => {
        const fresh = newName();
        expect(await store.generations()).not.toContain(fresh);
        await store.create(fresh, DIMENSIONS);
        await store.generation(fresh).upsert([point({})]);
        await store.create(fresh, DIMENSIONS);
        expect((await store.generations()).filter((one) => one === fresh)).toHaveLength(1);
        expect((await store.generation(fresh).counts()).points).toBe(1);
      });

      test('one that is there with other dimensions is a StopFlow, and stays as it was', async () => {
        const fresh = newName();
        await store.create(fresh, DIMENSIONS);
        await expect(store.create(fresh, DIMENSIONS + 1)).rejects.toBeInstanceOf(StopFlow);
        await store.generation(fresh).upsert([point({})]);
      });

      test('a handle creates nothing, and every call on a generation that is not there is a StopFlow', async () => {
        const missing = store.generation(newName());
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
        const other = newName();
        await store.create(other, DIMENSIONS);
        await stand([point({ text: 'here' })]);
        expect(await store.generation(other).counts()).toEqual({ documents: 0, points: 0 });
        expect((await store.generation(other).vectors([point({ text: 'here' }).hash])).size).toBe(0);
        await store.drop(other);
        expect(await find({ vector: unit(1) })).toEqual(['here']);
      });

      test('a dropped one is gone with all it held; dropping it again does nothing', async () => {
        const fresh = newName();
        await store.create(fresh, DIMENSIONS);
        await store.generation(fresh).upsert([point({})]);
        await store.generation(fresh).record(entry({}), 'lower');
        await store.drop(fresh);
        await store.drop(fresh);
        expect(await store.generations()).not.toContain(fresh);
        await expect(store.generation(fresh).counts()).rejects.toBeInstanceOf(StopFlow);
        await store.create(fresh, DIMENSIONS + 1);
        expect(await store.generation(fresh).counts()).toEqual({ documents: 0, points: 0 });
      });
    });

    describe('the alias', () => {
      test('it points at what was activated last, also when that is said twice', async () => {
        const [one, two] = [newName(), newName()];
        await store.create(one, DIMENSIONS);
        await store.create(two, DIMENSIONS);
        await store.activate(one);
        expect(await store.active()).toBe(one);
        await store.activate(two);
        await store.activate(two);
        expect(await store.active()).toBe(two);
      });

      test('activating what is not there is a StopFlow and leaves the alias where it was', async () => {
        const there = newName();
        await store.create(there, DIMENSIONS);
        await store.activate(there);
        await expect(store.activate(newName())).rejects.toBeInstanceOf(StopFlow);
        expect(await store.active()).toBe(there);
      });

      test('while it moves back and forth there is always one', async () => {
        const names = [newName(), newName()] as const;
        for (const one of names) await store.create(one, DIMENSIONS);
        await store.activate(names[0]);
        const seen: (string | undefined)[] = [];
        const moving = (async () => {
          for (let i = 1; i < 12; i += 1) await store.activate(names[i % 2] ?? names[0]);
        })();
        for (let i = 0; i < 30; i += 1) seen.push(await store.active());
        await moving;
        expect(seen.filter((one) => one === undefined)).toEqual([]);
      });

      test('a store without generations has none', async () => {
        const empty = await open(() => clock);
        try {
          expect(await empty.store.generations()).toEqual([]);
          expect(await empty.store.active()).toBeUndefined();
        } finally {
          await empty.close();
        }
      });
    });

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
        expect(await generation.record(recorded, 'lower')).toEqual(recorded);
        expect([...(await generation.ledger(['a', 'missing'])).values()]).toEqual([recorded]);
        expect((await generation.ledger([])).size).toBe(0);
      });

      test.each(ODD_PATHS)('a document whose path has %s comes back unit by unit', async (_, path) => {
        const document = documentKey({ instance: 'git', project: 'p', ref: 'main', path });
        const [id, twin] = [uuid(`odd${path}`), uuid(`twin${path}`)];
        await generation.record(entry({ document, chunks: [id] }), 'lower');
        await generation.upsert([point({ document, id, text: 'odd' }), point({ document: `${document}x`, id: twin })]);
        expect((await entryOf(document))?.document).toBe(document);
        expect(await generation.present(document, [id, twin])).toEqual(new Set([id]));
        expect((await pointsOf(document)).map((found) => found.id)).toEqual([id]);
        const [hit] = await generation.search({ mode: 'dense', text: '', vector: unit(1), limit: 1 });
        expect(hit?.point.document).toBe(document);
        await generation.prune(document, 9, []);
        expect(await pointsOf(document)).toEqual([]);
        expect(await pointsOf(`${document}x`)).toHaveLength(1);
      });

      test("over 'lower' an entry stands over absence and over lower ones, and never over its own seq or a higher one", async () => {
        const first = entry({ seq: 5, reason: 'first' });
        expect(await generation.record(first, 'lower')).toEqual(first);
        expect(await generation.record(entry({ seq: 5, reason: 'same' }), 'lower')).toEqual(first);
        expect(await generation.record(entry({ seq: 4, reason: 'lower' }), 'lower')).toEqual(first);
        expect(await entryOf('doc')).toEqual(first);
        const higher = entry({ seq: 6, reason: 'higher', chunks: [uuid('x')] });
        expect(await generation.record(higher, 'lower')).toEqual(higher);
        expect(await entryOf('doc')).toEqual(higher);
      });

      test('over what was read an entry stands only while that is what stands', async () => {
        const first = entry({ seq: 1 });
        const second = entry({ seq: 2 });
        await generation.record(first, 'lower');
        expect(await generation.record(second, { read: first })).toEqual(second);
        const late = entry({ seq: 3, reason: 'read too early' });
        expect(await generation.record(late, { read: first })).toEqual(second);
        expect(await generation.record(late, { read: undefined })).toEqual(second);
        expect(await entryOf('doc')).toEqual(second);
      });

      test('over absence that was read an entry stands only where there is none', async () => {
        const first = entry({ seq: 1 });
        expect(await generation.record(first, { read: undefined })).toEqual(first);
        expect(await generation.record(entry({ seq: 2 }), { read: undefined })).toEqual(first);
      });

      test('an entry never stands over its own seq or a higher one, even over exactly what was read', async () => {
        const first = entry({ seq: 5 });
        await generation.record(first, 'lower');
        expect(await generation.record(entry({ seq: 5, reason: 'same' }), { read: first })).toEqual(first);
        expect(await generation.record(entry({ seq: 4, reason: 'lower' }), { read: first })).toEqual(first);
        expect(await entryOf('doc')).toEqual(first);
      });

      test('what was read and has been forgotten since leaves nothing to stand over', async () => {
        const gone = entry({ seq: 1, status: 'gone' });
        await generation.record(gone, 'lower');
        await generation.forget([gone]);
        expect(await generation.record(entry({ seq: 2 }), { read: gone })).toBeUndefined();
        expect(await entryOf('doc')).toBeUndefined();
      });

      test('recorded again after its answer was lost, an entry is told that it stands', async () => {
        const first = entry({ seq: 1 });
        await generation.record(first, 'lower');
        expect(await generation.record(first, 'lower')).toEqual(first);
        expect(await generation.record(first, { read: undefined })).toEqual(first);
      });

      test('of many that race the highest seq stands', async () => {
        const seqs = [3, 9, 1, 7, 5, 8, 2];
        await Promise.all(seqs.map((seq) => generation.record(entry({ seq, reason: `r${seq}` }), 'lower')));
        expect(await entryOf('doc')).toMatchObject({ seq: 9, reason: 'r9' });
      });

      test('of many that race over the same entry one stands, and all are told which', async () => {
        const first = entry({ seq: 1 });
        await generation.record(first, 'lower');
        const racing = Array.from({ length: 8 }, (_, i) => entry({ seq: 2, reason: `racer ${i}` }));
        const told = await Promise.all(racing.map((one) => generation.record(one, { read: first })));
        const standing = await entryOf('doc');
        expect(racing).toContainEqual(standing);
        for (const one of told) expect(one).toEqual(standing);
      });

      test('only entries that are gone and still at that seq are forgotten', async () => {
        await generation.record(entry({ document: 'gone', seq: 3, status: 'gone' }), 'lower');
        await generation.record(entry({ document: 'later', seq: 4, status: 'gone' }), 'lower');
        await generation.record(entry({ document: 'back', seq: 3, status: 'indexed' }), 'lower');
        const all = ['gone', 'later', 'back', 'missing'].map((document) => ({ document, seq: 3 }));
        await generation.forget(all);
        await generation.forget(all);
        expect([...(await generation.ledger(['gone', 'later', 'back'])).keys()].sort()).toEqual(['back', 'later']);
        await generation.record(entry({ document: 'gone', seq: 1 }), 'lower');
        expect((await entryOf('gone'))?.seq).toBe(1);
      });

      test('pages meet each of thousands of entries that stand throughout, while others come, change and go', async () => {
        const staying = Array.from({ length: 2_500 }, (_, i) => entry({ document: `stays ${(i * 7919) % 2_500}` }));
        const leaving = Array.from({ length: 200 }, (_, i) => entry({ document: `leaves ${i}`, status: 'gone' }));
        await Promise.all([...staying, ...leaving].map((one) => generation.record(one, 'lower')));
        const met = new Set<string>();
        let cursor: string | undefined;
        let pages = 0;
        do {
          const page: Page<LedgerEntry> = await generation.ledgerPage(cursor);
          for (const { document } of page.rows) met.add(document);
          cursor = page.next;
          await generation.forget(leaving.splice(0, 50));
          const changed = staying.slice(pages * 20, pages * 20 + 20).map((one) => ({ ...one, seq: 2 }));
          const come = entry({ document: `comes ${pages}` });
          await Promise.all([...changed, come].map((one) => generation.record(one, 'lower')));
          pages += 1;
        } while (cursor !== undefined);
        expect(staying.filter(({ document }) => !met.has(document))).toEqual([]);
      });
    });

    describe('points', () => {
      test('absent ones are inserted, lower ones replaced, equal and higher ones left', async () => {
        const ids = { lower: uuid('lower'), equal: uuid('equal'), higher: uuid('higher'), absent: uuid('absent') };
        await generation.upsert([
          point({ id: ids.lower, seq: 4, text: 'old lower' }),
          point({ id: ids.equal, seq: 5, text: 'old equal' }),
          point({ id: ids.higher, seq: 6, text: 'old higher' }),
        ]);
        const written = Object.entries(ids).map(([text, id]) =>
          point({ id, seq: 5, text: `new ${text}`, startLine: 7 }),
        );
        await generation.upsert(written);
        await generation.upsert(written);
        await generation.record(entry({ seq: 9, chunks: Object.values(ids) }), 'lower');
        expect((await find({ vector: unit(1) })).sort()).toEqual([
          'new absent',
          'new lower',
          'old equal',
          'old higher',
        ]);
        const seqs = new Map((await pointsOf('doc')).map(({ id, seq }) => [id, seq]));
        expect([ids.absent, ids.lower, ids.equal, ids.higher].map((id) => seqs.get(id))).toEqual([5, 5, 5, 6]);
        await expect(generation.upsert([])).resolves.toBeUndefined();
      });

      test('a vector of other dimensions is a StopFlow', async () => {
        const wrong = { ...point({}), vector: new Float32Array(DIMENSIONS + 1).fill(0.4) };
        await expect(generation.upsert([wrong])).rejects.toBeInstanceOf(StopFlow);
      });

      test('present tells which of the ids the document has', async () => {
        await generation.upsert([point({ id: uuid('1') }), point({ id: uuid('2'), document: 'other' })]);
        expect(await generation.present('doc', [uuid('1'), uuid('3')])).toEqual(new Set([uuid('1')]));
        expect(await generation.present('doc', [])).toEqual(new Set());
        expect(await generation.present('unknown', [uuid('1')])).toEqual(new Set());
      });

      test('raise sets seq, lines and commit of those that are there at a lower seq, and nothing else', async () => {
        const [low, high] = [uuid('low'), uuid('high')];
        await stand([point({ id: low, seq: 4, text: 'low' }), point({ id: high, seq: 6, text: 'high' })], 6);
        const raised = [low, high, uuid('absent')].map((id) => ({ id, startLine: 70, endLine: 71, commit: 'c7' }));
        await generation.raise('doc', 5, raised);
        await generation.raise('doc', 5, raised);
        const hits = await generation.search({ mode: 'dense', text: '', vector: unit(1), limit: 10 });
        const byText = new Map(hits.map((hit) => [hit.point.text, hit.point]));
        const { vector: _, ...before } = point({ id: low, seq: 4, text: 'low' });
        expect(byText.get('low')).toEqual({ ...before, seq: 5, startLine: 70, endLine: 71, commit: 'c7' });
        expect(byText.get('high')).toMatchObject({ seq: 6, startLine: 1, endLine: 2, commit: 'c' });
        expect(await generation.present('doc', [uuid('absent')])).toEqual(new Set());
      });

      test("raise leaves other documents' points alone", async () => {
        await generation.upsert([point({ id: uuid('1'), document: 'other' })]);
        await generation.raise('doc', 5, [placement('1')]);
        expect((await pointsOf('other')).map(({ seq }) => seq)).toEqual([1]);
      });

      test('prune deletes what is not above the seq and not kept', async () => {
        const ids = ['below', 'at', 'above', 'kept'].map(uuid);
        const seqs = [4, 5, 6, 3];
        await generation.upsert(ids.map((id, i) => point({ id, seq: seqs[i] ?? 0 })));
        await generation.upsert([point({ id: uuid('elsewhere'), document: 'other' })]);
        const keep = [uuid('kept'), uuid('never there')];
        await generation.prune('doc', 5, keep);
        await generation.prune('doc', 5, keep);
        expect((await pointsOf('doc')).map(({ id }) => id).sort()).toEqual([uuid('above'), uuid('kept')].sort());
        expect(await pointsOf('other')).toHaveLength(1);
        await generation.prune('doc', 9, []);
        expect(await pointsOf('doc')).toEqual([]);
        await generation.prune('unknown', 9, []);
      });

      test('pages meet each of thousands of points', async () => {
        const points = Array.from({ length: 12 }, (_, d) =>
          Array.from({ length: 500 }, (_, i) => point({ id: uuid(`${d} ${i}`), document: `d${d}`, seq: d + 1 })),
        );
        for (const some of points) await generation.upsert(some);
        const met = await allPages((cursor) => generation.pointPage(cursor));
        expect(new Set(met.map(({ id }) => id)).size).toBe(6_000);
        expect(met).toContainEqual({ document: 'd3', id: uuid('3 499'), seq: 4 });
      });

      test('counts are of the entries that are not gone and of the points', async () => {
        expect(await generation.counts()).toEqual({ documents: 0, points: 0 });
        await stand([point({ id: uuid('1') }), point({ id: uuid('2') })]);
        await generation.record(entry({ document: 'skipped', status: 'skipped' }), 'lower');
        await generation.record(entry({ document: 'gone', status: 'gone' }), 'lower');
        expect(await generation.counts()).toEqual({ documents: 2, points: 2 });
        await generation.prune('doc', 1, [uuid('1')]);
        expect(await generation.counts()).toEqual({ documents: 2, points: 1 });
      });
    });

    describe('vectors by content', () => {
      test('those of contents that are there are found, number by number; unknown ones are left out', async () => {
        const vector = Float32Array.of(0.5, -0.5, 0.5, -0.5);
        const one = { ...point({ text: 'one' }), vector };
        await generation.upsert([one]);
        const found = await generation.vectors([one.hash, hashOf('unknown')]);
        expect([...found.keys()]).toEqual([one.hash]);
        expect([...(found.get(one.hash) ?? [])]).toEqual([...vector]);
        expect((await generation.vectors([])).size).toBe(0);
      });

      test('a vector that is part of a larger array is stored alone', async () => {
        const batch = Float32Array.of(9, 9, 9, 9, 0, 1, 0, 0, 9, 9, 9, 9);
        const one = { ...point({ text: 'one' }), vector: batch.subarray(4, 8) };
        await generation.upsert([one]);
        expect([...((await generation.vectors([one.hash])).get(one.hash) ?? [])]).toEqual([0, 1, 0, 0]);
      });

      test('they outlive their points by a day', async () => {
        const one = point({ text: 'one' });
        await generation.upsert([one]);
        clock += 48 * HOUR_MS;
        await generation.prune('doc', 1, []);
        expect(await pointsOf('doc')).toEqual([]);
        clock += 23 * HOUR_MS;
        await generation.upsert([point({ document: 'other', text: 'two' })]);
        expect((await generation.vectors([one.hash])).has(one.hash)).toBe(true);
      });

      test('one that two documents share stays while either has it', async () => {
        const [one, two] = [point({ id: uuid('1') }), point({ id: uuid('2'), document: 'other' })];
        await generation.upsert([one, two]);
        await generation.prune('doc', 1, []);
        clock += 72 * HOUR_MS;
        await generation.upsert([point({ id: uuid('3'), document: 'third', text: 'third' })]);
        clock += HOUR_MS;
        await generation.upsert([point({ id: uuid('4'), document: 'fourth', text: 'fourth' })]);
        expect((await generation.vectors([two.hash])).has(two.hash)).toBe(true);
      });
    });

    describe('search', () => {
      test('a hit has everything of its point but the vector', async () => {
        const { vector, ...rest } = point({
          document: documentKey({ instance: 'git', project: 'p', ref: 'main', path: 'docs/a.md' }),
          text: '  two\n\tlines ',
          embed: 'Guide > Start\n  two\n\tlines ',
          heading: ['Guide', 'Start'],
          language: 'markdown',
          startLine: 3,
          endLine: 4,
        });
        const other = { ...rest, id: uuid('2'), vector, embed: 'unlike the text', hash: hashOf('unlike the text') };
        await stand([{ ...rest, vector }, other]);
        const hits = await generation.search({ mode: 'dense', text: '', vector, limit: 5 });
        expect(hits.find((hit) => hit.point.id === rest.id)?.point).toEqual(rest);
        expect(hits.find((hit) => hit.point.id === other.id)?.point.embed).toBe('unlike the text');
      });

      test('dense ranks by cosine, best first, whatever the length of the query', async () => {
        await stand(
          [0.1, 0.9, 0.5, 0.7].map((x, i) => ({
            ...point({ id: uuid(`${i}`), text: `${x}` }),
            vector: unit(x, 1 - x),
          })),
        );
        const hits = await generation.search({
          mode: 'dense',
          text: '',
          vector: Float32Array.of(3, 0, 0, 0),
          limit: 3,
        });
        expect(hits.map(({ point: { text } }) => text)).toEqual(['0.9', '0.7', '0.5']);
        expect(hits[0]?.score).toBeCloseTo(unit(0.9, 0.1)[0] ?? 0, 4);
      });

      test('lexical finds identifiers whole and by their parts, and only points that have a term', async () => {
        await stand(
          [
            'const x = readFileSync(path)',
            'the max_retry_count setting',
            'uses kafka.consumer.groupId',
            'Overview',
          ].map((text, i) => point({ id: uuid(`${i}`), text })),
        );
        const lexical = (text: string) => find({ mode: 'lexical', text });
        expect(await lexical('readFileSync')).toEqual(['const x = readFileSync(path)']);
        expect(await lexical('sync a file')).toEqual(['const x = readFileSync(path)']);
        expect(await lexical('retry')).toEqual(['the max_retry_count setting']);
        expect(await lexical('kafka.consumer.groupid')).toEqual(['uses kafka.consumer.groupId']);
        expect(await lexical('groups of consumers')).toEqual(['uses kafka.consumer.groupId']);
        expect(await lexical('nothingLikeIt')).toEqual([]);
        expect(await lexical('')).toEqual([]);
        expect(await lexical('?!')).toEqual([]);
      });

      test('lexical puts rare terms over common ones and dense use over a single mention', async () => {
        const common = Array.from({ length: 8 }, (_, i) => point({ id: uuid(`c${i}`), text: `stream number ${i}` }));
        const often = point({ id: uuid('often'), text: 'watermark watermark watermark' });
        const once = point({ id: uuid('once'), text: 'a watermark stands in the sand' });
        await stand([...common, once, often]);
        const texts = await find({ mode: 'lexical', text: 'stream watermark' });
        expect(texts.slice(0, 2)).toEqual([often.text, once.text]);
        expect(texts).toHaveLength(10);
      });

      test("lexical finds a file's chunks by its name and folders", async () => {
        const document = documentKey({
          instance: 'git',
          project: 'p',
          ref: 'main',
          path: 'src/operators/low-water.ts',
        });
        await stand([point({ id: uuid('1'), text: 'unrelated' }), point({ id: uuid('2'), document, text: 'mark' })]);
        expect(await find({ mode: 'lexical', text: 'LowWater' })).toEqual(['mark']);
        expect(await find({ mode: 'lexical', text: 'operators' })).toEqual(['mark']);
      });

      test('hybrid prefers what both arms bring, by reciprocal rank with k = 60', async () => {
        await stand([
          { ...point({ id: uuid('both'), text: 'offset commit' }), vector: unit(0.8, 0.2) },
          { ...point({ id: uuid('dense'), text: 'something else' }), vector: unit(1) },
          { ...point({ id: uuid('none'), text: 'neither' }), vector: unit(0, 1) },
        ]);
        const query = { text: 'how are offsets committed', vector: unit(1), limit: 10 };
        const hits = await generation.search({ mode: 'hybrid', ...query });
        expect(hits.map(({ point: { text } }) => text)).toEqual(['offset commit', 'something else', 'neither']);
        expect(hits[0]?.score).toBeCloseTo(1 / 61 + 1 / 60, 5);
        expect(hits[1]?.score).toBeCloseTo(1 / 60, 5);
      });

      test('hybrid with a text that has no terms still answers by vector', async () => {
        await stand([point({ text: 'found' })]);
        expect(await find({ mode: 'hybrid', text: '??', vector: unit(1) })).toEqual(['found']);
      });

      test.each(['dense', 'lexical', 'hybrid'] as const)(
        '%s brings as many as asked for, and no more',
        async (mode) => {
          await stand(Array.from({ length: 30 }, (_, i) => point({ id: uuid(`${i}`), text: `shared word ${i}` })));
          for (const limit of [1, 7, 30]) {
            expect(await find({ mode, text: 'shared', vector: unit(1), limit })).toHaveLength(limit);
          }
          expect(await find({ mode, text: 'shared', vector: unit(1), limit: 100 })).toHaveLength(30);
        },
      );

      describe('with a filter', () => {
        const place = (id: string, project: string, ref: string, path: string, language: string) =>
          point({
            id: uuid(id),
            document: documentKey({ instance: 'main', project, ref, path }),
            text: `word ${id}`,
            language,
          });
        beforeEach(() =>
          stand([
            place('a', '1', 'main', 'src/a.ts', 'typescript'),
            place('b', '1', 'dev', 'src/deep/b.ts', 'typescript'),
            place('c', '2', 'main', 'docs/c.md', 'markdown'),
            place('d', '11', 'main', 'README.md', 'markdown'),
            place('e', '2', 'main', 'a+b (1).py', 'python'),
          ]),
        );
        const filters: [string, Partial<Query>, string][] = [
          ['one project', { projects: ['1'] }, 'ab'],
          ['several projects', { projects: ['1', '11'] }, 'abd'],
          ['no project at all', { projects: [] }, ''],
          ['a project that is not there', { projects: ['3'] }, ''],
          ['a ref', { ref: 'main' }, 'acde'],
          ['a language', { language: 'markdown' }, 'cd'],
          ['a language that no point has', { language: 'cobol' }, ''],
          ['a name at any depth', { path: '*.ts' }, 'ab'],
          ['a glob within one folder', { path: 'src/*.ts' }, 'a'],
          ['a glob across folders', { path: 'src/**/*.ts' }, 'ab'],
          ['a folder', { path: 'docs/' }, 'c'],
          ['an exact path', { path: '/README.md' }, 'd'],
          ['a path with signs that mean something elsewhere', { path: 'a+b (1).py' }, 'e'],
          ['alternatives', { path: '{src,docs}/*' }, 'abc'],
          ['a glob that nothing matches', { path: 'lib/**' }, ''],
          ['all at once', { projects: ['1', '2'], ref: 'main', path: '**/*.md', language: 'markdown' }, 'c'],
        ];
        test.each(filters)('%s', async (_, filter, expected) => {
          for (const mode of ['dense', 'lexical', 'hybrid'] as const) {
            const texts = await find({ mode, text: 'word', vector: unit(1), ...filter });
            expect(texts.map((text) => text.slice('word '.length)).sort()).toEqual([...expected]);
          }
        });

        test('it works inside the arms: points that it leaves out take nobody else’s place', async () => {
          const others = Array.from({ length: 300 }, (_, i) => place(`z${i}`, '9', 'main', `z${i}.txt`, 'text'));
          await stand(others);
          for (const mode of ['dense', 'lexical', 'hybrid'] as const) {
            expect(await find({ mode, text: 'word', vector: unit(1), limit: 1, projects: ['2'] })).toHaveLength(1);
          }
        });
      });

      test('each write is found, or not found any more, by the next search', async () => {
        const texts = async () => {
          const [dense, lexical] = [await find({ vector: unit(1) }), await find({ mode: 'lexical', text: 'word' })];
          expect(lexical.sort()).toEqual(dense.sort());
          return dense;
        };
        expect(await texts()).toEqual([]);
        await stand([point({ id: uuid('1'), text: 'word one' }), point({ id: uuid('2'), text: 'word two' })]);
        expect(await texts()).toEqual(['word one', 'word two']);
        await stand([point({ id: uuid('3'), text: 'word three', seq: 2 })], 2);
        expect(await texts()).toEqual(['word three']);
        await generation.prune('doc', 2, [uuid('3')]);
        expect(await texts()).toEqual(['word three']);
        await generation.upsert([point({ id: uuid('3'), text: 'word changed', seq: 3 })]);
        expect(await texts()).toEqual(['word changed']);
        await generation.record(entry({ seq: 4, status: 'gone', chunks: [] }), 'lower');
        expect(await texts()).toEqual([]);
        await generation.prune('doc', 4, []);
        expect(await texts()).toEqual([]);
      });

      test('what no ledger entry names is never shown, and takes nobody else’s place', async () => {
        const late = Array.from({ length: 400 }, (_, i) => point({ id: uuid(`late ${i}`), text: `word late ${i}` }));
        await generation.upsert(late);
        expect(await find({ vector: unit(1) })).toEqual([]);
        await stand([{ ...point({ id: uuid('shown'), text: 'a word shown' }), vector: unit(0.5, 0.5) }]);
        for (const mode of ['dense', 'lexical', 'hybrid'] as const) {
          expect(await find({ mode, text: 'word', vector: unit(1), limit: 1 })).toEqual(['a word shown']);
        }
      });

      test('of two versions that are both there during an apply, exactly the recorded one is shown', async () => {
        await stand([point({ id: uuid('old'), text: 'old' })]);
        await generation.upsert([point({ id: uuid('new'), text: 'new', seq: 2 })]);
        expect(await find({ vector: unit(1) })).toEqual(['old']);
        await generation.record(entry({ seq: 2, chunks: [uuid('new')] }), 'lower');
        expect(await find({ vector: unit(1) })).toEqual(['new']);
      });

      test('a query of other dimensions, or without a vector where one is needed, is a StopFlow', async () => {
        const wrong = Float32Array.of(1, 0);
        const search = (query: Partial<Query>) => generation.search({ mode: 'dense', text: 't', limit: 1, ...query });
        await expect(search({ vector: wrong })).rejects.toBeInstanceOf(StopFlow);
        await expect(search({ mode: 'hybrid', vector: wrong })).rejects.toBeInstanceOf(StopFlow);
        await expect(search({})).rejects.toBeInstanceOf(StopFlow);
        await expect(search({ mode: 'hybrid' })).rejects.toBeInstanceOf(StopFlow);
      });
    });

    test('three writers applying versions of a document side by side leave exactly the newest', async () => {
      const versions = [1, 2, 3].map((seq) => ({
        seq,
        points: Array.from({ length: 6 }, (_, i) =>
          point({ id: uuid(`${i % 2 ? 'all' : seq} ${i}`), seq, text: `v${i}` }),
        ),
      }));
      for (let round = 0; round < 8; round += 1) {
        const document = `raced ${round}`;
        await Promise.all(
          versions.map(async ({ seq, points }) => {
            const mine = points.map((one) => ({ ...one, document, id: uuid(`${one.id} ${round}`) }));
            const ids = mine.map(({ id }) => id);
            await generation.raise(document, seq, mine);
            const there = await generation.present(document, ids);
            await generation.upsert(mine.filter(({ id }) => !there.has(id)));
            const standing = await generation.record(entry({ document, seq, chunks: ids }), 'lower');
            await generation.prune(document, standing?.seq ?? 0, standing?.chunks ?? []);
          }),
        );
        const standing = await entryOf(document);
        expect(standing?.seq).toBe(3);
        const there = await pointsOf(document);
        expect(there.map(({ id }) => id).sort()).toEqual([...(standing?.chunks ?? [])].sort());
      }
    });
  });
};

const ODD_PATHS = [
  ['a byte that is not UTF-8', 'docs/caf\udce9.md'],
  ['only bytes that are not UTF-8', '\udc80\udcff'],
  ['letters of many scripts', 'Übergröße/日本語/😀.md'],
  ['quotes, line breaks and percent signs', 'a"b\'c\\d\ne%_*?.md'],
] as const;

const hashOf = (text: string) => createHash('sha256').update(text).digest('hex');

/** A UUID of its own for each name. */
const uuid = (name: string): string => {
  const hex = hashOf(name);
  return [hex.slice(0, 8), hex.slice(8, 12), `5${hex.slice(13, 16)}`, `a${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    '-',
  );
};

const unit = (x: number, y = 0): Float32Array => {
  const length = Math.hypot(x, y);
  return Float32Array.of(x / length, y / length, 0, 0);
};

const placement = (id: string) => ({ id: uuid(id), startLine: 1, endLine: 2, commit: 'c' });

const point = (of: Partial<Omit<Point, 'hash' | 'vector'>>): Point => {
  const text = of.text ?? 'text';
  const embed = of.embed ?? text;
  return {
    ...{
      id: uuid('point'),
      document: 'doc',
      seq: 1,
      startLine: 1,
      endLine: 2,
      commit: 'c',
      language: 'text',
      heading: [],
    },
    ...of,
    ...{ text, embed, hash: hashOf(embed), vector: unit(1) },
  };
};

const entry = (of: Partial<LedgerEntry>): LedgerEntry => ({
  ...{ document: 'doc', seq: 1, status: 'indexed', reason: '', blob: 'b', indexedBlob: 'b', rules: 'r', chunks: [] },
  ...{ embedded: 1, reused: 0, commit: 'c', at: 1_795_000_000_000 },
  ...of,
});

const allPages = async <T>(page: (cursor: string | undefined) => Promise<Page<T>>): Promise<T[]> => {
  const rows: T[] = [];
  let cursor: string | undefined;
  do {
    const { rows: some, next } = await page(cursor);
    rows.push(...some);
    cursor = next;
  } while (cursor !== undefined);
  return rows;
};
