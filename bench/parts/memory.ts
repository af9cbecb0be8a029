import { MIB } from '../../src/units.ts';
import type { Figure } from '../figures.ts';
import type { Stage } from '../stage.ts';

/** The most that a cold backfill of many small files holds, git's processes included, with no search meanwhile. */
export const memory = async (stage: Stage): Promise<readonly Figure[]> => {
  const { cold } = await stage.indexed(stage.small);
  const name = `cold backfill of ${cold.report.planned} small files`;
  return [
    { name: `${name}: resident`, value: cold.peakBytes / MIB, unit: 'MiB', aim: { atMost: 500 } },
    { name, value: cold.report.planned / cold.seconds, unit: 'files/s' },
  ];
};
