import type { Figure } from '../figures.ts';
import type { Indexed, Stage } from '../stage.ts';

/** From an empty data directory to an index that is in step, the start of the process included. */
export const backfill = async (stage: Stage): Promise<readonly Figure[]> => [
  ...figuresOf('static', await stage.indexed(stage.texts, 'static'), 2_500),
  ...figuresOf('hash', await stage.indexed(stage.texts, 'hash'), 10_000),
];

const figuresOf = (embedder: string, { cold }: Indexed, aim: number): Figure[] => {
  const { report, seconds, processorSeconds } = cold;
  return [
    { name: `cold backfill, ${embedder}`, value: report.planned / seconds, unit: 'files/s' },
    { name: `cold backfill, ${embedder}`, value: report.chunks / seconds, unit: 'chunks/s', aim: { atLeast: aim } },
    {
      name: `cold backfill, ${embedder}: processor`,
      value: (processorSeconds * 1_000_000) / report.chunks,
      unit: 'µs a chunk',
    },
  ];
};
