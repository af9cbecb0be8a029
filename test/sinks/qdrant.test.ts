import { describe } from 'vitest';
import { stateContract } from '../contracts/state.ts';
import { storeContract } from '../contracts/store.ts';
import { ownQdrant, realQdrant } from '../support/qdrant.ts';

const url = await realQdrant();

describe.skipIf(!url)('on a real server', () => {
  const open = async (now: () => number = Date.now) => ownQdrant(url ?? '', { now });
  stateContract('Qdrant', open);
  storeContract('Qdrant', open);
});
