import { expect, it } from 'vitest';
import { MINUTE } from '../../../src/units.ts';
import { realServer } from '../../support/real-server.ts';
import { storeOutage } from './store.ts';

const qdrant = await realServer('Qdrant');

it(
  'a store that is away, then answers 500, then does what it is asked and says nothing, costs a backfill only time',
  async () => {
    expect(await storeOutage({ files: 400, awayMs: 2_000, qdrant })).toBeGreaterThan(0);
  },
  10 * MINUTE,
);
