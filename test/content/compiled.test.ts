import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { compileFiles } from '../support/file-by-file.ts';

let directory: string;
let out: string;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'tidemark-'));
  out = await compileFiles(directory);
}, 120_000);
afterAll(() => rmSync(directory, { recursive: true, force: true }));

it('the worker finds its own file when it is compiled, and holds up no process that has nothing to do', () => {
  const url = (file: string) => JSON.stringify(pathToFileURL(join(out, 'content', file)).href);
  const program = `
    import { contentWorker } from ${url('content-worker.js')};
    const { converter, chunker } = contentWorker({
      deadlineMs: 10_000, heapMb: 64, limits: { fileBytes: 1e6, textBytes: 1e6 }, chunk: { tokens: 256 },
      tokens: { module: ${url('tokens.js')} },
    });
    const { text } = await converter.convert('a.md', Buffer.from('# Compiled'));
    const code = { content: 'class A {\\n  b() {}\\n}', language: 'typescript', mediaType: '' };
    console.log(JSON.stringify([...(await chunker.chunk('a.md', text)), ...(await chunker.chunk('a.ts', code))]));
    // Not closed: the process ends all the same.
  `;
  const printed = execFileSync(process.execPath, ['--input-type=module', '-e', program], { timeout: 20_000 });
  expect(JSON.parse(printed.toString())).toMatchObject([
    { text: '# Compiled', heading: ['Compiled'] },
    { heading: ['A'] },
  ]);
});
