import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { deliveries, type Intake, type Lent, sizeOf, type Taking } from '../../src/operators/deliveries.ts';
import { creditWindow } from '../../src/operators/window.ts';
import type { WindowLimits } from '../../src/parts.ts';
import type { Delivery, Reader } from '../../src/ports.ts';
import { quiet } from '../support/fake-time.ts';

interface Source {
  readonly reader: Reader;
  /** How many records were asked for, given ones and the one that is waited for. */
  asked(): number;
  readonly settled: number[];
  give(...sizes: number[]): void;
  fail(error: unknown): void;
  end(): void;
}

/** A reader in the hands of the test, that counts how far it was read. */
const source = (): Source => {
  const ready: (Delivery | { readonly error: unknown } | undefined)[] = [];
  const settled: number[] = [];
  let asked = 0;
  let given = 0;
  let wake = () => {};
  const push = (item: (typeof ready)[number]) => {
    ready.push(item);
    wake();
  };
  const next = async (): Promise<IteratorResult<Delivery>> => {
    asked += 1;
    while (ready.length === 0) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    const item = ready.shift();
    if (item === undefined) return { done: true, value: undefined };
    if ('error' in item) throw item.error;
    return { done: false, value: item };
  };
  return {
    reader: {
      held: () => new Set([0]),
      async close() {},
      [Symbol.asyncIterator]: () => ({ next }),
    },
    asked: () => asked,
    settled,
    give(...sizes) {
      for (const size of sizes) {
        const offset = given;
        given += 1;
        const out = new Set([offset]);
        push({
          ...{ topic: 't', partition: 0, offset, key: '', headers: {}, timestamp: 0, epoch: 1 },
          value: new Uint8Array(size),
          settle() {
            if (!out.delete(offset)) throw new Error(`offset ${offset}: settled a second time`);
            settled.push(offset);
          },
        });
      }
    },
    fail: (error) => push({ error }),
    end: () => push(undefined),
  };
};

const taking: Taking<Lent> = { parse: (delivery) => delivery };

const flow = (
  intakes: readonly (Partial<Intake> & { readonly reader: Reader })[],
  limits: WindowLimits,
  how: Taking<Lent> = taking,
) => {
  const window = creditWindow(limits);
  const stop = new AbortController();
  const out: Lent[] = [];
  const ends: unknown[] = [];
  const lanes = intakes.map((intake) => ({ lane: 'live' as const, ...intake }));
  const subscription = deliveries(lanes, window, stop.signal, how).subscribe({
    next: (delivery) => out.push(delivery),
    error: (error) => ends.push(error),
    complete: () => ends.push('complete'),
  });
  return { window, stop, out, ends, subscription };
};

const offsets = (out: readonly Lent[]) => out.map(({ offset }) => offset);

