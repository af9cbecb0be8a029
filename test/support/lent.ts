import type { Lent } from '../../src/operators/deliveries.ts';
import type { Parsed } from '../../src/operators/parse.ts';
import { type Change, type DocumentRecord, type Event, encode, projectKey } from '../../src/records.ts';

/** A delivery that remembers whether it was settled. */
export const lent = (of: Partial<Lent> = {}): Lent & { settled: number } => {
  const delivery = {
    ...{ topic: 't', partition: 1, offset: 42, key: 'key', headers: {}, timestamp: 1_600_000_000_000, epoch: 1 },
    ...{ value: null, oversized: false, settled: 0 },
    ...of,
    settle() {
      delivery.settled += 1;
    },
  };
  return delivery;
};

/** A record as a flow has taken it. */
export const taken = <R extends Event | Change | DocumentRecord>(
  record: R,
  of: Partial<Lent> = {},
): Parsed<R> & { readonly delivery: ReturnType<typeof lent> } => {
  const key = 'document' in record ? record.document : projectKey(record);
  return { delivery: lent({ key, value: encode(record), ...of }), record };
};
