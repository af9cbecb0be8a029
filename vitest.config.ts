import { defineConfig } from 'vitest/config';

export default defineConfig({
  // On two cores: much of what is tested waits for other processes.
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/servers.ts'],
    testTimeout: 120_000,
    maxWorkers: 4,
  },
});