describe('taking deliveries', () => {
  it('reads one record further than what holds credits, and not more', async () => {
    const from = source();
    from.give(...Array.from({ length: 50 }, () => 10));
    const { out, window } = flow([from], { records: 3, bytes: 1_000 });
    await quiet();
    expect(offsets(out)).toEqual([0, 1, 2]);
    expect(from.asked()).toBe(4);
    expect(window.held()).toEqual({ records: 3, bytes: 30 });
    out[1]?.settle();
    await quiet();
    expect(offsets(out)).toEqual([0, 1, 2, 3]);
    expect(from.asked()).toBe(5);
  });

  it('is bounded by bytes as well', async () => {
    const from = source();
    from.give(60, 30, 20, 5);
    const { out, window } = flow([from], { records: 100, bytes: 100 });
    await quiet();
    expect(offsets(out)).toEqual([0, 1]);
    expect(from.asked()).toBe(3);
    out[0]?.settle();
    await quiet();
    expect(offsets(out)).toEqual([0, 1, 2, 3]);
    expect(window.held()).toEqual({ records: 3, bytes: 55 });
  });

  it('waits for a record that is not there yet', async () => {
    const from = source();
    const { out } = flow([from], { records: 3, bytes: 100 });
    await quiet();
    expect(out).toEqual([]);
    from.give(1);
    await quiet();
    expect(offsets(out)).toEqual([0]);
  });

  it('counts the key and the headers of a record, too', () => {
    const record = { topic: 't', partition: 0, offset: 0, key: 'four', value: null, timestamp: 0 };
    expect(sizeOf({ ...record, headers: {} })).toBe(4);
    expect(sizeOf({ ...record, headers: { ab: 'cde' } })).toBe(9);
    expect(sizeOf({ ...record, headers: {}, value: new Uint8Array(7) })).toBe(11);
  });

  it('holds what the work on a delivery holds beside it, and gives all of that back', async () => {
    const from = source();
    from.give(10, 10);
    const { out, window } = flow([from], { records: 10, bytes: 100 }, { ...taking, alsoHolds: () => 45 });
    await quiet();
    expect(offsets(out)).toEqual([0]);
    expect(window.held()).toEqual({ records: 1, bytes: 55 });
    out[0]?.settle();
    await quiet();
    expect(offsets(out)).toEqual([0, 1]);
    out[1]?.settle();
    expect(window.held()).toEqual({ records: 0, bytes: 0 });
  });

  it('lets work that holds more than the window go alone', async () => {
    const from = source();
    from.give(10, 10);
    const { out, window } = flow([from], { records: 10, bytes: 100 }, { ...taking, alsoHolds: () => 1_000_000 });
    await quiet();
    expect(offsets(out)).toEqual([0]);
    expect(out[0]?.oversized).toBe(false);
    expect(window.held()).toEqual({ records: 1, bytes: 100 });
    out[0]?.settle();
    await quiet();
    expect(offsets(out)).toEqual([0, 1]);
  });

  it('lends a record that is larger than the window without its value, and settles it like any other', async () => {
    const from = source();
    from.give(101, 100);
    const { out, window } = flow([from], { records: 10, bytes: 100 });
    await quiet();
    expect(out.map(({ oversized, value }) => [oversized, value?.byteLength])).toEqual([
      [true, undefined],
      [false, 100],
    ]);
    expect(window.held()).toEqual({ records: 2, bytes: 100 });
    for (const delivery of out) delivery.settle();
    expect(from.settled).toEqual([0, 1]);
    expect(window.held()).toEqual({ records: 0, bytes: 0 });
  });

  it('settles a delivery and releases its credits exactly once', async () => {
    const from = source();
    from.give(10, 20);
    const { out, window } = flow([from], { records: 10, bytes: 100 });
    await quiet();
    out[0]?.settle();
    expect(window.held()).toEqual({ records: 1, bytes: 20 });
    expect(() => out[0]?.settle()).toThrow('a second time');
    expect(window.held()).toEqual({ records: 1, bytes: 20 });
    expect(from.settled).toEqual([0]);
  });

  it('goes on with one lane while the other one waits to be admitted', async () => {
    const [live, backfill] = [source(), source()];
    live.give(1, 1);
    backfill.give(1);
    let admit = () => {};
    const admitted = new Promise<void>((resolve) => {
      admit = resolve;
    });
    const lane = { ...backfill, lane: 'backfill' as const, admit: () => admitted };
    const { out, window } = flow([live, lane], { records: 10, bytes: 100 });
    await quiet();
    expect(out).toHaveLength(2);
    expect(window.held().records).toBe(2);
    admit();
    await quiet();
    expect(out).toHaveLength(3);
  });

  it('completes when all its readers have ended', async () => {
    const [one, two] = [source(), source()];
    const { ends } = flow([one, two], { records: 10, bytes: 100 });
    one.end();
    await quiet();
    expect(ends).toEqual([]);
    two.end();
    await quiet();
    expect(ends).toEqual(['complete']);
  });
});

