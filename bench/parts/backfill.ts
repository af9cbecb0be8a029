import type { Figure } from '../figures.ts';
import type { Stage } from '../stage.ts';

/** From an empty data directory to an index that is in step, the start of the process included. */
export const backfill = async (stage: Stage): Promise<readonly Figure[]> => {
  const { report, seconds, processorSeconds } = (await stage.indexed(stage.texts)).cold;
  return [
    { name: 'cold backfill', value: report.planned / seconds, unit: 'files/s' },
    { name: 'cold backfill', value: report.chunks / seconds, unit: 'chunks/s', aim: { atLeast: 2_500 } },
    { name: 'cold backfill: processor', value: (processorSeconds * 1_000_000) / report.chunks, unit: 'µs a chunk' },
  ];
};
