/** Writes the pages of `docs/` that come from the code: `npm run docs`. */
import { writeFile } from 'node:fs/promises';
import { reference } from '../src/config/reference.ts';

await writeFile(new URL('../docs/configuration.md', import.meta.url), reference());
