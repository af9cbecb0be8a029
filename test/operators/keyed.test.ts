import fc from 'fast-check';
import { EMPTY, from, NEVER, Observable, of, Subject, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { type Keyed, keyed } from '../../src/operators/keyed.ts';
import { quiet } from '../support/fake-time.ts';

interface Item {
  readonly key: string;
  readonly number: number;
  readonly kind?: string;
}

/** The operator over a source and over work that both end when the test says so. */
const bench = (options: Partial<Keyed<Item>> = {}) => {
  const source = new Subject<Item>();
  const running = new Map<string, Subject<string>>();
  const started: string[] = [];
  const seen: unknown[] = [];
  let most = 0;
  const name = (items: readonly Item[]) => `${items[0]?.key}${items.map(({ number }) => number).join('+')}`;
  const subscription = source
    .pipe(
      keyed({ key: ({ key }) => key, parallel: 3, ...options }, (items) => {
        const work = new Subject<string>();
        const mine = name(items);
        started.push(mine);
        return new Observable<string>((subscriber) => {
          running.set(mine, work);
          most = Math.max(most, running.size);
          const inner = work.subscribe(subscriber);
          return () => {
            inner.unsubscribe();
            running.delete(mine);
          };
        });
      }),
    )
    .subscribe({
      next: (value) => seen.push(value),
      error: (error) => seen.push(error),
      complete: () => seen.push('complete'),
    });
  const end = (work: string) => {
    const subject = running.get(work);
    if (!subject) throw new Error(`${work} does not run`);
    subject.next(work);
    running.delete(work);
    subject.complete();
  };
  return { source, running, started, seen, subscription, end, most: () => most };
};

const items = (...names: string[]): Item[] =>
  names.map((name) => ({ key: name.slice(0, 1), number: Number(name.slice(1, 2)), kind: name.slice(2) }));

describe('keys', () => {
  it('that go first do so among those that wait, also when they waited already, and each tenth turn is the others’', () => {
    const { source, started, end } = bench({ parallel: 1, first: ({ kind }) => kind === '!' });
    for (const item of items('a1', 'b1', 'c1', 'd1!', 'c2!')) source.next(item);
    for (const name of ['a1', 'd1', 'c1', 'c2']) end(name);
    expect(started).toEqual(['a1', 'd1', 'c1', 'c2', 'b1']);
    const many = 'efghijklmno'.split('').map((key) => `${key}1!`);
    for (const item of items('p1', ...many)) source.next(item);
    for (let turn = 0; turn < 12; turn += 1) end(started.at(-1) ?? '');
    expect(started.indexOf('p1')).toBeLessThan(started.indexOf('o1'));
    expect(started.indexOf('p1')).toBeGreaterThan(started.indexOf('h1'));
  });

  it('are worked on side by side, each in its order', () => {
    const { source, started, end, seen } = bench();
    for (const item of items('a1', 'a2', 'b1', 'a3', 'b2')) source.next(item);
    expect(started).toEqual(['a1', 'b1']);
    end('b1');
    expect(started).toEqual(['a1', 'b1', 'b2']);
    end('a1');
    end('a2');
    expect(started).toEqual(['a1', 'b1', 'b2', 'a2', 'a3']);
    expect(seen).toEqual(['b1', 'a1', 'a2']);
  });

  it('wait for a slot when as many as allowed are at work, and get it in their turn', () => {
    const { source, started, end, running } = bench({ parallel: 2 });
    for (const item of items('a1', 'b1', 'c1', 'a2', 'd1')) source.next(item);
    expect([...running.keys()]).toEqual(['a1', 'b1']);
    end('a1');
    // The first key has more to do, and queues up behind those that have waited.
    expect(started).toEqual(['a1', 'b1', 'c1']);
    end('b1');
    end('c1');
    expect(started).toEqual(['a1', 'b1', 'c1', 'd1', 'a2']);
  });

  it('that have finished are begun anew, and hold up nothing', () => {
    const { source, started, end, seen } = bench();
    for (let number = 1; number < 5; number += 1) {
      source.next({ key: 'a', number });
      end(`a${number}`);
    }
    expect(started).toEqual(['a1', 'a2', 'a3', 'a4']);
    source.complete();
    expect(seen.at(-1)).toBe('complete');
  });

  it('keep their order and lose nothing, with at most so many at a time, however they come and end', async () => {
    const step = fc.oneof(fc.record({ key: fc.constantFrom('a', 'b', 'c', 'd', 'e') }), fc.record({ end: fc.nat() }));
    await fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), fc.integer({ min: 1, max: 4 }), (steps, parallel) => {
        const { source, running, end, most, seen } = bench({ parallel });
        const given = new Map<string, string[]>();
        let number = 0;
        for (const one of steps) {
          if ('key' in one) {
            number += 1;
            given.set(one.key, [...(given.get(one.key) ?? []), `${one.key}${number}`]);
            source.next({ key: one.key, number });
          } else {
            const names = [...running.keys()];
            const name = names[one.end % Math.max(1, names.length)];
            if (name) end(name);
          }
          expect(new Set([...running.keys()].map((name) => name.slice(0, 1))).size).toBe(running.size);
        }
        source.complete();
        while (running.size > 0) for (const name of [...running.keys()]) end(name);
        expect(most()).toBeLessThanOrEqual(parallel);
        expect(seen.pop()).toBe('complete');
        for (const [key, names] of given) expect(seen.filter((name) => String(name).startsWith(key))).toEqual(names);
        expect(seen).toHaveLength(number);
      }),
    );
  });

  it('number 10,000, and none is dropped or starves', async () => {
    const numbers = Array.from({ length: 30_000 }, (_, number) => number);
    const last = new Map<number, number>();
    let [count, running, most] = [0, 0, 0];
    await new Promise<void>((resolve, reject) => {
      from(numbers)
        .pipe(
          keyed({ key: (number) => String(number % 10_000), parallel: 4 }, ([number]) => {
            running += 1;
            most = Math.max(most, running);
            return from(
              Promise.resolve().then(() => {
                running -= 1;
                return number;
              }),
            );
          }),
        )
        .subscribe({
          next(number) {
            count += 1;
            if (number <= (last.get(number % 10_000) ?? -1)) reject(new Error(`${number} came out of order`));
            last.set(number % 10_000, number);
          },
          error: reject,
          complete: resolve,
        });
    });
    expect(count).toBe(30_000);
    expect(last.size).toBe(10_000);
    expect(most).toBe(4);
  });
});

