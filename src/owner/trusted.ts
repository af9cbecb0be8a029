/**
 * Which configurations a person has vouched for, as direnv keeps it: in a directory of their own, by path and by a hash
 * of the content, so that a file that was changed needs a new word.
 */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { z } from 'zod';
import { BadConfiguration, codeOf, messageOf } from '../errors.ts';
import { readPlainFile } from '../runtime/plain-file.ts';
import type { Environment } from '../sources/git/command.ts';

export interface Trusted {
  has(file: string, content: string): Promise<boolean>;
  add(file: string, content: string): Promise<void>;
  /** Whether there was such a word. */
  remove(file: string): Promise<boolean>;
}

const wordSchema = z.object({ file: z.string(), sha256: z.string() });
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

export const trustedBy = (env: Environment): Trusted => {
  const directory = directoryOf(env);

  /** A name for every path, however it is written. A link in place of the file is not what it leads to. */
  const wordOn = async (path: string) => {
    if (directory === undefined)
      throw new BadConfiguration(
        'keep what is trusted: neither XDG_STATE_HOME nor HOME says where. --config FILE and TIDEMARK_CONFIG need no such place',
      );
    const file = join(await realpath(dirname(path)), basename(path));
    return { file, word: join(directory, sha256(file)) };
  };

  return {
    async has(path, content) {
      if (directory === undefined) return false;
      const { file, word } = await wordOn(path);
      try {
        const said = wordSchema.safeParse(JSON.parse(await readPlainFile(word)));
        return said.success && said.data.file === file && said.data.sha256 === sha256(content);
      } catch (error) {
        // No word, or none that can be read: nobody has vouched for it.
        if (codeOf(error) === 'ENOENT' || error instanceof SyntaxError) return false;
        throw new BadConfiguration(`read what is trusted: ${messageOf(error)}`, { cause: error });
      }
    },

    async add(path, content) {
      const { file, word } = await wordOn(path);
      const draft = `${word}.${randomUUID()}`;
      try {
        await mkdir(dirname(word), { recursive: true, mode: 0o700 });
        await writeFile(draft, `${JSON.stringify({ file, sha256: sha256(content) })}\n`, { flag: 'wx', mode: 0o600 });
        await rename(draft, word);
      } catch (error) {
        throw new BadConfiguration(`keep what is trusted: ${messageOf(error)}`, { cause: error });
      }
    },

    async remove(path) {
      const { word } = await wordOn(path);
      try {
        await rm(word);
        return true;
      } catch (error) {
        if (codeOf(error) === 'ENOENT') return false;
        throw new BadConfiguration(`forget what is trusted: ${messageOf(error)}`, { cause: error });
      }
    },
  };
};

/** https://specifications.freedesktop.org/basedir-spec: a path that is not absolute says nothing. */
const directoryOf = ({ XDG_STATE_HOME: state = '', HOME, USERPROFILE }: Environment): string | undefined => {
  const home = HOME || USERPROFILE;
  if (isAbsolute(state)) return join(state, 'tidemark', 'trusted');
  return home && isAbsolute(home) ? join(home, '.local', 'state', 'tidemark', 'trusted') : undefined;
};
