import { openEmbedded } from '../../../src/sinks/embedded/embedded.ts';
import { stateContract } from '../../contracts/state.ts';
import { storeContract } from '../../contracts/store.ts';
import { withFolder } from './folder.ts';

const open = async (now: () => number = Date.now) => {
  const folder = await withFolder();
  const embedded = await openEmbedded({ file: folder.path('store.db'), now });
  return {
    ...embedded,
    alias: 'contract',
    async close() {
      await embedded.close();
      await folder.remove();
    },
  };
};

stateContract('the embedded store', open);
storeContract('the embedded store', open);
