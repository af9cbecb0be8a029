import { defineConfig } from 'vitest/config';

export default defineConfig({
  // By default one core is kept free, which on two cores is half of them.
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/servers.ts'],
    testTimeout: 30_000,
    maxWorkers: '100%',
  },
});
