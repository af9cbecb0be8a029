import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { creditWindow, type Lane, type Window } from '../../src/operators/window.ts';
import { MIB } from '../../src/units.ts';

const LIMITS = { records: 100, bytes: 8 * MIB };

interface Entered {
  readonly lane: Lane;
  readonly bytes: number;
  readonly name: string;
}

/** A window with all that has entered it and not left, in the order of entering. */
const watched = (limits = LIMITS) => {
  const window = creditWindow(limits);
  const inside: Entered[] = [];
  const order: string[] = [];
  const waiting = new Set<string>();
  let asked = 0;
  return {
    window,
    inside,
    order,
    waiting,
    /** Asks for credits, without waiting for them. */
    ask(lane: Lane, bytes: number, name = `${lane} ${asked}`) {
      asked += 1;
      waiting.add(name);
      window.acquire(bytes, lane).then(() => {
        waiting.delete(name);
        order.push(name);
        inside.push({ lane, bytes, name });
      });
    },
    leave(at: number) {
      const [left] = inside.splice(at, 1);
      if (left) window.release(left.bytes, left.lane);
    },
  };
};

const settled = async () => {
  for (let turn = 0; turn < 4; turn += 1) await Promise.resolve();
};

const heldBy = (inside: readonly Entered[]) => ({
  records: inside.length,
  bytes: inside.reduce((sum, { bytes }) => sum + bytes, 0),
});

const size = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 64 * 1024 }) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 4 * MIB }) },
  { weight: 1, arbitrary: fc.constantFrom(0, 8 * MIB - 1, 8 * MIB) },
);
const lane = fc.constantFrom<Lane>('live', 'backfill');
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ lane, bytes: size }) },
  { weight: 2, arbitrary: fc.record({ leave: fc.nat() }) },
);

describe('a window of 100 records and 8 MiB', () => {
  it('never holds more, whatever the sizes and lanes, says what it holds, and is back at zero at rest', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 400 }), async (steps) => {
        const { window, inside, waiting, ask, leave } = watched();
        const check = async () => {
          await settled();
          expect(window.held()).toEqual(heldBy(inside));
          expect(inside.length).toBeLessThanOrEqual(LIMITS.records);
          expect(window.held().bytes).toBeLessThanOrEqual(LIMITS.bytes);
        };
        for (const one of steps) {
          if ('lane' in one) ask(one.lane, one.bytes);
          else if (inside.length > 0) leave(one.leave % inside.length);
          await check();
        }
        // Nothing is left waiting for ever, in whatever order things leave.
        while (inside.length > 0) {
          leave(0);
          await check();
        }
        expect([...waiting]).toEqual([]);
        expect(window.held()).toEqual({ records: 0, bytes: 0 });
      }),
      { numRuns: 150 },
    );
  });

  it('lets each lane in the order of its asking', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.record({ lane, bytes: size }), { maxLength: 250 }), fc.nat(), async (asks, from) => {
        const { inside, order, ask, leave } = watched();
        for (const [at, { lane: by, bytes }] of asks.entries()) ask(by, bytes, `${by} ${at}`);
        await settled();
        for (let at = from; inside.length > 0; at += 7) {
          leave(at % inside.length);
          await settled();
        }
        for (const by of ['live', 'backfill']) {
          const asked = asks.flatMap((one, at) => (one.lane === by ? [`${by} ${at}`] : []));
          expect(order.filter((name) => name.startsWith(by))).toEqual(asked);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('lets 100 small records in, and the next one only when one of them has left', async () => {
    const { inside, ask, leave } = watched();
    for (let count = 0; count < 101; count += 1) ask('live', 10);
    await settled();
    expect(inside).toHaveLength(100);
    leave(40);
    await settled();
    expect(inside.at(-1)?.name).toBe('live 100');
  });

  it('lets nobody who comes later pass one who waits for room', async () => {
    const { inside, ask, leave } = watched();
    ask('live', 5 * MIB, 'first');
    ask('live', 5 * MIB, 'large');
    ask('live', 1, 'small');
    await settled();
    expect(inside.map(({ name }) => name)).toEqual(['first']);
    leave(0);
    await settled();
    expect(inside.map(({ name }) => name)).toEqual(['large', 'small']);
  });

  it('refuses what can never fit, and is none the fuller for it', async () => {
    const window = creditWindow(LIMITS);
    expect(() => window.acquire(8 * MIB + 1, 'live')).toThrow(RangeError);
    expect(window.held()).toEqual({ records: 0, bytes: 0 });
    await window.acquire(8 * MIB, 'live');
    expect(window.held()).toEqual({ records: 1, bytes: 8 * MIB });
  });

  it('lets live go first as long as backfill has its tenth', async () => {
    const { inside, ask, leave } = watched();
    for (let count = 0; count < 200; count += 1) ask('backfill', 10);
    for (let count = 0; count < 200; count += 1) ask('live', 10);
    await settled();
    expect(inside.every((one) => one.lane === 'backfill')).toBe(true);
    for (let count = 0; count < 90; count += 1) {
      leave(0);
      await settled();
      expect(inside.at(-1)?.lane).toBe('live');
    }
  });
});

