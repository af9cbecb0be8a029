import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lowWater } from '../../src/log/low-water.ts';

/** Offsets as a log hands them out: rising, with gaps where compaction was. */
const offsets = (start: number, gaps: readonly number[]) => {
  let next = start;
  return gaps.map((gap) => {
    const offset = next + gap;
    next = offset + 1;
    return offset;
  });
};

const history = fc.record({
  start: fc.nat(1_000_000),
  gaps: fc.array(fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.nat(50)), { maxLength: 200 }),
  /** At each step: deliver the next one, or settle one of those that are out. */
  steps: fc.array(fc.oneof(fc.constant(undefined), fc.nat()), { maxLength: 500 }),
});

describe('the low-water mark', () => {
  it('never passes an unsettled delivery, never falls, and is behind every settled one below it', () => {
    fc.assert(
      fc.property(history, ({ start, gaps, steps }) => {
        const low = lowWater(start);
        const coming = offsets(start, gaps);
        const out: number[] = [];
        const settled: number[] = [];
        let before = low.mark();
        for (const step of steps) {
          if (step === undefined) {
            const offset = coming.shift();
            if (offset === undefined) continue;
            low.deliver(offset);
            out.push(offset);
          } else if (out.length > 0) {
            const [offset = 0] = out.splice(step % out.length, 1);
            low.settle(offset);
            settled.push(offset);
          }
          expect(low.mark()).toBeGreaterThanOrEqual(before);
          before = low.mark();
          const oldest = Math.min(...out);
          expect(low.mark()).toBeLessThanOrEqual(oldest);
          for (const offset of settled) if (offset < oldest) expect(low.mark()).toBeGreaterThan(offset);
        }
      }),
    );
  });

  it('comes to stand behind the last delivery once all are settled, in whatever order', () => {
    const deliveries = fc.array(fc.nat(20), { minLength: 1, maxLength: 3000 });
    fc.assert(
      fc.property(fc.nat(1000), deliveries, fc.infiniteStream(fc.nat()), (start, gaps, random) => {
        const all = offsets(start, gaps);
        const low = lowWater(start);
        for (const offset of all) low.deliver(offset);
        const out = [...all];
        for (const at of random) {
          if (out.length === 0) break;
          low.settle(out.splice(at % out.length, 1)[0] ?? 0);
        }
        expect(low.mark()).toBe((all.at(-1) ?? 0) + 1);
      }),
      { numRuns: 20 },
    );
  });

  it('starts anew with each assignment, from the mark of the one before, and loses nothing', () => {
    const epochs = fc.array(fc.array(fc.nat(), { maxLength: 40 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(fc.array(fc.nat(5), { minLength: 1, maxLength: 100 }), epochs, (gaps, choices) => {
        const log = offsets(0, gaps);
        const done = new Set<number>();
        let committed = 0;
        for (const settles of choices) {
          const low = lowWater(committed);
          const out = log.filter((offset) => offset >= committed).slice(0, 30);
          for (const offset of out) low.deliver(offset);
          for (const at of settles) {
            if (out.length === 0) break;
            const [offset = 0] = out.splice(at % out.length, 1);
            low.settle(offset);
            done.add(offset);
          }
          expect(low.mark()).toBeGreaterThanOrEqual(committed);
          committed = low.mark();
          for (const offset of log) if (offset < committed) expect(done).toContain(offset);
        }
      }),
    );
  });

  it('refuses a second settling, a settling of what was never delivered, and a delivery out of order', () => {
    fc.assert(
      fc.property(fc.nat(1000), fc.nat(50), (start, gap) => {
        const low = lowWater(start);
        expect(() => low.settle(start + gap)).toThrow(RangeError);
        low.deliver(start + gap);
        expect(() => low.deliver(start + gap)).toThrow(RangeError);
        expect(() => low.settle(start + gap + 1)).toThrow(RangeError);
        low.settle(start + gap);
        expect(() => low.settle(start + gap)).toThrow(RangeError);
        expect(() => low.deliver(start + gap)).toThrow(RangeError);
        expect(low.mark()).toBe(start + gap + 1);
      }),
    );
  });

  it('does not count a settling that came before its delivery', () => {
    const low = lowWater(0);
    expect(() => low.settle(1)).toThrow(RangeError);
    low.deliver(0);
    low.deliver(1);
    low.settle(0);
    expect(low.mark()).toBe(1);
  });
});
