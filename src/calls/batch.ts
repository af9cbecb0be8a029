import { DeadLetter } from '../errors.ts';
import type { Time } from '../ports.ts';

export interface Batching<I, O> {
  /** Resolves to one result an item, in order. */
  readonly run: (items: readonly I[]) => Promise<readonly O[]>;
  /** Tokens, or bytes. */
  readonly size?: (item: I) => number;
  readonly maxSize?: number;
  readonly maxItems?: number;
  /** Batches that are out at a time. */
  readonly parallel: number;
  /**
   * How long the first item of a batch waits for company; unless it is said, until this turn of the event loop ends, so
   * that calls made side by side meet. No timer runs while nothing waits.
   */
  readonly wait?: { readonly ms: number; readonly time: Time };
  /** Says whether a batch may have failed because of a single item, so that halving it finds that item. */
  readonly isPoison?: (error: unknown) => boolean;
}

interface Waiting<I, O> {
  readonly item: I;
  /** Asked for once, as it may cost as much as reading the item. */
  readonly size: number;
  readonly resolve: (result: O) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Many callers, one call: items of different callers travel together, filled by size and never by count alone. A batch
 * that is refused as poison is halved until the one bad item stands alone; the others go through.
 */
export const batched = <I, O>({
  run,
  size = () => 0,
  maxSize = Number.POSITIVE_INFINITY,
  maxItems = Number.POSITIVE_INFINITY,
  parallel,
  wait,
  isPoison = (error) => error instanceof DeadLetter,
}: Batching<I, O>) => {
  const waiting: Waiting<I, O>[] = [];
  let waitingSize = 0;
  let running = 0;
  let due = false;
  let stopWaiting: (() => void) | undefined;

  const full = () => waiting.length >= maxItems || waitingSize >= maxSize;

  const take = () => {
    let total = 0;
    let count = 0;
    for (const one of waiting) {
      if (count > 0 && (total + one.size > maxSize || count >= maxItems)) break;
      total += one.size;
      count += 1;
    }
    waitingSize -= total;
    return waiting.splice(0, count);
  };

  const waitForCompany = () => {
    const over = () => {
      stopWaiting = undefined;
      due = true;
      proceed();
    };
    if (!wait) {
      const turn = setImmediate(over);
      stopWaiting = () => clearImmediate(turn);
      return;
    }
    const timer = new AbortController();
    stopWaiting = () => timer.abort();
    wait.time.sleep(wait.ms, timer.signal).then(() => {
      if (!timer.signal.aborted) over();
    });
  };

  const send = async (batch: readonly Waiting<I, O>[]): Promise<void> => {
    try {
      const results = await run(batch.map(({ item }) => item));
      if (results.length !== batch.length)
        throw new RangeError(`asked for ${batch.length} results, got ${results.length}`);
      for (const [index, { resolve }] of batch.entries()) resolve(results[index] as O);
    } catch (error) {
      if (batch.length > 1 && isPoison(error)) {
        const half = Math.ceil(batch.length / 2);
        await send(batch.slice(0, half));
        await send(batch.slice(half));
      } else for (const { reject } of batch) reject(error);
    }
  };

  const proceed = () => {
    while (running < parallel && waiting.length > 0 && (due || full())) {
      due = false;
      stopWaiting?.();
      stopWaiting = undefined;
      running += 1;
      send(take()).then(() => {
        running -= 1;
        proceed();
      });
    }
    if (waiting.length > 0 && !stopWaiting && !due) waitForCompany();
  };

  return (item: I): Promise<O> =>
    new Promise((resolve, reject) => {
      const waits = { item, size: size(item), resolve, reject };
      waiting.push(waits);
      waitingSize += waits.size;
      proceed();
    });
};

/** The same for callers that bring several items. */
export const gathered = <I, O>(batching: Batching<I, O>): ((items: readonly I[]) => Promise<O[]>) => {
  const one = batched(batching);
  return (items) => Promise.all(items.map(one));
};
