import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TOKEN_SCOPES, type TokenOptions } from '../config.ts';
import { BadConfiguration } from '../errors.ts';
import { codeOf } from '../log/disk.ts';

export const OWN_TOKEN = 'api-token';

/** For whoever can read the data directory, where the configuration names nobody. Stays the same from start to start. */
export const ownToken = async (data: string): Promise<TokenOptions> => {
  const file = join(data, OWN_TOKEN);
  const made = randomBytes(32).toString('base64url');
  try {
    await writeFile(file, `${made}\n`, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  }
  const token = (await readFile(file, 'utf8')).trim();
  if (token.length < made.length)
    throw new BadConfiguration(`${file} holds no token: remove the file, and the next start makes a new one`);
  return { name: OWN_TOKEN, token, scopes: [...TOKEN_SCOPES], projects: [] };
};