describe('stopping', () => {
  it('takes nothing when it was stopped before', async () => {
    const from = source();
    from.give(1);
    const stop = AbortSignal.abort();
    const ends: string[] = [];
    const window = creditWindow({ records: 1, bytes: 10 });
    deliveries([{ lane: 'live', reader: from.reader }], window, stop, taking).subscribe({
      next: () => ends.push('delivery'),
      complete: () => ends.push('complete'),
    });
    await quiet();
    expect(ends).toEqual(['complete']);
    expect(from.asked()).toBe(0);
  });

  it('ends while it waits for a record, and lets nothing in that comes later', async () => {
    const from = source();
    const { out, ends, stop, window } = flow([from], { records: 3, bytes: 100 });
    await quiet();
    stop.abort();
    await quiet();
    expect(ends).toEqual(['complete']);
    from.give(1);
    await quiet();
    expect(out).toEqual([]);
    expect(window.held()).toEqual({ records: 0, bytes: 0 });
  });

  it('ends while a record waits to be admitted', async () => {
    const from = source();
    from.give(1);
    let admit = () => {};
    const admitted = new Promise<void>((resolve) => {
      admit = resolve;
    });
    const { out, ends, stop, window } = flow([{ ...from, admit: () => admitted }], { records: 3, bytes: 100 });
    await quiet();
    stop.abort();
    await quiet();
    expect(ends).toEqual(['complete']);
    admit();
    await quiet();
    expect(out).toEqual([]);
    expect(window.held()).toEqual({ records: 0, bytes: 0 });
    expect(from.settled).toEqual([]);
  });

  it('ends although it was stopped by the very record that then waits to be admitted', async () => {
    const from = source();
    const stop = new AbortController();
    const ends: string[] = [];
    const window = creditWindow({ records: 1, bytes: 10 });
    const parse = (delivery: Lent) => {
      stop.abort();
      return delivery;
    };
    const lanes = [{ lane: 'live' as const, reader: from.reader, admit: () => new Promise<void>(() => {}) }];
    deliveries(lanes, window, stop.signal, { parse }).subscribe({ complete: () => ends.push('complete') });
    from.give(1);
    await quiet();
    expect(ends).toEqual(['complete']);
    expect(window.held()).toEqual({ records: 0, bytes: 0 });
  });

  it('ends while a record waits for credits, which go back when they come', async () => {
    const from = source();
    from.give(60, 60);
    const { out, ends, stop, window } = flow([from], { records: 3, bytes: 100 });
    await quiet();
    stop.abort();
    await quiet();
    expect(ends).toEqual(['complete']);
    expect(window.held()).toEqual({ records: 1, bytes: 60 });
    // What is out may still settle.
    out[0]?.settle();
    await quiet();
    expect(window.held()).toEqual({ records: 0, bytes: 0 });
    expect(offsets(out)).toEqual([0]);
    expect(from.settled).toEqual([0]);
  });
});

describe('a reader that fails', () => {
  it('errors the stream, whatever the other lane does', async () => {
    const [one, two] = [source(), source()];
    one.give(1);
    const { out, ends } = flow([one, two], { records: 3, bytes: 100 });
    const error = new Error('the disk is gone');
    await quiet();
    two.fail(error);
    await quiet();
    expect(out).toHaveLength(1);
    expect(ends).toEqual([error]);
  });

  it('errors the stream when admission fails', async () => {
    const from = source();
    from.give(1);
    const error = new Error('nobody knows');
    const { out, ends } = flow([{ ...from, admit: () => Promise.reject(error) }], { records: 3, bytes: 100 });
    await quiet();
    expect(out).toEqual([]);
    expect(ends).toEqual([error]);
  });
});

it('keeps nothing of what has settled: the memory of a flow does not grow with what has gone through it', async () => {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  const from = source();
  const values: WeakRef<Uint8Array>[] = [];
  const window = creditWindow({ records: 5, bytes: 10_000 });
  const stop = new AbortController();
  const lent = (delivery: Lent) => {
    if (delivery.value) values.push(new WeakRef(delivery.value));
    delivery.settle();
  };
  deliveries([{ lane: 'live', reader: from.reader }], window, stop.signal, taking).subscribe(lent);
  from.give(...Array.from({ length: 500 }, () => 100));
  for (let turn = 0; turn < 50; turn += 1) await quiet();
  expect(values).toHaveLength(500);
  collectGarbage();
  await quiet();
  collectGarbage();
  expect(values.filter((value) => value.deref() !== undefined).length).toBeLessThan(50);
  stop.abort();
});
