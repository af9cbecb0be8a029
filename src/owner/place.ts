/** Where a command is run: its configuration and its data directory. The one place that looks for either. */
import { realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { DEFAULT_FILE, type Found, loadConfig, type Named, namedIn } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { BadConfiguration, codeOf, messageOf, StopFlow } from '../errors.ts';
import type { OpenEngines } from '../pipeline/engines.ts';
import { readPlainFile } from '../runtime/plain-file.ts';
import { type Environment, gitCommand } from '../sources/git/command.ts';
import { trustedBy } from './trusted.ts';

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
  /** The configuration, as it was named beside the environment. */
  readonly named?: Named | undefined;
}

export const findPlace = async ({ env, cwd, engines, named }: Surroundings): Promise<Place> => {
  const { top, from } = await whereFound({ env, cwd, named });
  const data = env.TIDEMARK_DATA && resolve(cwd, env.TIDEMARK_DATA);
  const { config, file } = await loadConfig({
    env: { ...env, TIDEMARK_DATA: data },
    cwd: from,
    read: contentOf,
    named,
    found: foundIn(top, env),
  });
  if (file === undefined && top === undefined)
    throw new BadConfiguration(
      `${cwd} is not in a git repository, and there is no ${DEFAULT_FILE}. Go into a repository, or name the repositories to serve in a ${DEFAULT_FILE}:\n  pipelines: { default: { sources: [{ git: { path: ../handbook } }] } }`,
    );
  const folder = join(top ?? dirname(file ?? cwd), FOLDER);
  return { config, file, top, data: config.data ?? folder, environment: env, engines };
};

/** The repository that we are in, and the directory whose file is meant. */
export const whereFound = async ({
  env,
  cwd,
  named,
}: Pick<Surroundings, 'env' | 'cwd' | 'named'>): Promise<{
  readonly top: string | undefined;
  readonly from: string;
}> => {
  const top = await repositoryTop(cwd, env);
  if (top === undefined || namedIn({ env, named })) return { top, from: cwd };
  // From a folder of a repository it is the repository that is meant, as with git itself.
  return { top, from: (await contentOf(join(cwd, DEFAULT_FILE))) === undefined ? top : cwd };
};

export const foundIn = (root: string | undefined, env: Environment): Found => ({
  root,
  real,
  isTrusted: trustedBy(env).has,
});

/** Where nothing is, or links lead in a circle, nothing leads further. */
const real = async (path: string): Promise<string> => {
  try {
    return await realpath(path);
  } catch {
    return dirname(path) === path ? path : join(await real(dirname(path)), basename(path));
  }
};

/** The top of the work tree; of a bare repository its own directory. */
export const repositoryTop = async (cwd: string, environment: Environment): Promise<string | undefined> => {
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

export const contentOf = async (path: string): Promise<string | undefined> => {
  try {
    return await readPlainFile(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined;
    throw new BadConfiguration(`read ${path}: ${messageOf(error)}`, { cause: error });
  }
};
