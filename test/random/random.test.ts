import { describe, expect, it } from 'vitest';
import { runHistory } from './history.ts';

const HISTORIES = 15;

describe('after a random history the index is what git says', () => {
  it.concurrent.for(Array.from({ length: HISTORIES }, (_, at) => at + 1))(
    'seed %i',
    { timeout: 240_000 },
    async (seed) => {
      expect(await runHistory(seed), `npm run test:random -- --histories 1 --seed ${seed}`).toEqual([]);
    },
  );
});
