import { mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ownToken } from '../../src/cli/own-token.ts';
import { BadConfiguration, StopFlow } from '../../src/errors.ts';

let data: string;
beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), 'tidemark-token-'));
});
afterEach(() => rm(data, { recursive: true, force: true }));

it('several processes that start together have one token, which nobody else can read', async () => {
  const made = await Promise.all(Array.from({ length: 8 }, () => ownToken(data)));
  const [token] = new Set(made.map((one) => one.token));
  expect(new Set(made.map((one) => one.token)).size).toBe(1);
  expect(await readFile(join(data, 'api-token'), 'utf8')).toBe(`${token}\n`);
  expect((await stat(join(data, 'api-token'))).mode & 0o077).toBe(0);
  expect(await readdir(data)).toEqual(['api-token']);
});

it('a link in the place of the token is not followed, and an empty file is no token', async () => {
  const file = join(data, 'api-token');
  await symlink('/etc/hostname', file);
  await expect(ownToken(data)).rejects.toThrow(StopFlow);
  await expect(ownToken(data)).rejects.toThrow(/symbolic link.*remove it/);
  await rm(file);
  await writeFile(file, '');
  await expect(ownToken(data)).rejects.toThrow(BadConfiguration);
});
