/** Writes that change nothing which is newer. Qdrant judges each point by itself, in one order for all writers. */
import type { Payload } from './payload.ts';
import type { Condition, Filter, Operation } from './server.ts';

interface Written {
  readonly id: string;
  readonly vector: Record<string, number[] | { indices: number[]; values: number[] }>;
  readonly payload: NonNullable<Payload> & { readonly seq: number };
}

/** Writes each point where none stands, or one of a lower seq: an operation for each seq, which a plan's points share. */
export const raising = (points: readonly Written[]): Operation[] => {
  const bySeq = new Map<number, Written[]>();
  for (const point of points) {
    const some = bySeq.get(point.payload.seq) ?? [];
    bySeq.set(point.payload.seq, some);
    some.push(point);
  }
  return [...bySeq].map(([seq, some]) => ({ upsert: { points: some, update_filter: { must: [below(seq)] } } }));
};

export const below = (seq: number): Condition => ({ key: 'seq', range: { lt: seq } });

/** Exactly those rows: a stamp is of all that tells one from any other. */
export const bearing = (stamps: readonly string[]): Filter => ({ must: [oneOf('stamp', stamps)] });

export const oneOf = (key: string, values: readonly string[]): Condition => ({ key, match: { any: [...values] } });
