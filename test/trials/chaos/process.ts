/** The executable; with the store that is served at `TIDEMARK_TEST_STORE` instead of Qdrant, and as patient as it is with that. */
import { runCommandLine } from '../../../src/cli/run.ts';
import { interrupts } from '../../../src/cli/signals.ts';
import { openEngines } from '../../../src/pipeline/engines.ts';
import { storeClient } from '../../support/store-server.ts';

const { argv, env, stdout, stderr } = process;
const shared = env.TIDEMARK_TEST_STORE;

process.exitCode = await runCommandLine({
  argv: argv.slice(2),
  env,
  cwd: process.cwd(),
  version: 'test',
  engines: async () => ({
    async openEngines(options) {
      const engines = await openEngines(options);
      return shared === undefined
        ? engines
        : { ...engines, ...storeClient(shared, Number(env.TIDEMARK_TEST_STORE_MS)) };
    },
  }),
  stdout,
  stderr,
  interrupts: interrupts(process, Date.now, () => process.exit(130)),
  endNow: (exit) => process.exit(exit),
});
