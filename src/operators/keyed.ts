import { Observable, type OperatorFunction, Subscription } from 'rxjs';

export interface Keyed<T> {
  readonly key: (item: T) => string;
  /** So many keys are worked on at a time. */
  readonly parallel: number;
  /** Waiting items of this kind go first; the others get each tenth turn all the same, so that they end. */
  readonly first?: (item: T) => boolean;
  /** Says whether a waiting item may be worked on together with the first one of its key. */
  readonly together?: (first: T, other: T) => boolean;
}

const TURN = 10;

/**
 * Keys side by side, in order per key. `groupBy` cannot do this: with a bounded `mergeMap` it drops the items of keys
 * that wait, and a group that expires with work in flight breaks the order. Buffers only what the source has let in.
 */
export const keyed =
  <T, R>(
    { key, parallel, first = () => false, together }: Keyed<T>,
    run: (items: readonly [T, ...T[]]) => Observable<R>,
  ): OperatorFunction<T, R> =>
  (source) =>
    new Observable((subscriber) => {
      const queues = new Map<string, T[]>();
      const ready = { first: new Set<string>(), others: new Set<string>() };
      let turns = 0;
      const subscriptions = new Subscription();
      let running = 0;
      let ended = false;
      let proceeding = false;

      const take = (queue: T[]): [T, ...T[]] => {
        const one = queue.shift() as T;
        if (!together) return [one];
        const others = queue.filter((other) => together(one, other));
        const rest = queue.filter((other) => !together(one, other));
        queue.splice(0, queue.length, ...rest);
        return [one, ...others];
      };

      const next = (): string | undefined => {
        turns += 1;
        const owed = turns % TURN === 0 && ready.others.size > 0;
        const from = ready.first.size > 0 && !owed ? ready.first : ready.others;
        const [name] = from;
        if (name !== undefined) from.delete(name);
        return name;
      };

      const start = (name: string) => {
        const queue = queues.get(name) as T[];
        running += 1;
        const work = run(take(queue)).subscribe({
          next: (value) => subscriber.next(value),
          error: (error) => subscriber.error(error),
          complete() {
            running -= 1;
            if (queue.length > 0) ready[queue.some(first) ? 'first' : 'others'].add(name);
            else queues.delete(name);
            proceed();
          },
        });
        subscriptions.add(work);
      };

      const proceed = () => {
        // Work that is over at once comes back here: going deeper with each would exhaust the stack.
        if (proceeding) return;
        proceeding = true;
        while (running < parallel) {
          const name = next();
          if (name === undefined) break;
          start(name);
        }
        proceeding = false;
        if (ended && queues.size === 0) subscriber.complete();
      };

      subscriptions.add(
        source.subscribe({
          next(item) {
            const name = key(item);
            const queue = queues.get(name);
            if (queue) queue.push(item);
            else queues.set(name, [item]);
            const waits = !queue || ready.others.has(name);
            if (waits && first(item)) {
              ready.others.delete(name);
              ready.first.add(name);
            } else if (!queue) ready.others.add(name);
            proceed();
          },
          error: (error) => subscriber.error(error),
          complete() {
            ended = true;
            proceed();
          },
        }),
      );

      return subscriptions;
    });
