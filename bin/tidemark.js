#!/usr/bin/env node
/** In the repository from the start, because npx keeps what it has once linked, and could not link what is yet to be built. */
import { existsSync } from 'node:fs';

const main = new URL('../dist/main.js', import.meta.url);

if (existsSync(main)) await import(main.href);
else {
  process.stderr.write('tidemark: it is not built yet: run npm ci\n');
  process.exitCode = 75;
}
