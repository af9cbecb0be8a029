import { type Figure, median } from '../figures.ts';
import type { Stage } from '../stage.ts';

const ROUNDS = 3;

/** A backfill of an index that is in step, beside git's own listing of the same tree with sizes. */
export const unchanged = async (stage: Stage): Promise<readonly Figure[]> => {
  const { repository, backfill } = await stage.indexed(stage.small);
  const rates: number[] = [];
  const processor: number[] = [];
  const listings: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const { report, seconds, processorSeconds } = await backfill();
    if (report.planned !== 0 || report.unchanged !== repository.files)
      throw new Error(`an index that is in step was planned again: ${JSON.stringify(report)}`);
    rates.push(report.unchanged / seconds);
    processor.push((processorSeconds * 1_000_000) / report.unchanged);
    const began = performance.now();
    await repository.run(['ls-tree', '-r', '-l', '-z', 'main']);
    listings.push((repository.files * 1_000) / (performance.now() - began));
  }
  const value = median(rates);
  const ratio = { value: value / median(listings), to: 'git ls-tree -r -l' };
  return [
    { name: 'no-op backfill', value, unit: 'files/s', aim: { atLeast: 20_000 }, ratio },
    { name: 'no-op backfill: processor', value: median(processor), unit: 'µs a file' },
  ];
};
