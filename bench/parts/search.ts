import { searching } from '../ask.ts';
import { type Figure, median, quantile } from '../figures.ts';
import type { Stage } from '../stage.ts';
import { texts } from '../texts.ts';

const SEARCHES = 200;
const DIMENSIONS = 256;
const WARM_UP = 20;

/** Hybrid searches of a running service, beside the products of one question with as many vectors and nothing else. */
export const search = async (stage: Stage): Promise<readonly Figure[]> => {
  const { cold, serve } = await stage.indexed(stage.texts);
  const service = await serve();
  try {
    const ask = await searching(service.data);
    const { question } = texts(7);
    const several = async (sideBySide: number, count: number): Promise<number[]> => {
      const times: number[] = [];
      let left = count;
      const worker = async () => {
        while (left > 0) {
          left -= 1;
          const began = performance.now();
          await ask(question());
          times.push(performance.now() - began);
        }
      };
      await Promise.all(Array.from({ length: sideBySide }, worker));
      return times;
    };
    const [first = 0] = await several(1, 1);
    await several(1, WARM_UP);
    const alone = quantile(await several(1, SEARCHES), 0.95);
    const eight = quantile(await several(8, SEARCHES), 0.95);
    const bare = bareScan(cold.report.chunks);
    const to = `a bare scan in plain JavaScript (${bare.toFixed(1)} ms)`;
    const name = `search of ${cold.report.chunks} chunks`;
    return [
      { name: `${name}, the first, which builds its index`, value: first, unit: 'ms' },
      {
        name: `${name}, p95 one at a time`,
        value: alone,
        unit: 'ms',
        aim: { atMost: 60 },
        ratio: { value: alone / bare, to },
      },
      {
        name: `${name}, p95 eight at a time`,
        value: eight,
        unit: 'ms',
        aim: { atMost: 250 },
        ratio: { value: eight / bare, to },
      },
    ];
  } finally {
    await service.stop();
  }
};

const bareScan = (rows: number): number => {
  const matrix = Float32Array.from({ length: rows * DIMENSIONS }, (_, at) => (at % 97) / 97);
  const question = matrix.slice(0, DIMENSIONS);
  const times = Array.from({ length: WARM_UP }, () => {
    const began = performance.now();
    let best = 0;
    for (let row = 0; row < matrix.length; row += DIMENSIONS) {
      let product = 0;
      for (let at = 0; at < DIMENSIONS; at += 1) product += (matrix[row + at] ?? 0) * (question[at] ?? 0);
      if (product > best) best = product;
    }
    return best > 0 ? performance.now() - began : Number.NaN;
  });
  return median(times);
};
