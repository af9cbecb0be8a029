import { expect, it } from 'vitest';
import { siege, wrongWith } from './siege.ts';

it('requests of random shape against every port end nothing, and none is answered with 500', async () => {
  const all = await siege({ requests: 400, seed: 7 });
  expect(all.map(({ port }) => port)).toEqual(['main', 'control', 'metrics']);
  expect(all.flatMap(wrongWith)).toEqual([]);
  // It would prove little if nothing had come through.
  for (const { answers } of all) expect(answers['2xx'], JSON.stringify(answers)).toBeGreaterThan(0);
});
