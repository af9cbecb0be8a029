import { spawnSync } from 'node:child_process';

/** Runs these tests, with these variables over the environment. Ends this process where one of them fails. */
export const runTests = (tests: readonly string[], environment: Readonly<Record<string, string>>): void => {
  const { status } = spawnSync('npx', ['vitest', 'run', ...tests], {
    stdio: 'inherit',
    env: { ...process.env, ...environment },
  });
  if (status !== 0) process.exit(status ?? 1);
};
