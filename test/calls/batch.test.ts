import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Batching, batched } from '../../src/calls/batch.ts';
import { DeadLetter, TryAgain } from '../../src/errors.ts';
import { type FakeTime, fakeTime, quiet } from '../support/fake-time.ts';

interface Call {
  readonly items: readonly string[];
  answer(results?: readonly string[]): Promise<void>;
  refuse(error: unknown): Promise<void>;
}

/** Items are words, as large as they are long; each call waits until the test answers it. */
const bench = (options: Partial<Batching<string, string>> = {}) => {
  const time = fakeTime();
  const calls: Call[] = [];
  let open = 0;
  let most = 0;
  const call = batched<string, string>({
    run: (items) =>
      new Promise((resolve, reject) => {
        open += 1;
        most = Math.max(most, open);
        const end = (how: () => void) => {
          open -= 1;
          how();
          return quiet();
        };
        calls.push({
          items,
          answer: (results = items.map((item) => item.toUpperCase())) => end(() => resolve(results)),
          refuse: (error) => end(() => reject(error)),
        });
      }),
    size: (item) => item.length,
    maxSize: 10,
    maxItems: 4,
    parallel: 2,
    wait: { ms: 5, time },
    ...options,
  });
  return { time, calls, call, most: () => most };
};

const batches = (calls: readonly Call[]) => calls.map(({ items }) => items.join(' '));
const outcome = (work: Promise<string>) =>
  work.catch((error: unknown) => (error instanceof Error ? error.message : String(error)));

describe('a batch', () => {
  it('is sent as soon as its size is reached, without waiting', async () => {
    const { call, calls, time } = bench();
    for (const item of ['four', 'fives', 'x']) call(item);
    await quiet();
    expect(batches(calls)).toEqual(['four fives x']);
    expect(time.sleepers()).toBe(0);
  });

  it('is sent as soon as it has as many items as allowed', async () => {
    const { call, calls } = bench();
    for (const item of ['a', 'b', 'c', 'd', 'e']) call(item);
    await quiet();
    expect(batches(calls)).toEqual(['a b c d']);
  });

  it('leaves out what would make it too large', async () => {
    const { call, calls, time } = bench();
    for (const item of ['sixsix', 'sevenxx']) call(item);
    await quiet();
    expect(batches(calls)).toEqual(['sixsix']);
    await time.advance(5);
    expect(batches(calls)).toEqual(['sixsix', 'sevenxx']);
  });

  it('is larger than allowed only when one item alone is', async () => {
    const { call, calls } = bench();
    for (const item of ['x'.repeat(50), 'y'.repeat(50)]) call(item);
    await quiet();
    expect(calls.map(({ items }) => items.map((item) => item.length))).toEqual([[50], [50]]);
  });

  it('gives each caller its own result', async () => {
    const { call, calls, time } = bench();
    const results = Promise.all([call('one'), call('two')]);
    await time.advance(5);
    await calls[0]?.answer();
    expect(await results).toEqual(['ONE', 'TWO']);
  });
});

describe('the timer', () => {
  it('starts with the first item and sends what has come by then, also a tail that nothing follows', async () => {
    const { call, calls, time } = bench();
    call('a');
    await time.advance(3);
    call('b');
    await time.advance(1);
    expect(calls).toEqual([]);
    await time.advance(1);
    expect(batches(calls)).toEqual(['a b']);
    expect(time.slept).toEqual([5]);
  });

  it('does not run while nothing waits: not before the first item, and not behind the last', async () => {
    const { call, calls, time } = bench();
    await time.advance(1_000);
    expect(time.slept).toEqual([]);
    call('a');
    await time.advance(5);
    await calls[0]?.answer();
    await time.advance(1_000);
    expect(calls).toHaveLength(1);
    expect(time.sleepers()).toBe(0);
    expect(time.slept).toEqual([5]);
  });

  it('of a batch that was full in time does not send the next one early', async () => {
    const { call, calls, time } = bench();
    call('a');
    await time.advance(4);
    for (const item of ['b', 'c', 'd']) call(item);
    await quiet();
    expect(batches(calls)).toEqual(['a b c d']);
    call('e');
    await time.advance(4);
    expect(batches(calls)).toEqual(['a b c d']);
    await time.advance(1);
    expect(batches(calls)).toEqual(['a b c d', 'e']);
  });

  it('that ran out while all calls were busy sends as soon as one has ended', async () => {
    const { call, calls, time } = bench({ parallel: 1 });
    call('a');
    await time.advance(5);
    call('b');
    await time.advance(5);
    call('c');
    await quiet();
    expect(batches(calls)).toEqual(['a']);
    await calls[0]?.answer();
    expect(batches(calls)).toEqual(['a', 'b c']);
  });
});

