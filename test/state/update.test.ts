import { describe, expect, it } from 'vitest';
import type { Row, State } from '../../src/ports.ts';
import { replace, update } from '../../src/state/update.ts';
import { fakeTime } from '../support/fake-time.ts';
import { memoryState } from '../support/memory-state.ts';

/** Each read is followed by a write of somebody else, as long as there are any. */
const contested = (others: readonly number[]) => {
  const memory = memoryState();
  const time = fakeTime();
  const left = [...others];
  const state: State = {
    ...memory,
    async read(table, keys) {
      const found = await memory.read(table, keys);
      const tokens = left.shift();
      if (tokens !== undefined) {
        const over = memory.inspectOne('budgets', 'day');
        const seq = (over?.seq ?? 0) + 1;
        await memory.swap('budgets', { key: 'day', scope: 'budgets', seq, token: `o${seq}`, value: { tokens } }, over);
      }
      return found;
    },
  };
  return { writer: { state, time }, standing: () => memory.inspectOne('budgets', 'day') };
};

const spend = (row: { readonly tokens: number } | undefined) => ({ tokens: (row?.tokens ?? 0) + 1 });

describe('an update', () => {
  it('writes the first row of a key at the seq 1', async () => {
    const { writer, standing } = contested([]);
    const { before, after } = await update(writer, 'budgets', 'day', spend);
    expect(before).toBeUndefined();
    expect(after).toEqual({ key: 'day', scope: 'budgets', seq: 1, token: 'token-1', value: { tokens: 1 } });
    expect(standing()).toEqual(after);
  });

  it('is made again of what others have written in between, and none of their writes is lost', async () => {
    const { writer, standing } = contested([10, 20]);
    const { before, after } = await update(writer, 'budgets', 'day', spend);
    expect(before).toMatchObject({ seq: 2, token: 'o2', value: { tokens: 20 } });
    expect(after).toMatchObject({ seq: 3, value: { tokens: 21 } });
    expect(standing()).toEqual(after);
  });

  it('bears a token of its own at each try, so that a write of another one is never taken for its own', async () => {
    const { writer, standing } = contested([10, 20]);
    await update(writer, 'budgets', 'day', spend);
    expect(standing()?.token).toBe('token-3');
  });

  it('leaves the row where the change answers nothing, and tells what stands', async () => {
    const { writer, standing } = contested([10]);
    const seen: (Row<'budgets'>['value'] | undefined)[] = [];
    const updated = await update(writer, 'budgets', 'day', (row) => {
      seen.push(row);
      return row ? undefined : spend(row);
    });
    expect(seen).toEqual([undefined, { tokens: 10 }]);
    expect(updated.after).toEqual(standing());
    expect(updated.before).toEqual(standing());
    expect(standing()).toMatchObject({ seq: 1, token: 'o1' });
  });

  it('takes the seq that it is given, counted from the row that it stands over', async () => {
    const { writer } = contested([10]);
    const { after } = await update(writer, 'budgets', 'day', spend, (next) => Math.max(next, 7));
    expect(after.seq).toBe(7);
    expect((await update(writer, 'budgets', 'day', spend, (next) => Math.max(next, 7))).after.seq).toBe(8);
  });
});

describe('a replacement', () => {
  it('writes once, and nothing where somebody else was faster', async () => {
    const { writer, standing } = contested([]);
    const first = await replace(writer, 'budgets', 'day', { read: undefined, value: { tokens: 1 } });
    const second = await replace(writer, 'budgets', 'day', { read: first, value: { tokens: 2 } });
    expect(second).toMatchObject({ seq: 2, value: { tokens: 2 } });
    expect(await replace(writer, 'budgets', 'day', { read: first, value: { tokens: 9 } })).toBeUndefined();
    expect(await replace(writer, 'budgets', 'day', { read: undefined, value: { tokens: 9 } })).toBeUndefined();
    expect(standing()).toEqual(second);
  });
});
