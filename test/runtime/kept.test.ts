import { describe, expect, it } from 'vitest';
import { kept } from '../../src/runtime/kept.ts';

describe('what is kept', () => {
  it('is computed once for all who ask meanwhile and soon after, and anew later', async () => {
    let computed = 0;
    let give: (value: number) => void = () => {};
    const ask = kept(() => {
      computed += 1;
      return new Promise<number>((resolve) => {
        give = resolve;
      });
    }, 50);
    const waiting = Array.from({ length: 40 }, ask);
    give(1);
    expect(new Set(await Promise.all(waiting))).toEqual(new Set([1]));
    await ask();
    expect(computed).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 200));
    const later = ask();
    give(2);
    expect([await later, computed]).toEqual([2, 2]);
  });

  it('is not what has failed: who asks next has it computed again', async () => {
    let computed = 0;
    const ask = kept(async () => {
      computed += 1;
      if (computed === 1) throw new Error('the store is away');
      return computed;
    }, 60_000);
    await expect(ask()).rejects.toThrow('away');
    expect(await ask()).toBe(2);
    expect(await ask()).toBe(2);
  });
});
