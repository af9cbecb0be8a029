/** Runs the histories of every `step`th seed and tells its parent about each hundred, and of each that fails. */
import { makeHistory } from './history.ts';
import { runHistory } from './run.ts';

export interface Share {
  readonly from: number;
  readonly until: number;
  readonly step: number;
}

export interface Told {
  readonly done: number;
  readonly steps: number;
  readonly fingerprint: number;
  readonly failed: readonly number[];
}

const [from = 0, until = 0, step = 1] = process.argv.slice(2).map(Number);
let told: Told = { done: 0, steps: 0, fingerprint: 0, failed: [] };
for (let seed = from; seed < until; seed += step) {
  const { violations, steps, fingerprint } = await runHistory(makeHistory(seed));
  told = {
    done: told.done + 1,
    steps: told.steps + steps,
    // Shares are added up in any order.
    fingerprint: (told.fingerprint + Number.parseInt(fingerprint, 16)) % 2 ** 32,
    failed: violations.length > 0 ? [...told.failed, seed] : told.failed,
  };
  if (told.done % 100 === 0 || violations.length > 0) process.send?.(told);
}
process.send?.(told);
