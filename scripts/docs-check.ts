/** `npm run docs:check`: every edge that docs/gitlab.md promises is shown by a test of the run, and the other way round. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const idsIn = (text: string, pattern: RegExp): ReadonlySet<string> =>
  new Set([...text.matchAll(pattern)].flatMap(([match]) => match.match(/E\d+/g) ?? []));

const promised = idsIn(readFileSync('docs/gitlab.md', 'utf8'), /^\| E\d+ \|/gm);
const listed = execFileSync('npx', ['vitest', 'list'], { encoding: 'utf8', maxBuffer: 64 * 1024 ** 2 });
const shown = idsIn(listed, /\((?:E\d+(?:, )?)+\)/g);

const missing = [...promised].filter((id) => !shown.has(id));
const unknown = [...shown].filter((id) => !promised.has(id));
if (missing.length > 0) process.stderr.write(`no test of the run shows ${missing.join(', ')}\n`);
if (unknown.length > 0) process.stderr.write(`docs/gitlab.md does not know ${unknown.join(', ')}\n`);
if (missing.length + unknown.length > 0) process.exitCode = 1;
else process.stdout.write(`${promised.size} edges, each shown by a test\n`);
