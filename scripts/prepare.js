/**
 * Builds, once all that is needed for that is installed. npx runs this too, in the repository itself and before or in
 * the middle of `npm ci`, and would keep what it has half linked for ever if it failed then.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const at = (path) => fileURLToPath(new URL(path, import.meta.url));

/** Written when npm has put everything in its place. */
if (existsSync(at('../node_modules/.package-lock.json'))) {
  const tsc = at('../node_modules/typescript/bin/tsc');
  const { status } = spawnSync(process.execPath, [tsc, '-p', at('../tsconfig.build.json')], { stdio: 'inherit' });
  process.exitCode = status ?? 1;
}
