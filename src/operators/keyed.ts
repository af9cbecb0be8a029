import { Observable, type OperatorFunction, Subscription } from 'rxjs';

export interface Keyed<T> {
  readonly key: (item: T) => string;
  /** How many keys are worked on at a time. */
  readonly parallel: number;
  /** Whether a waiting item may be worked on together with the first one of its key. */
  readonly together?: (first: T, other: T) => boolean;
}

/**
 * Keys side by side, in order per key. `groupBy` cannot do this: with a bounded `mergeMap` it drops the items of keys
 * that wait, and a group that expires with work in flight breaks the order. Buffers only what the source has let in.
 */
export const keyed =
  <T, R>(
    { key, parallel, together }: Keyed<T>,
    run: (items: readonly [T, ...T[]]) => Observable<R>,
  ): OperatorFunction<T, R> =>
  (source) =>
    new Observable((subscriber) => {
      const queues = new Map<string, T[]>();
      const ready: string[] = [];
      const subscriptions = new Subscription();
      let running = 0;
      let ended = false;
      let proceeding = false;

      const take = (queue: T[]): [T, ...T[]] => {
        const first = queue.shift() as T;
        if (!together) return [first];
        const others = queue.filter((other) => together(first, other));
        const rest = queue.filter((other) => !together(first, other));
        queue.splice(0, queue.length, ...rest);
        return [first, ...others];
      };

      const start = (name: string) => {
        const queue = queues.get(name) as T[];
        running += 1;
        const work = run(take(queue)).subscribe({
          next: (value) => subscriber.next(value),
          error: (error) => subscriber.error(error),
          complete() {
            running -= 1;
            if (queue.length > 0) ready.push(name);
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
        while (running < parallel && ready.length > 0) start(ready.shift() as string);
        proceeding = false;
        if (ended && queues.size === 0) subscriber.complete();
      };

      subscriptions.add(
        source.subscribe({
          next(item) {
            const name = key(item);
            const queue = queues.get(name);
            if (queue) queue.push(item);
            else {
              queues.set(name, [item]);
              ready.push(name);
            }
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
