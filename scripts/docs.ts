/** Writes the pages of `docs/` that come from the code: `npm run docs`. */
import { readFile, writeFile } from 'node:fs/promises';
import { reference } from '../src/config/reference.ts';
import { openApi } from '../src/http/openapi.ts';

const at = (path: string) => new URL(`../${path}`, import.meta.url);
const { version } = JSON.parse(await readFile(at('package.json'), 'utf8')) as { version: string };

await writeFile(at('docs/configuration.md'), reference());
await writeFile(at('docs/openapi.json'), `${JSON.stringify(openApi(version), null, 2)}\n`);
