import type { z } from 'zod';
import { DeadLetter, messageOf } from '../errors.ts';
import type { Settled } from '../ports.ts';
import { decode } from '../records.ts';
import type { Lent } from './deliveries.ts';
import { stage, superseded } from './stage.ts';

/** A delivery with what it holds, or with the reason why nothing can be made of it. `null`: a tombstone. */
export interface Parsed<T> {
  readonly delivery: Lent;
  readonly record: T | null | DeadLetter;
}

export const parse =
  <T>(schema: z.ZodType<T>) =>
  (delivery: Lent): Parsed<T> => {
    if (delivery.oversized) {
      return { delivery, record: new DeadLetter('too_large', 'the record is larger than the whole window') };
    }
    if (delivery.value === null) return { delivery, record: null };
    try {
      return { delivery, record: decode(schema, delivery.value) };
    } catch (cause) {
      return {
        delivery,
        record: new DeadLetter('unreadable', `no record of this topic: ${messageOf(cause)}`, { cause }),
      };
    }
  };

export const keyOf = <T>({ delivery }: Parsed<T>) => delivery.key;

export const recordOf = <T>({ record }: Parsed<T>): T | undefined =>
  record === null || record instanceof DeadLetter ? undefined : record;

/** The records of deliveries that are worked on together; what is none becomes a dead letter further down. */
export const unpack = <T extends object>() =>
  stage('parse', async (parsed: readonly [Parsed<T>, ...Parsed<T>[]]): Promise<readonly [T, ...T[]] | Settled> => {
    const records: T[] = [];
    for (const { record } of parsed) {
      if (record instanceof DeadLetter) throw record;
      if (record) records.push(record);
    }
    const [first, ...others] = records;
    return first ? [first, ...others] : superseded('tombstone');
  });

/** The record of a delivery that is worked on alone. */
export const unpackOne = <T extends object>() =>
  stage('parse', async ([{ record }]: readonly [Parsed<T>, ...Parsed<T>[]]): Promise<T | Settled> => {
    if (record instanceof DeadLetter) throw record;
    return record ?? superseded('tombstone');
  });
