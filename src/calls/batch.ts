import { DeadLetter } from '../errors.ts';
import type { Time } from '../ports.ts';

export interface Batching<I, O> {
  /** Resolves to one result an item, in order. */
  readonly run: (items: readonly I[]) => Promise<readonly O[]>;
  /** Tokens, or bytes. */
  readonly size: (item: I) => number;
  readonly maxSize: number;
  readonly maxItems: number;
  /** How long the first item of a batch waits for company. No timer runs while nothing waits. */
  readonly waitMs: number;
  readonly parallel: number;
  readonly time: Time;
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
export const batched = <I, O>({ run, size, maxSize, maxItems, waitMs, parallel, time }: Batching<I, O>) => {
  const waiting: Waiting<I, O>[] = [];
  let running = 0;
  let due = false;
  let timer: AbortController | undefined;

  const full = () => {
    let total = 0;
    if (waiting.length >= maxItems) return true;
    for (const one of waiting) total += one.size;
    return total >= maxSize;
  };

  const take = () => {
    let total = 0;
    let count = 0;
    for (const one of waiting) {
      total += one.size;
      if (count > 0 && (total > maxSize || count >= maxItems)) break;
      count += 1;
    }
    return waiting.splice(0, count);
  };

  const send = async (batch: readonly Waiting<I, O>[]): Promise<void> => {
    try {
      const results = await run(batch.map(({ item }) => item));
      if (results.length !== batch.length)
        throw new RangeError(`asked for ${batch.length} results, got ${results.length}`);
      for (const [index, { resolve }] of batch.entries()) resolve(results[index] as O);
    } catch (error) {
      if (error instanceof DeadLetter && batch.length > 1) {
        const half = Math.ceil(batch.length / 2);
        await send(batch.slice(0, half));
        await send(batch.slice(half));
      } else for (const { reject } of batch) reject(error);
    }
  };

  const proceed = () => {
    while (running < parallel && waiting.length > 0 && (due || full())) {
      due = false;
      timer?.abort();
      timer = undefined;
      running += 1;
      send(take()).then(() => {
        running -= 1;
        proceed();
      });
    }
    if (waiting.length > 0 && !timer && !due) {
      const mine = new AbortController();
      timer = mine;
      time.sleep(waitMs, mine.signal).then(() => {
        if (timer !== mine) return;
        timer = undefined;
        due = true;
        proceed();
      });
    }
  };

  return (item: I): Promise<O> =>
    new Promise((resolve, reject) => {
      waiting.push({ item, size: size(item), resolve, reject });
      proceed();
    });
};
