import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Row, Stamp, State, Table } from '../../src/ports.ts';
import type { Want } from '../../src/records.ts';

/** What every `State` does, whoever keeps the rows. Assumes nothing of order, nor that several rows change at once. */
export const stateContract = (
  name: string,
  open: () => Promise<{ readonly state: State; close(): Promise<void> }>,
): void => {
  describe(`${name} as state`, () => {
    let state: State;
    let clear = async () => {};
    let close = async () => {};
    // Opened once, as that takes its time, and emptied after each test.
    beforeAll(async () => {
      const opened = await open();
      close = () => opened.close();
      ({ state, clear } = clearing(opened.state));
    });
    afterEach(() => clear());
    afterAll(() => close());

    const standing = async (key: string) => (await state.read('wants', [key])).get(key);

    test('a probe is answered', async () => {
      await expect(state.probe()).resolves.toBeUndefined();
    });

    describe('read', () => {
      test('a row comes back as it was written', async () => {
        const row = want({ key: 'a', seq: 1_795_000_000_123 });
        await state.raise('wants', [row]);
        expect(await standing('a')).toEqual(row);
      });

      test('keys that have no row are left out', async () => {
        await state.raise('wants', [want({ key: 'a' }), want({ key: 'b' })]);
        expect([...(await state.read('wants', ['a', 'missing', 'b'])).keys()].sort()).toEqual(['a', 'b']);
        expect((await state.read('wants', [])).size).toBe(0);
      });

      test('tables are apart: the same key stands in each by itself', async () => {
        await state.raise('wants', [want({ key: 'same' })]);
        await state.raise('timers', [{ key: 'same', scope: 's', seq: 9, token: 't', value: { dueAt: 7 } }]);
        expect((await state.read('timers', ['same'])).get('same')?.value).toEqual({ dueAt: 7 });
        expect((await standing('same'))?.seq).toBe(1);
      });

      test.each(ODD_KEYS)('a key and a scope with %s come back unit by unit', async (_, odd) => {
        const others = [want({ key: `${odd}x`, scope: odd }), want({ key: 'plain', scope: 'plain' })];
        const row = want({ key: odd, scope: odd });
        await state.raise('wants', [row, ...others]);
        expect(await standing(odd)).toEqual(row);
        const page = await allRows(state, odd);
        expect(page.map(({ key }) => key).sort()).toEqual([odd, `${odd}x`].sort());
      });

      test('keys that differ in one odd unit are two rows', async () => {
        const keys = ['\udc80', '\udc81', '\ufffd', '', '\0', '\0\0'].map((unit) => `p${unit}`);
        await state.raise(
          'wants',
          keys.map((key, i) => want({ key, seq: i + 1 })),
        );
        const rows = await state.read('wants', keys);
        expect(keys.map((key) => rows.get(key)?.seq)).toEqual([1, 2, 3, 4, 5, 6]);
      });

      test('thousands of rows are read in one call', async () => {
        const rows = Array.from({ length: 2_500 }, (_, i) => want({ key: `k${i}` }));
        await state.raise('wants', rows);
        expect(
          (
            await state.read(
              'wants',
              rows.map(({ key }) => key),
            )
          ).size,
        ).toBe(2_500);
      });

      test('what a value leaves open reads as undefined', async () => {
        const value = { planned: undefined, dirty: true, rules: 'r' };
        await state.swap('refs', { key: 'r', scope: 's', seq: 1, token: 't', value }, undefined);
        expect((await state.read('refs', ['r'])).get('r')?.value).toEqual(value);
      });
    });

    describe('page', () => {
      test('a scope without rows is one empty page', async () => {
        expect(await allRows(state, 'nowhere')).toEqual([]);
      });

      test('only rows of the scope are met', async () => {
        await state.raise('wants', [
          want({ key: 'a', scope: 'one' }),
          want({ key: 'b', scope: 'two' }),
          want({ key: 'c', scope: 'one' }),
        ]);
        expect((await allRows(state, 'one')).map(({ key }) => key).sort()).toEqual(['a', 'c']);
      });

      test('each of thousands of rows that stand throughout is met, while others come, change and go', async () => {
        const staying = Array.from({ length: 3_000 }, (_, i) => want({ key: `stays ${(i * 7919) % 3_000}` }));
        const leaving = Array.from({ length: 500 }, (_, i) => want({ key: `leaves ${i}` }));
        await state.raise('wants', [...staying, ...leaving]);
        const met = new Set<string>();
        let cursor: string | undefined;
        let pages = 0;
        do {
          const page = await state.page('wants', 'scope', cursor);
          for (const { key } of page.rows) met.add(key);
          cursor = page.next;
          await state.remove('wants', leaving.splice(0, 100));
          await state.raise('wants', [
            ...staying.slice(pages * 50, pages * 50 + 50).map((row) => ({ ...row, seq: 2, token: 'later' })),
            want({ key: `comes ${pages}` }),
          ]);
          pages += 1;
        } while (cursor !== undefined);
        expect(staying.filter(({ key }) => !met.has(key))).toEqual([]);
      });
    });

    describe('swap', () => {
      test('over absence a row is written where none stands', async () => {
        expect(await state.swap('wants', want({ key: 'a' }), undefined)).toBe(true);
        expect((await standing('a'))?.token).toBe('token');
      });

      test('over absence a row that stands is left as it is', async () => {
        await state.swap('wants', want({ key: 'a', token: 'first' }), undefined);
        expect(await state.swap('wants', want({ key: 'a', seq: 2, token: 'second' }), undefined)).toBe(false);
        expect(await standing('a')).toEqual(want({ key: 'a', token: 'first' }));
      });

      test('over exactly the stamp that stands a row is replaced, its scope and value too', async () => {
        const first = want({ key: 'a', scope: 'old' });
        const second = want({ key: 'a', scope: 'new', seq: 2, token: 'mine', blob: 'b2' });
        await state.swap('wants', first, undefined);
        expect(await state.swap('wants', second, first)).toBe(true);
        expect(await standing('a')).toEqual(second);
        expect(await allRows(state, 'old')).toEqual([]);
        expect(await allRows(state, 'new')).toEqual([second]);
      });

      test.each<[string, Stamp]>([
        ['another seq', { seq: 2, token: 'token' }],
        ['another token', { seq: 1, token: 'other' }],
      ])('over %s than the one that stands nothing is written', async (_, over) => {
        await state.swap('wants', want({ key: 'a' }), undefined);
        expect(await state.swap('wants', want({ key: 'a', seq: 3, token: 'mine' }), over)).toBe(false);
        expect(await standing('a')).toEqual(want({ key: 'a' }));
      });

      test('over a stamp nothing is written where no row stands', async () => {
        expect(await state.swap('wants', want({ key: 'a', seq: 2 }), { seq: 1, token: 'token' })).toBe(false);
        expect(await standing('a')).toBeUndefined();
      });

      test('repeated after its answer was lost it is still won, as long as nobody wrote since', async () => {
        const first = want({ key: 'a' });
        const second = want({ key: 'a', seq: 2, token: 'mine' });
        expect(await state.swap('wants', first, undefined)).toBe(true);
        expect(await state.swap('wants', first, undefined)).toBe(true);
        expect(await state.swap('wants', second, first)).toBe(true);
        expect(await state.swap('wants', second, first)).toBe(true);
        await state.swap('wants', want({ key: 'a', seq: 3, token: 'other' }), second);
        expect(await state.swap('wants', second, first)).toBe(false);
        expect((await standing('a'))?.seq).toBe(3);
      });

      test('the seq may stay or fall: only the stamp decides', async () => {
        const first = want({ key: 'a', seq: 5 });
        await state.swap('wants', first, undefined);
        const same = want({ key: 'a', seq: 5, token: 'again' });
        expect(await state.swap('wants', same, first)).toBe(true);
        expect(await state.swap('wants', want({ key: 'a', seq: 4, token: 'lower' }), same)).toBe(true);
        expect((await standing('a'))?.seq).toBe(4);
      });

      test('of many that race over one stamp exactly one wins', async () => {
        const first = want({ key: 'a' });
        await state.swap('wants', first, undefined);
        const racing = Array.from({ length: 12 }, (_, i) => want({ key: 'a', seq: 2, token: `racer ${i}` }));
        const won = await Promise.all(racing.map((row) => state.swap('wants', row, first)));
        expect(won.filter(Boolean)).toHaveLength(1);
        expect((await standing('a'))?.token).toBe(racing[won.indexOf(true)]?.token);
      });

      test('of many that race to be the first exactly one wins', async () => {
        const racing = Array.from({ length: 12 }, (_, i) => want({ key: 'a', token: `racer ${i}` }));
        const won = await Promise.all(racing.map((row) => state.swap('wants', row, undefined)));
        expect(won.filter(Boolean)).toHaveLength(1);
        expect((await standing('a'))?.token).toBe(racing[won.indexOf(true)]?.token);
      });
    });

    describe('raise', () => {
      test('rows that are absent or stand lower are written, equal and higher ones are left', async () => {
        await state.raise('wants', [
          want({ key: 'lower', seq: 4 }),
          want({ key: 'equal', seq: 5 }),
          want({ key: 'higher', seq: 6 }),
        ]);
        const keys = ['absent', 'lower', 'equal', 'higher'];
        await state.raise(
          'wants',
          keys.map((key) => want({ key, seq: 5, token: 'new', scope: 'moved' })),
        );
        const rows = await state.read('wants', keys);
        expect(keys.map((key) => rows.get(key)?.token)).toEqual(['new', 'new', 'token', 'token']);
        expect(keys.map((key) => rows.get(key)?.seq)).toEqual([5, 5, 5, 6]);
        expect((await allRows(state, 'moved')).map(({ key }) => key).sort()).toEqual(['absent', 'lower']);
      });

      test('repeated it changes nothing', async () => {
        const rows = [want({ key: 'a', seq: 2 }), want({ key: 'b', seq: 2 })];
        await state.raise('wants', rows);
        await state.raise('wants', rows);
        expect(await allRows(state, 'scope')).toHaveLength(2);
        await expect(state.raise('wants', [])).resolves.toBeUndefined();
      });

      test('whatever the order of arrival, the highest seq stands', async () => {
        const seqs = [3, 9, 1, 7, 5, 8, 2];
        await Promise.all(seqs.map((seq) => state.raise('wants', [want({ key: 'a', seq, token: `t${seq}` })])));
        expect(await standing('a')).toMatchObject({ seq: 9, token: 't9' });
      });
    });

    describe('remove', () => {
      test('only rows that still bear exactly their stamp go', async () => {
        const rows = ['exact', 'later', 'other token'].map((key) => want({ key }));
        await state.raise('wants', rows);
        await state.raise('wants', [want({ key: 'later', seq: 2 })]);
        await state.remove('wants', [
          { key: 'exact', seq: 1, token: 'token' },
          { key: 'later', seq: 1, token: 'token' },
          { key: 'other token', seq: 1, token: 'not this' },
          { key: 'missing', seq: 1, token: 'token' },
        ]);
        expect((await allRows(state, 'scope')).map(({ key }) => key).sort()).toEqual(['later', 'other token']);
      });

      test('repeated it changes nothing, and a row written since stays', async () => {
        const row = want({ key: 'a' });
        await state.raise('wants', [row]);
        await state.remove('wants', [row]);
        await state.remove('wants', [row]);
        expect(await standing('a')).toBeUndefined();
        await state.swap('wants', want({ key: 'a', token: 'new' }), undefined);
        await state.remove('wants', [row]);
        expect((await standing('a'))?.token).toBe('new');
      });

      test('other tables keep their rows', async () => {
        await state.raise('missing', [{ key: 'a', scope: 's', seq: 1, token: 'token', value: { blob: 'b' } }]);
        await state.remove('wants', [{ key: 'a', seq: 1, token: 'token' }]);
        expect((await state.read('missing', ['a'])).size).toBe(1);
      });
    });
  });
};

