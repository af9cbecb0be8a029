import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { StopFlow } from '../../src/errors.ts';
import { readPlainFile } from '../../src/runtime/plain-file.ts';
import { tokenOf } from '../../src/sources/gitlab/instance.ts';

let directory: string;
const at = (name: string) => join(directory, name);
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tidemark-plain-'));
  await writeFile(at('token'), 'a-token\n');
  await symlink(at('token'), at('link'));
  await mkdir(at('folder'));
  await writeFile(at('long'), 'x'.repeat(300 * 1024));
  execFileSync('mkfifo', [at('pipe')]);
});
afterAll(() => rm(directory, { recursive: true }));

it.each(['token', 'link'])('a plain file that a configuration names is read, also by a %s', async (name) => {
  expect(await readPlainFile(at(name))).toBe('a-token\n');
  expect(await tokenOf({ tokenFile: at(name) })()).toBe('a-token');
});

it.each([
  ['pipe', 'no plain file'],
  ['folder', 'no plain file'],
  ['long', 'more than 256 KiB'],
])('a %s is refused at once, as a file and as a tokenFile', async (name, why) => {
  await expect(readPlainFile(at(name))).rejects.toThrow(why);
  const token = tokenOf({ tokenFile: at(name) })();
  await expect(token).rejects.toThrow(why);
  await expect(token).rejects.toBeInstanceOf(StopFlow);
});
