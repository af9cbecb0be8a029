import { describe, expect, it } from 'vitest';
import { makeHistory } from './history.ts';
import { runHistory } from './run.ts';

const HISTORIES = 400;
const SEED = 1;

describe('random histories', () => {
  it(`violate no invariant (${HISTORIES} of them, \`npm run trial -- sim\` runs more)`, {
    timeout: 120_000,
  }, async () => {
    for (let seed = SEED; seed < SEED + HISTORIES; seed += 1) {
      const { violations } = await runHistory(makeHistory(seed));
      expect(violations, `npm run trial -- sim --histories 1 --seed ${seed}`).toEqual([]);
    }
  });

  it('are the same, step by step, for the same seed', async () => {
    for (const seed of [3, 17, 99]) {
      const [first, second] = [
        await runHistory(makeHistory(seed), { tracing: true }),
        await runHistory(makeHistory(seed), { tracing: true }),
      ];
      expect(first.trace.length).toBeGreaterThan(100);
      expect(second.trace).toEqual(first.trace);
      expect(second.fingerprint).toBe(first.fingerprint);
    }
  });
});
