/** Where a command is run: its configuration and its data directory. The one place that looks for either. */
import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { loadConfig } from '../config/load.ts';
import type { Config } from '../config.ts';
import type { OpenEngines } from '../engines.ts';
import { BadConfiguration, messageOf, StopFlow } from '../errors.ts';
import { codeOf } from '../log/disk.ts';
import { type Environment, gitCommand } from '../sources/git-command.ts';

const DEFAULT_FILE = 'tidemark.yaml';
const FOLDER = '.tidemark';

export interface Place {
  readonly config: Config;
  readonly file: string | undefined;
  /** Of the repository that we are in. */
  readonly top: string | undefined;
  /** Made with its first use. */
  readonly data: string;
  readonly environment: Environment;
  readonly engines: LoadEngines;
}

/** Loaded by whoever holds the data directory. */
export type LoadEngines = () => Promise<{ readonly openEngines: OpenEngines }>;

export interface Surroundings {
  readonly env: Environment;
  readonly cwd: string;
  readonly engines: LoadEngines;
}

export const findPlace = async ({ env, cwd, engines }: Surroundings): Promise<Place> => {
  const top = await repositoryTop(cwd, env);
  // From a folder of a repository it is the repository that is meant, as with git itself.
  const here = env.TIDEMARK_CONFIG || top === undefined || (await read(join(cwd, DEFAULT_FILE))) !== undefined;
  const data = env.TIDEMARK_DATA && resolve(cwd, env.TIDEMARK_DATA);
  const { config, file } = await loadConfig({
    env: { ...env, TIDEMARK_DATA: data },
    cwd: here ? cwd : top,
    read,
  });
  if (file === undefined && top === undefined)
    throw new BadConfiguration(
      `${cwd} is not in a git repository, and there is no ${DEFAULT_FILE}. Go into a repository, or name the repositories to serve in a ${DEFAULT_FILE}:\n  pipelines: { default: { sources: [{ git: { path: ../handbook } }] } }`,
    );
  const folder = join(top ?? dirname(file ?? cwd), FOLDER);
  return { config, file, top, data: config.data ?? folder, environment: env, engines };
};

/** The top of the work tree; of a bare repository its own directory. */
const repositoryTop = async (cwd: string, environment: Environment): Promise<string | undefined> => {
  const signal = new AbortController().signal;
  const git = gitCommand({ place: ['-C', cwd], environment, signal });
  try {
    const { stdout, code } = await git.run(['rev-parse', '--show-toplevel'], { codes: [0, 128] });
    if (code === 0) return stdout.toString('utf8').replace(/\n$/, '');
    const bare = await git.run(['rev-parse', '--is-bare-repository', '--absolute-git-dir'], { codes: [0, 128] });
    const [isBare, directory] = bare.stdout.toString('utf8').split('\n');
    return isBare === 'true' ? directory : undefined;
  } catch (error) {
    // Without git a configuration may still say where everything is.
    if (error instanceof StopFlow) return undefined;
    throw error;
  }
};

const read = async (path: string): Promise<string | undefined> => {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined;
    throw new BadConfiguration(`read ${path}: ${messageOf(error)}`, { cause: error });
  }
};
