/** npm run trial -- qdrant     the store's tests on a real Qdrant (QDRANT_URL, QDRANT_BIN, a container), then chaos on it */
import { runTests } from './vitest.ts';

runTests(['test/sinks/qdrant', 'test/cli/qdrant', 'test/cli/both-engines', 'test/trials/outage'], {
  TIDEMARK_TEST_REQUIRE: 'qdrant',
});
process.argv.push('--store', 'qdrant', '--rounds', '3');
await import('./chaos/main.ts');