describe('calls', () => {
  it('are at most so many at a time', async () => {
    const { call, calls, most } = bench();
    for (let count = 0; count < 20; count += 1) call('xxxxxxxxxx');
    await quiet();
    expect(calls).toHaveLength(2);
    for (let at = 0; at < 20; at += 1) await calls[at]?.answer();
    expect(calls).toHaveLength(20);
    expect(most()).toBe(2);
  });

  it('that fail give their error to each of their callers, and to nobody else', async () => {
    const { call, calls, time } = bench();
    const failing = Promise.all(['a', 'b', 'c', 'd'].map(call).map(outcome));
    const fine = outcome(call('e'));
    await time.advance(5);
    await calls[0]?.refuse(new TryAgain('no answer'));
    await calls[1]?.answer();
    expect(await failing).toEqual(Array(4).fill('no answer'));
    expect(await fine).toBe('E');
    expect(calls).toHaveLength(2);
  });

  it('that fail free their slot', async () => {
    const { call, calls } = bench({ parallel: 1 });
    const results = Promise.all(['xxxxxxxxxx', 'yyyyyyyyyy'].map(call).map(outcome));
    await quiet();
    await calls[0]?.refuse(new Error('broken'));
    await calls[1]?.answer();
    expect(await results).toEqual(['broken', 'YYYYYYYYYY']);
  });

  it('whose answer is too short are an error, and no caller waits for ever', async () => {
    const { call, calls, time } = bench();
    const results = Promise.all(['a', 'b'].map(call).map(outcome));
    await time.advance(5);
    await calls[0]?.answer(['A']);
    expect(await results).toEqual(Array(2).fill('asked for 2 results, got 1'));
  });
});

describe('poison', () => {
  it('is halved down to the one bad item, and every other one gets its result', async () => {
    const { call, calls, time } = bench({ maxItems: 8, maxSize: 100 });
    const results = Promise.all(['a', 'b', 'c', 'd', 'bad', 'f', 'g'].map(call).map(outcome));
    await time.advance(5);
    for (let at = 0; at < calls.length; at += 1) {
      const one = calls[at];
      if (one?.items.includes('bad')) await one.refuse(new DeadLetter('refused', 'it is bad'));
      else await one?.answer();
    }
    expect(await results).toEqual(['A', 'B', 'C', 'D', 'it is bad', 'F', 'G']);
    expect(batches(calls)).toEqual(['a b c d bad f g', 'a b c d', 'bad f g', 'bad f', 'bad', 'f', 'g']);
  });

  it('is what the caller takes for it, and no other failure divides a batch', async () => {
    const { call, calls, time } = bench({ isPoison: (error) => error instanceof TryAgain });
    const results = Promise.all(['a', 'b', 'c', 'd'].map(call).map(outcome));
    await time.advance(5);
    await calls[0]?.refuse(new TryAgain('one of them is bad'));
    await calls[1]?.refuse(new DeadLetter('refused', 'all of them are bad'));
    await calls[2]?.answer();
    expect(batches(calls)).toEqual(['a b c d', 'a b', 'c d']);
    expect(await results).toEqual(['all of them are bad', 'all of them are bad', 'C', 'D']);
  });

  it('that turns into another error on the way rejects only the half that met it', async () => {
    const { call, calls, time } = bench();
    const results = Promise.all(['a', 'b', 'c', 'd'].map(call).map(outcome));
    await time.advance(5);
    await calls[0]?.refuse(new DeadLetter('refused', 'it is bad'));
    await calls[1]?.refuse(new TryAgain('no answer'));
    await calls[2]?.answer();
    expect(await results).toEqual(['no answer', 'no answer', 'C', 'D']);
  });
});

const run = async (time: FakeTime, items: readonly { size: number; gap: number; bad: boolean }[], limits: object) => {
  const sent: number[][] = [];
  let [open, most] = [0, 0];
  const call = batched<number, number>({
    async run(numbers) {
      sent.push([...numbers]);
      open += 1;
      most = Math.max(most, open);
      await time.sleep(3);
      open -= 1;
      if (numbers.some((number) => items[number]?.bad)) throw new DeadLetter('refused', 'bad');
      return numbers.map((number) => -number);
    },
    size: (number) => items[number]?.size ?? 0,
    ...{ maxSize: 50, maxItems: 6, parallel: 2, wait: { ms: 5, time }, ...limits },
  });
  const answers: (number | string)[] = [];
  const calling = items.map(async ({ gap }, number) => {
    await time.sleep(gap);
    answers[number] = await call(number).catch((error: unknown) => String(error));
  });
  await time.finish(Promise.all(calling));
  return { sent, answers, most };
};

it('whatever comes whenever: no batch too large, as many at a time as allowed, one result each', async () => {
  const item = fc.record({ size: fc.nat(60), gap: fc.nat(40), bad: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(fc.array(item, { maxLength: 25 }), fc.integer({ min: 1, max: 3 }), async (items, parallel) => {
      const time = fakeTime();
      const { sent, answers, most } = await run(time, items, { parallel });
      for (const batch of sent) {
        const size = batch.reduce((sum, number) => sum + (items[number]?.size ?? 0), 0);
        expect(batch.length === 1 || size <= 50).toBe(true);
        expect(batch.length).toBeLessThanOrEqual(6);
      }
      expect(most).toBeLessThanOrEqual(parallel);
      expect(answers).toEqual(items.map(({ bad }, number) => (bad ? 'DeadLetter: bad' : -number)));
      expect(time.sleepers()).toBe(0);
      // Each good item is answered by the last batch that held it, and is in no batch after that.
      for (const [number, { bad }] of items.entries()) {
        const last = sent.filter((batch) => batch.includes(number)).at(-1) ?? [];
        expect(bad ? last : last.filter((other) => items[other]?.bad)).toEqual(bad ? [number] : []);
      }
    }),
    { numRuns: 40 },
  );
});
