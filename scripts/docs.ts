/**
 * npm run docs                writes the pages of `docs/` that come from the code
 * npm run docs -- --check     says what in the pages is not so, and ends with 1
 */
import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { reference } from '../src/config/reference.ts';
import { openApi } from '../src/http/openapi.ts';
import { MIB } from '../src/units.ts';
import { withRooms } from './rooms.ts';

const at = (path: string) => new URL(`../${path}`, import.meta.url);

const pages = async (): Promise<Readonly<Record<string, string>>> => {
  const { version } = JSON.parse(await readFile(at('package.json'), 'utf8')) as { version: string };
  return {
    'docs/architecture.md': withRooms(await readFile(at('docs/architecture.md'), 'utf8')),
    'docs/configuration.md': reference(),
    'docs/openapi.json': `${JSON.stringify(openApi(version), null, 2)}\n`,
  };
};

const check = async () => {
  for (const [page, content] of Object.entries(await pages()))
    if ((await readFile(at(page), 'utf8')) !== content)
      wrong(`${page} is not what the code says: run \`npm run docs\``);
  const edges = await shownEdges();
  if (process.exitCode === undefined)
    process.stdout.write(`the pages are what the code says; ${edges} edges, each shown by a test\n`);
};

/** Every edge that docs/gitlab.md promises is shown by a test of the run, and the other way round. */
const shownEdges = async (): Promise<number> => {
  const promised = idsIn(await readFile(at('docs/gitlab.md'), 'utf8'), /^\| E\d+ \|/gm);
  const tests = execFileSync('npx', ['vitest', 'list'], { encoding: 'utf8', maxBuffer: 64 * MIB });
  const shown = idsIn(tests, /\((?:E\d+(?:, )?)+\)/g);
  for (const id of promised) if (!shown.has(id)) wrong(`docs/gitlab.md promises ${id}, and no test shows it`);
  for (const id of shown) if (!promised.has(id)) wrong(`a test shows ${id}, which docs/gitlab.md does not know`);
  return promised.size;
};

const idsIn = (text: string, pattern: RegExp): ReadonlySet<string> =>
  new Set([...text.matchAll(pattern)].flatMap(([match]) => match.match(/E\d+/g) ?? []));

const wrong = (what: string) => {
  process.stderr.write(`${what}\n`);
  process.exitCode = 1;
};

if (process.argv.includes('--check')) await check();
else for (const [page, content] of Object.entries(await pages())) await writeFile(at(page), content);
