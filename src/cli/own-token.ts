import { randomBytes, randomUUID } from 'node:crypto';
import { link, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TOKEN_SCOPES, type TokenOptions } from '../config/schema.ts';
import { BadConfiguration, codeOf } from '../errors.ts';
import { readIfThere } from '../runtime/disk.ts';

export const OWN_TOKEN = 'api-token';

/** For whoever can read the data directory, where the configuration names nobody. Stays the same from start to start. */
export const ownToken = async (data: string): Promise<TokenOptions> => {
  const file = join(data, OWN_TOKEN);
  const made = randomBytes(32).toString('base64url');
  const token = ((await readIfThere(file)) ?? (await firstOf(file, made))).trim();
  if (token.length < made.length)
    throw new BadConfiguration(`${file} holds no token: remove the file, and the next start makes a new one`);
  return { name: OWN_TOKEN, token, scopes: [...TOKEN_SCOPES], projects: [] };
};

/** Of several processes that share log and store one makes it. A link appears with its content. */
const firstOf = async (file: string, made: string): Promise<string> => {
  const draft = `${file}-${randomUUID()}.tmp`;
  await writeFile(draft, `${made}\n`, { flag: 'wx', mode: 0o600 });
  try {
    await link(draft, file);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  } finally {
    await unlink(draft);
  }
  return (await readIfThere(file)) ?? '';
};
