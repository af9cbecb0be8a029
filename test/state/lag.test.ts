import { expect, it } from 'vitest';
import { behind } from '../../src/state/lag.ts';
import { memoryParts } from '../support/memory-parts.ts';

it('what a group has not settled is counted from its commits, and from what is still there', async () => {
  const { parts } = await memoryParts();
  const log = {
    ...parts.log,
    bounds: async () => [
      { start: 0, end: 10 },
      { start: 4, end: 10 },
      { start: 0, end: 3 },
    ],
    committed: async () => [7, undefined, 1],
  };
  expect(await behind({ log }, 'events', 'plan')).toBe(3 + 6 + 2);
});

it('a group that settles records between the two questions is not ahead of the log, and hides no other partition', async () => {
  const { parts } = await memoryParts();
  const log = {
    ...parts.log,
    bounds: async () => [
      { start: 0, end: 10 },
      { start: 0, end: 5 },
    ],
    committed: async () => [14, 1],
  };
  expect(await behind({ log }, 'events', 'plan')).toBe(4);
});