/** A state that remembers what was written to it, so that it can be removed. */
const clearing = (state: State): { readonly state: State; clear(): Promise<void> } => {
  const written = new Map<Table, Set<string>>();
  const remember = (table: Table, rows: readonly { readonly key: string }[]) => {
    const keys = written.get(table) ?? new Set();
    for (const { key } of rows) keys.add(key);
    written.set(table, keys);
  };
  return {
    state: {
      ...state,
      swap(table, row, over) {
        remember(table, [row]);
        return state.swap(table, row, over);
      },
      raise(table, rows) {
        remember(table, rows);
        return state.raise(table, rows);
      },
    },
    async clear() {
      for (const [table, keys] of written) {
        await state.remove(table, [...(await state.read(table, [...keys])).values()]);
      }
      written.clear();
    },
  };
};

const ODD_KEYS = [
  ['NUL', 'main\u00007\u0000main\u0000src/a.ts'],
  ['a byte that is not UTF-8', 'docs/caf\udce9.md'],
  ['bytes that are not UTF-8', '\udc80\udcff\udcc3'],
  ['letters of many scripts', 'Übergröße/日本語/😀.md'],
  ['quotes, line breaks and percent signs', 'a"b\'c\\d\ne\tf%_*g'],
] as const;

const want = (row: Partial<Omit<Row<'wants'>, 'value'>> & Partial<Pick<Want, 'blob'>>): Row<'wants'> => {
  const { key = 'key', scope = 'scope', seq = 1, token = 'token', blob = 'blob' } = row;
  return { key, scope, seq, token, value: { document: key, type: '100644', blob, rules: 'rules', seq } };
};

const allRows = async (state: State, scope: string): Promise<Row<'wants'>[]> => {
  const rows = new Map<string, Row<'wants'>>();
  let cursor: string | undefined;
  do {
    const page = await state.page('wants', scope, cursor);
    for (const row of page.rows) rows.set(row.key, row);
    cursor = page.next;
  } while (cursor !== undefined);
  return [...rows.values()];
};
