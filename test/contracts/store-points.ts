import { describe, expect, test } from 'vitest';
import { StopFlow } from '../../src/errors.ts';
import {
  allPages,
  DIMENSIONS,
  entry,
  HOUR_MS,
  hashOf,
  placement,
  point,
  type StoreUnderTest,
  unit,
  uuid,
} from './store-builders.ts';

/** Points, the vectors of contents, and the steps of an apply side by side. */
export const pointsContract = (t: StoreUnderTest): void => {
  describe('points', () => {
    test('absent ones are inserted, lower ones replaced, equal and higher ones left', async () => {
      const ids = { lower: uuid('lower'), equal: uuid('equal'), higher: uuid('higher'), absent: uuid('absent') };
      await t.generation.upsert([
        point({ id: ids.lower, seq: 4, text: 'old lower' }),
        point({ id: ids.equal, seq: 5, text: 'old equal' }),
        point({ id: ids.higher, seq: 6, text: 'old higher' }),
      ]);
      const written = Object.entries(ids).map(([text, id]) => point({ id, seq: 5, text: `new ${text}`, startLine: 7 }));
      await t.generation.upsert(written);
      await t.generation.upsert(written);
      await t.generation.record(entry({ seq: 9, chunks: Object.values(ids) }), 'lower');
      expect((await t.find({ vector: unit(1) })).sort()).toEqual([
        'new absent',
        'new lower',
        'old equal',
        'old higher',
      ]);
      const seqs = new Map((await t.pointsOf('doc')).map(({ id, seq }) => [id, seq]));
      expect([ids.absent, ids.lower, ids.equal, ids.higher].map((id) => seqs.get(id))).toEqual([5, 5, 5, 6]);
      await expect(t.generation.upsert([])).resolves.toBeUndefined();
    });

    test('one in which there is no word, of a path without any, is kept like others', async () => {
      const document = ['git', 'p', 'main', '--'].join('\0');
      const id = uuid('wordless');
      await t.generation.upsert([point({ document, id, seq: 1, text: '—' })]);
      expect((await t.generation.pointsOf(document)).map(({ text }) => text)).toEqual(['—']);
    });

    test('a vector of other dimensions is a StopFlow', async () => {
      const wrong = { ...point({}), vector: new Float32Array(DIMENSIONS + 1).fill(0.4) };
      await expect(t.generation.upsert([wrong])).rejects.toBeInstanceOf(StopFlow);
    });

    test('present tells which of the ids the document has', async () => {
      await t.generation.upsert([point({ id: uuid('1') }), point({ id: uuid('2'), document: 'other' })]);
      expect(await t.generation.present('doc', [uuid('1'), uuid('3')])).toEqual(new Set([uuid('1')]));
      expect(await t.generation.present('doc', [])).toEqual(new Set());
      expect(await t.generation.present('unknown', [uuid('1')])).toEqual(new Set());
    });

    test('pointsOf gives all that the document has, with its text, and nobody else’s', async () => {
      const mine = [1, 2].map((n) =>
        point({ id: uuid(`${n}`), text: `line ${n}\n`, embed: `Guide\nline ${n}\n`, heading: ['Guide'], startLine: n }),
      );
      await t.generation.upsert([...mine, point({ id: uuid('3'), document: 'other' })]);
      const stored = [...(await t.generation.pointsOf('doc'))].sort((a, b) => a.startLine - b.startLine);
      expect(stored).toEqual(mine.map(({ vector: _, ...rest }) => rest));
      expect(await t.generation.pointsOf('unknown')).toEqual([]);
    });

    test('raise sets seq, lines and commit of those that are there at a lower seq, and nothing else', async () => {
      const [low, high] = [uuid('low'), uuid('high')];
      await t.stand([point({ id: low, seq: 4, text: 'low' }), point({ id: high, seq: 6, text: 'high' })], 6);
      const raised = [low, high, uuid('absent')].map((id) => ({ id, startLine: 70, endLine: 71, commit: 'c7' }));
      await t.generation.raise('doc', 5, raised);
      await t.generation.raise('doc', 5, raised);
      const hits = await t.generation.search({ mode: 'dense', text: '', vector: unit(1), limit: 10 });
      const byText = new Map(hits.map((hit) => [hit.point.text, hit.point]));
      const { vector: _, ...before } = point({ id: low, seq: 4, text: 'low' });
      expect(byText.get('low')).toEqual({ ...before, seq: 5, startLine: 70, endLine: 71, commit: 'c7' });
      expect(byText.get('high')).toMatchObject({ seq: 6, startLine: 1, endLine: 2, commit: 'c' });
      expect(await t.generation.present('doc', [uuid('absent')])).toEqual(new Set());
    });

    test("raise leaves other documents' points alone", async () => {
      await t.generation.upsert([point({ id: uuid('1'), document: 'other' })]);
      await t.generation.raise('doc', 5, [placement('1')]);
      expect((await t.pointsOf('other')).map(({ seq }) => seq)).toEqual([1]);
    });

    test('prune deletes what is not above the seq and not kept', async () => {
      const ids = ['below', 'at', 'above', 'kept'].map(uuid);
      const seqs = [4, 5, 6, 3];
      await t.generation.upsert(ids.map((id, i) => point({ id, seq: seqs[i] ?? 0 })));
      await t.generation.upsert([point({ id: uuid('elsewhere'), document: 'other' })]);
      const keep = [uuid('kept'), uuid('never there')];
      await t.generation.prune('doc', 5, keep);
      await t.generation.prune('doc', 5, keep);
      expect((await t.pointsOf('doc')).map(({ id }) => id).sort()).toEqual([uuid('above'), uuid('kept')].sort());
      expect(await t.pointsOf('other')).toHaveLength(1);
      await t.generation.prune('doc', 9, []);
      expect(await t.pointsOf('doc')).toEqual([]);
      await t.generation.prune('unknown', 9, []);
    });

    test('pages meet each of thousands of points', async () => {
      const points = Array.from({ length: 12 }, (_, d) =>
        Array.from({ length: 500 }, (_, i) => point({ id: uuid(`${d} ${i}`), document: `d${d}`, seq: d + 1 })),
      );
      for (const some of points) await t.generation.upsert(some);
      const met = await allPages((cursor) => t.generation.pointPage(cursor));
      expect(new Set(met.map(({ id }) => id)).size).toBe(6_000);
      expect(met).toContainEqual({ document: 'd3', id: uuid('3 499'), seq: 4 });
    });

    test('counts are of the entries that are not gone and of the points', async () => {
      expect(await t.generation.counts()).toEqual({ documents: 0, points: 0 });
      await t.stand([point({ id: uuid('1') }), point({ id: uuid('2') })]);
      await t.generation.record(entry({ document: 'skipped', status: 'skipped' }), 'lower');
      await t.generation.record(entry({ document: 'gone', status: 'gone' }), 'lower');
      expect(await t.generation.counts()).toEqual({ documents: 2, points: 2 });
      await t.generation.prune('doc', 1, [uuid('1')]);
      expect(await t.generation.counts()).toEqual({ documents: 2, points: 1 });
    });
  });

  describe('vectors by content', () => {
    test('those of contents that are there are found, number by number; unknown ones are left out', async () => {
      const vector = Float32Array.of(0.5, -0.5, 0.5, -0.5);
      const one = { ...point({ text: 'one' }), vector };
      await t.generation.upsert([one]);
      const found = await t.generation.vectors([one.hash, hashOf('unknown')]);
      expect([...found.keys()]).toEqual([one.hash]);
      expect([...(found.get(one.hash) ?? [])]).toEqual([...vector]);
      expect((await t.generation.vectors([])).size).toBe(0);
    });

    test('a vector that is part of a larger array is stored alone', async () => {
      const batch = Float32Array.of(9, 9, 9, 9, 0, 1, 0, 0, 9, 9, 9, 9);
      const one = { ...point({ text: 'one' }), vector: batch.subarray(4, 8) };
      await t.generation.upsert([one]);
      expect([...((await t.generation.vectors([one.hash])).get(one.hash) ?? [])]).toEqual([0, 1, 0, 0]);
    });

    test('they outlive their points by a day', async () => {
      const one = point({ text: 'one' });
      await t.generation.upsert([one]);
      t.advance(48 * HOUR_MS);
      await t.generation.prune('doc', 1, []);
      expect(await t.pointsOf('doc')).toEqual([]);
      t.advance(23 * HOUR_MS);
      await t.generation.upsert([point({ document: 'other', text: 'two' })]);
      expect((await t.generation.vectors([one.hash])).has(one.hash)).toBe(true);
    });

    test('one that two documents share stays while either has it', async () => {
      const [one, two] = [point({ id: uuid('1') }), point({ id: uuid('2'), document: 'other' })];
      await t.generation.upsert([one, two]);
      await t.generation.prune('doc', 1, []);
      t.advance(72 * HOUR_MS);
      await t.generation.upsert([point({ id: uuid('3'), document: 'third', text: 'third' })]);
      t.advance(HOUR_MS);
      await t.generation.upsert([point({ id: uuid('4'), document: 'fourth', text: 'fourth' })]);
      expect((await t.generation.vectors([two.hash])).has(two.hash)).toBe(true);
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
          await t.generation.raise(document, seq, mine);
          const there = await t.generation.present(document, ids);
          await t.generation.upsert(mine.filter(({ id }) => !there.has(id)));
          const standing = await t.generation.record(entry({ document, seq, chunks: ids }), 'lower');
          await t.generation.prune(document, standing?.seq ?? 0, standing?.chunks ?? []);
        }),
      );
      const standing = await t.entryOf(document);
      expect(standing?.seq).toBe(3);
      const there = await t.pointsOf(document);
      expect(there.map(({ id }) => id).sort()).toEqual([...(standing?.chunks ?? [])].sort());
    }
  });
};
