import { stateContract } from '../contracts/state.ts';
import { withFolder } from '../sinks/embedded/folder.ts';
import { serveStore, storeClient } from './store-server.ts';

stateContract('the embedded store over loopback', async () => {
  const folder = await withFolder();
  const server = await serveStore({ file: folder.path('store.db') });
  return {
    ...storeClient(server.url),
    async close() {
      await server.close();
      await folder.remove();
    },
  };
});
