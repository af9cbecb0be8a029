import { Observable } from 'rxjs';
import type { Delivery, LogRecord, Reader } from '../ports.ts';
import type { Lane, Window } from './window.ts';

export interface Intake {
  readonly lane: Lane;
  readonly reader: Reader;
  /** Resolves when a record of this lane may enter. */
  readonly admit?: () => Promise<void>;
}

/** A record larger than the whole window is held without its value, and can only be set aside. */
export interface Lent extends Delivery {
  readonly oversized: boolean;
}

/** What a flow makes of a delivery when it takes it, and how many bytes of memory the work on it will hold. */
export interface Taking<T> {
  readonly parse: (delivery: Lent) => T;
  readonly alsoHolds?: (taken: T) => number;
}

export const sizeOf = (record: LogRecord): number => {
  let bytes = record.key.length + (record.value?.byteLength ?? 0);
  for (const [name, value] of Object.entries(record.headers)) bytes += name.length + value.length;
  return bytes;
};

/**
 * Takes from each lane one record at a time, and the next only when the last one holds its credits: nothing is drained
 * from the log ahead of the work. When `stop` aborts it completes; what is out then may still settle.
 */
export const deliveries = <T>(
  intakes: readonly Intake[],
  window: Window,
  stop: AbortSignal,
  { parse, alsoHolds = () => 0 }: Taking<T>,
): Observable<T> =>
  new Observable((subscriber) => {
    /** Not `Promise.race` with a promise that lives as long as the flow: it would keep every delivery that ever won. */
    const unlessStopped = <V>(work: Promise<V>): Promise<V | undefined> =>
      new Promise((resolve, reject) => {
        const leave = () => resolve(undefined);
        stop.addEventListener('abort', leave, { once: true });
        if (stop.aborted) leave();
        work.then(resolve, reject).finally(() => stop.removeEventListener('abort', leave));
      });

    const lend = (delivery: Delivery, lane: Lane) => {
      const size = sizeOf(delivery);
      const oversized = size > window.limits.bytes;
      let bytes = oversized ? 0 : size;
      const lent: Lent = {
        ...delivery,
        value: oversized ? null : delivery.value,
        oversized,
        settle() {
          delivery.settle();
          window.release(bytes, lane);
        },
      };
      const taken = parse(lent);
      bytes = Math.min(window.limits.bytes, bytes + alsoHolds(taken));
      return { taken, bytes };
    };

    const take = async ({ lane, reader, admit }: Intake) => {
      const records = reader[Symbol.asyncIterator]();
      while (!stop.aborted) {
        const next = await unlessStopped(records.next());
        if (!next || next.done) return;
        const { taken, bytes } = lend(next.value, lane);
        if (admit) await unlessStopped(admit());
        if (stop.aborted) return;
        const credits = window.acquire(bytes, lane);
        await unlessStopped(credits);
        if (stop.aborted) {
          // Credits that come too late go back at once.
          credits.then(() => window.release(bytes, lane));
          return;
        }
        subscriber.next(taken);
      }
    };

    Promise.all(intakes.map(take)).then(
      () => subscriber.complete(),
      (error) => subscriber.error(error),
    );
  });
