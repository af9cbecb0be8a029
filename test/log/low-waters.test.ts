import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lowWaters } from '../../src/log/low-water.ts';

const marks = (waters: ReturnType<typeof lowWaters>) => Object.fromEntries(waters.marks());

describe('the marks of a reader', () => {
  it('are of the partitions that it was assigned, from where they start', () => {
    const waters = lowWaters();
    expect(marks(waters)).toEqual({});
    waters.assign(
      1,
      new Map([
        [0, 10],
        [2, 0],
      ]),
    );
    expect(marks(waters)).toEqual({ 0: 10, 2: 0 });
  });

  it('move each by itself', () => {
    const waters = lowWaters();
    waters.assign(
      1,
      new Map([
        [0, 10],
        [1, 10],
      ]),
    );
    const tickets = [waters.deliver(0, 10), waters.deliver(0, 11), waters.deliver(1, 15)];
    tickets[1]?.settle();
    expect(marks(waters)).toEqual({ 0: 10, 1: 10 });
    tickets[2]?.settle();
    expect(marks(waters)).toEqual({ 0: 10, 1: 16 });
    tickets[0]?.settle();
    expect(marks(waters)).toEqual({ 0: 12, 1: 16 });
  });

  it('are not moved by a ticket of an older assignment, even of the same offset', () => {
    const waters = lowWaters();
    waters.assign(1, new Map([[0, 5]]));
    const old = waters.deliver(0, 5);
    waters.assign(2, new Map([[0, 5]]));
    const again = waters.deliver(0, 5);
    expect([old.epoch, again.epoch]).toEqual([1, 2]);
    old.settle();
    expect(marks(waters)).toEqual({ 0: 5 });
    again.settle();
    expect(marks(waters)).toEqual({ 0: 6 });
  });

  it('know nothing of partitions that were taken away', () => {
    const waters = lowWaters();
    waters.assign(
      1,
      new Map([
        [0, 0],
        [1, 0],
      ]),
    );
    const ticket = waters.deliver(1, 0);
    waters.assign(2, new Map([[0, 0]]));
    ticket.settle();
    expect(marks(waters)).toEqual({ 0: 0 });
    expect(() => waters.deliver(1, 1)).toThrow(RangeError);
  });

  it('refuse a second settling, also of a ticket whose assignment is over', () => {
    const waters = lowWaters();
    waters.assign(1, new Map([[0, 0]]));
    const [one, two] = [waters.deliver(0, 0), waters.deliver(0, 1)];
    one.settle();
    expect(() => one.settle()).toThrow('settled a second time');
    two.settle();
    waters.assign(2, new Map([[0, 2]]));
    expect(() => two.settle()).toThrow('settled a second time');
    expect(marks(waters)).toEqual({ 0: 2 });
  });

  it('refuse a delivery before any assignment', () => {
    expect(() => lowWaters().deliver(0, 0)).toThrow(RangeError);
  });

  it('never pass what is unsettled in the assignment that holds, however often that changes', () => {
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ deliver: fc.nat(2) }) },
      { weight: 6, arbitrary: fc.record({ settle: fc.nat() }) },
      { weight: 1, arbitrary: fc.record({ assign: fc.subarray([0, 1, 2]) }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const waters = lowWaters();
        const committed = [0, 0, 0];
        const settled = [0, 1, 2].map(() => new Set<number>());
        let epoch = 0;
        let next = new Map<number, number>();
        const out: { settle(): void; partition: number; offset: number }[] = [];
        for (const one of steps) {
          if ('assign' in one) {
            epoch += 1;
            next = new Map(one.assign.map((partition) => [partition, committed[partition] ?? 0]));
            waters.assign(epoch, next);
          } else if ('deliver' in one) {
            const offset = next.get(one.deliver);
            if (offset === undefined) continue;
            next.set(one.deliver, offset + 1);
            const ticket = waters.deliver(one.deliver, offset);
            expect(ticket.epoch).toBe(epoch);
            out.push({ settle: ticket.settle, partition: one.deliver, offset });
          } else if (out.length > 0) {
            const [ticket] = out.splice(one.settle % out.length, 1);
            ticket?.settle();
            if (ticket) settled[ticket.partition]?.add(ticket.offset);
          }
          for (const [partition, mark] of waters.marks()) {
            expect(mark).toBeGreaterThanOrEqual(committed[partition] ?? 0);
            committed[partition] = mark;
            for (let offset = 0; offset < mark; offset += 1) expect(settled[partition]).toContain(offset);
          }
        }
      }),
    );
  });
});
