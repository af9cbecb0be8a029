import { describe } from 'vitest';
import { stateContract } from '../../contracts/state.ts';
import { storeContract } from '../../contracts/store.ts';
import { ownQdrant } from '../../support/qdrant.ts';
import { realServer } from '../../support/real-server.ts';

const url = await realServer('Qdrant');

describe.skipIf(!url)('on a real server', () => {
  const open = async (now: () => number = Date.now) => ownQdrant(url ?? '', { now });
  stateContract('Qdrant', open);
  storeContract('Qdrant', open);
});
