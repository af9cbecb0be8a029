import { concatMap, map, type OperatorFunction } from 'rxjs';
import type { Delivery, Settled } from '../ports.ts';
import type { Flow, Telemetry } from '../telemetry.ts';

export const done: Settled = { outcome: 'done', reason: '' };
export const skipped = (reason: string): Settled => ({ outcome: 'skipped', reason });
export const superseded = (reason: string): Settled => ({ outcome: 'superseded', reason });
export const deadLettered = (reason: string): Settled => ({ outcome: 'dead-lettered', reason });

const isSettled = (value: object): value is Settled => 'outcome' in value;

const stages = new WeakMap<object, string>();
/** The stage that an error comes from. */
export const stageOf = (error: unknown): string =>
  (typeof error === 'object' && error !== null && stages.get(error)) || 'unknown';

/** One step of a delivery's own chain. What an earlier step has settled passes by untouched. */
export const stage = <A extends object, B extends object>(
  name: string,
  step: (value: A) => Promise<B | Settled>,
): OperatorFunction<A | Settled, B | Settled> =>
  concatMap(async (value: A | Settled) => {
    if (isSettled(value)) return value;
    try {
      return await step(value);
    } catch (error) {
      if (typeof error === 'object' && error !== null) stages.set(error, name);
      throw error;
    }
  });

/** Runs before a delivery is settled, however it ended. */
export const afterwards = (step: () => Promise<void>): OperatorFunction<Settled, Settled> =>
  concatMap(async (settled: Settled) => {
    await step();
    return settled;
  });

/** The last step: all that the outcome speaks of is durable by now. */
export const settle = (
  { telemetry }: { readonly telemetry: Telemetry },
  flow: Flow,
  settling: readonly { readonly delivery: Delivery }[],
): OperatorFunction<Settled, Settled> =>
  map((settled: Settled) => {
    for (const { delivery } of settling) {
      delivery.settle();
      telemetry.settled({ flow, ...settled, key: delivery.key });
    }
    return settled;
  });