/** As a flow does: each lane always has one more record waiting, and what is inside leaves oldest first. */
const busy = async (
  { window, inside, waiting, ask, leave }: ReturnType<typeof watched>,
  sizes: Readonly<Record<Lane, number>>,
  rounds: number,
) => {
  const entered = { live: 0, backfill: 0 };
  let most = 0;
  for (let round = 0; round < rounds; round += 1) {
    for (const by of ['live', 'backfill'] as const) {
      while (![...waiting].some((name) => name.startsWith(by))) {
        ask(by, sizes[by]);
        await settled();
      }
    }
    const before = inside.length;
    leave(0);
    await settled();
    for (const { lane: by } of inside.slice(before - 1)) entered[by] += 1;
    most = Math.max(most, inside.filter((one) => one.lane === 'backfill').length);
    expect(window.held().records).toBeLessThanOrEqual(LIMITS.records);
  }
  return { entered, most };
};

const full = async (by: Lane, bytes: number): Promise<ReturnType<typeof watched>> => {
  const one = watched();
  for (let count = 0; count < 100; count += 1) one.ask(by, bytes);
  await settled();
  return one;
};

const ofLane = ({ inside }: { inside: readonly Entered[] }, by: Lane) => inside.filter((one) => one.lane === by).length;

describe('two lanes that are never empty', () => {
  it('share the records: a tenth is backfill, the rest live, whoever had them before', async () => {
    for (const before of ['live', 'backfill'] as const) {
      const one = await full(before, 10);
      await busy(one, { live: 10, backfill: 10 }, 300);
      expect(ofLane(one, 'backfill')).toBe(10);
      expect(ofLane(one, 'live')).toBe(90);
    }
  });

  it('let backfill in although its records are large and live has filled the window with small ones', async () => {
    for (const large of [4 * MIB, 8 * MIB]) {
      const one = await full('live', 80 * 1024);
      const { entered } = await busy(one, { live: 80 * 1024, backfill: large }, 1_000);
      expect(entered.backfill).toBeGreaterThan(3);
    }
  });

  it('let live in although its records are large and backfill has filled the window', async () => {
    for (const large of [10, 2 * MIB, 8 * MIB]) {
      const one = await full('backfill', 80 * 1024);
      const { entered } = await busy(one, { live: large, backfill: 80 * 1024 }, 1_000);
      expect(entered.live).toBeGreaterThan(3);
    }
  });

  it.each([
    ['half the window', 4 * MIB],
    ['a quarter of it', 2 * MIB],
    ['all of it', 8 * MIB],
    ['more than half', 5 * MIB],
  ])('let both in when each record of both takes %s', async (_, bytes) => {
    const one = watched();
    for (let count = 0; count < 10; count += 1) one.ask('backfill', bytes);
    await settled();
    const { entered } = await busy(one, { live: bytes, backfill: bytes }, 200);
    expect(entered.live).toBeGreaterThanOrEqual(90);
    expect(entered.backfill).toBeGreaterThan(3);
  });

  it('leave live what is beyond a tenth of the bytes as well', async () => {
    const one = watched();
    const { entered } = await busy(one, { live: 2 * MIB, backfill: 2 * MIB }, 200);
    expect(entered.backfill).toBeGreaterThan(3);
    expect(entered.live).toBeGreaterThan(2 * entered.backfill);
  });

  it('let live in although each record of backfill takes all of the window', async () => {
    const one = watched();
    one.ask('backfill', 8 * MIB);
    await settled();
    const { entered } = await busy(one, { live: 10, backfill: 8 * MIB }, 200);
    expect(entered.live).toBeGreaterThan(20);
    expect(entered.backfill).toBeGreaterThan(3);
  });

  it('let neither wait for more than a window of the other', async () => {
    await fc.assert(
      fc.asyncProperty(size, size, fc.constantFrom<Lane>('live', 'backfill'), async (live, backfill, waits) => {
        const other: Lane = waits === 'live' ? 'backfill' : 'live';
        const sizes = { live, backfill };
        const one = watched();
        for (let count = 0; count < 110; count += 1) one.ask(other, sizes[other]);
        await settled();
        one.ask(waits, sizes[waits], `${waits} waits`);
        let leaving = 0;
        while (!one.order.includes(`${waits} waits`)) {
          expect(one.inside.length).toBeGreaterThan(0);
          one.ask(other, sizes[other]);
          one.leave(0);
          leaving += 1;
          await settled();
          expect(leaving).toBeLessThanOrEqual(200);
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe('a window of one record', () => {
  it('is shared by both lanes in turn', async () => {
    const one = watched({ records: 1, bytes: 100 });
    const { entered } = await busy(one, { live: 1, backfill: 1 }, 100);
    expect(entered.live).toBeGreaterThanOrEqual(25);
    expect(entered.backfill).toBeGreaterThanOrEqual(25);
  });

  it('holds exactly one', async () => {
    const window: Window = creditWindow({ records: 1, bytes: 100 });
    await window.acquire(1, 'live');
    let entered = false;
    window.acquire(1, 'live').then(() => {
      entered = true;
    });
    await settled();
    expect(entered).toBe(false);
    window.release(1, 'live');
    await settled();
    expect(entered).toBe(true);
  });
});
