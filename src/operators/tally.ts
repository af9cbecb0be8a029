import type { Parts } from '../parts.ts';
import type { Row } from '../ports.ts';
import { type RunRefRow, runRefKey, type SweepRow } from '../records.ts';

type Tallies = SweepRow['tallies'];

/**
 * A run may look at a ref more than once: its event comes a second time after a crash, its sweep is overtaken and
 * replaced. What the first of these looks has planned is not unchanged to a later one, so all count from the first.
 */
export const openTallies = async (
  { state }: Parts,
  { key, seq }: Row<'refs'>,
  runs: readonly string[],
  replaced: SweepRow | undefined,
): Promise<Tallies> => {
  if (runs.length === 0) return {};
  const keyOf = (run: string) => runRefKey(run, key);
  const known = await state.read('runRefs', runs.map(keyOf));
  return Object.fromEntries(
    runs.map((run) => {
      const since = replaced?.tallies[run]?.since ?? known.get(keyOf(run))?.value.since ?? seq;
      return [run, { since, unchanged: 0 } satisfies RunRefRow];
    }),
  );
};

/** Adds one more page, of which the wants with these seqs were left alone. */
export const tallied = (tallies: Tallies, leftAlone: readonly number[]): Tallies =>
  Object.fromEntries(
    Object.entries(tallies).map(([run, { since, unchanged }]) => [
      run,
      { since, unchanged: unchanged + leftAlone.filter((seq) => seq < since).length },
    ]),
  );

/** Before the sweep is closed: no run of it is over while it is open. */
export const recordTallies = async ({ state }: Parts, ref: string, { seq, value }: Row<'sweeps'>): Promise<void> => {
  const rows = Object.entries(value.tallies).map(
    ([run, tally]): Row<'runRefs'> => ({ key: runRefKey(run, ref), scope: run, seq, token: '', value: tally }),
  );
  if (rows.length > 0) await state.raise('runRefs', rows);
};
