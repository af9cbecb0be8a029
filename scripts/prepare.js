/**
 * Builds, once all that is needed for that is installed. npx runs this too, in the repository itself and before or in
 * the middle of `npm ci`, and would keep what it has half linked for ever if it failed then.
 */
import { existsSync } from 'node:fs';

/** Written when npm has put everything in its place. */
if (existsSync(new URL('../node_modules/.package-lock.json', import.meta.url))) await import('./build.js');