describe('work that is over at once', () => {
  it('counts as over, for the slot and for the key', () => {
    const seen: unknown[] = [];
    from(items('a1', 'a2', 'b1'))
      .pipe(keyed({ key: ({ key }) => key, parallel: 1 }, ([{ key, number }]) => of(`${key}${number}`)))
      .subscribe({ next: (value) => seen.push(value), complete: () => seen.push('complete') });
    expect(seen).toEqual(['a1', 'a2', 'b1', 'complete']);
  });

  it('may give nothing', () => {
    const seen: unknown[] = [];
    from(items('a1', 'a2'))
      .pipe(keyed({ key: ({ key }) => key, parallel: 1 }, () => EMPTY))
      .subscribe({ next: (value) => seen.push(value), complete: () => seen.push('complete') });
    expect(seen).toEqual(['complete']);
  });

  it('follows on work that was not, for ten thousand keys that have waited for it', () => {
    const first = new Subject<number>();
    const source = new Subject<number>();
    let [count, completed] = [0, false];
    source.pipe(keyed({ key: String, parallel: 1 }, ([number]) => (number === 0 ? first : of(number)))).subscribe({
      next() {
        count += 1;
      },
      complete() {
        completed = true;
      },
    });
    for (let number = 0; number <= 10_000; number += 1) source.next(number);
    source.complete();
    expect(count).toBe(0);
    first.complete();
    expect(count).toBe(10_000);
    expect(completed).toBe(true);
  });
});

describe('items that may be worked on together', () => {
  const together = (first: Item, other: Item) => first.kind === other.kind;

  it('are taken at once, all that wait, and the rest keeps its order', () => {
    const { source, started, end } = bench({ parallel: 1, together });
    for (const item of items('a1x', 'a2x', 'a3y', 'a4x', 'a5z', 'a6y')) source.next(item);
    expect(started).toEqual(['a1']);
    end('a1');
    expect(started.at(-1)).toBe('a2+4');
    end('a2+4');
    expect(started.at(-1)).toBe('a3+6');
    end('a3+6');
    expect(started.at(-1)).toBe('a5');
  });

  it('are never those of another key, nor of work that has begun', () => {
    const { source, started, end } = bench({ together });
    for (const item of items('a1x', 'b1x', 'a2x')) source.next(item);
    expect(started).toEqual(['a1', 'b1']);
    end('a1');
    expect(started).toEqual(['a1', 'b1', 'a2']);
  });

  it('are one at a time without it', () => {
    const { source, started, end } = bench();
    for (const item of items('a1x', 'a2x', 'a3x')) source.next(item);
    end('a1');
    expect(started).toEqual(['a1', 'a2']);
  });
});

describe('the end', () => {
  it('comes when the source has ended and all work is over', () => {
    const { source, end, seen } = bench();
    for (const item of items('a1', 'a2')) source.next(item);
    source.complete();
    expect(seen).toEqual([]);
    end('a1');
    end('a2');
    expect(seen).toEqual(['a1', 'a2', 'complete']);
  });

  it('comes at once for a source without items', () => {
    const { source, seen } = bench();
    source.complete();
    expect(seen).toEqual(['complete']);
  });

  it('comes with the first error of any work, and stops all other work', () => {
    const { source, running, seen, started } = bench();
    for (const item of items('a1', 'b1', 'a2')) source.next(item);
    const error = new Error('a fault');
    running.get('a1')?.error(error);
    expect(seen).toEqual([error]);
    expect([...running.keys()]).toEqual([]);
    expect(source.observed).toBe(false);
    expect(started).toEqual(['a1', 'b1']);
  });

  it('comes with an error that work throws at once', async () => {
    const error = new Error('a fault');
    const seen: unknown[] = [];
    of(1)
      .pipe(keyed({ key: String, parallel: 1 }, () => throwError(() => error)))
      .subscribe({ error: (got) => seen.push(got) });
    await quiet();
    expect(seen).toEqual([error]);
  });

  it('comes with an error of the source', () => {
    const { source, running, seen } = bench();
    source.next({ key: 'a', number: 1 });
    const error = new Error('the reader is gone');
    source.error(error);
    expect(seen).toEqual([error]);
    expect(running.size).toBe(0);
  });

  it('stops everything when nobody listens any more', () => {
    const { source, running, subscription, seen } = bench();
    for (const item of items('a1', 'b1', 'a2')) source.next(item);
    subscription.unsubscribe();
    expect([...running.keys()]).toEqual([]);
    expect(source.observed).toBe(false);
    expect(seen).toEqual([]);
  });

  it('does not come while work goes on for ever', () => {
    const seen: unknown[] = [];
    of(1)
      .pipe(keyed({ key: String, parallel: 1 }, () => NEVER))
      .subscribe({ complete: () => seen.push('complete') });
    expect(seen).toEqual([]);
  });
});
