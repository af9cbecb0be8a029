/**
 * Whether a data directory may be believed. What lies in it says whom to ask and who may ask, and is searched: it has to
 * come from this user, on this machine, and from nobody else.
 */
import { chmod, lstat, mkdir, readdir, realpath, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { BadConfiguration, codeOf, messageOf } from '../errors.ts';
import { shellWord } from '../runtime/printable.ts';
import { type Environment, gitCommand } from '../sources/git/command.ts';
import type { Telemetry } from '../telemetry.ts';

const OTHERS = 0o077;
const OTHERS_WRITE = 0o022;
/** What Tidemark puts at the top of one. */
const OURS = /^(?:\.gitignore|api-token|blobs|lock\.\d+)$/;
const IGNORES_ALL = '.gitignore';
/** Git says so where nothing around the directory is tracked by it. */
const UNTRACKED = /not a git repository|must be run in a work tree/;
const MAX_LISTED_BYTES = 4_096;

/** Why it is not believed, and what to do about it. */
export interface Doubt {
  readonly finding: string;
  readonly remedy: string;
}

export interface Asking {
  readonly data: string;
  readonly environment: Environment;
  /** Whose it has to be; nobody's in particular on Windows, which has no users of this kind. */
  readonly user?: number | undefined;
}

/** Makes it where it is not there. Throws `BadConfiguration` with the remedy for one that is not to be believed. */
export const openDataDirectory = async (asking: Asking, telemetry: () => Promise<Telemetry>): Promise<void> => {
  const { data } = asking;
  try {
    const made = await mkdir(data, { recursive: true, mode: 0o700 }).catch(nothingIfThere);
    const doubt = made === undefined ? await doubtOf(asking) : undefined;
    if (doubt) throw new BadConfiguration(`${doubt.finding}. ${doubt.remedy}`);
    await closeToOthers(data, telemetry);
    await writeFile(join(data, IGNORES_ALL), '*\n', { flag: 'wx', mode: 0o600 }).catch(nothingIfThere);
  } catch (error) {
    if (error instanceof BadConfiguration) throw error;
    throw new BadConfiguration(
      `open the data directory ${data}: ${messageOf(error)}. TIDEMARK_DATA names another place for it`,
      { cause: error },
    );
  }
};

/** `undefined` for one that is believed, or that is not there. */
export const doubtOf = async ({
  data,
  environment,
  user = process.geteuid?.(),
}: Asking): Promise<Doubt | undefined> => {
  const found = await lstat(data).catch(nothingIfAbsent);
  if (!found) return undefined;
  if (found.isSymbolicLink())
    return {
      finding: `the data directory ${data} is a symbolic link`,
      remedy: `Where you have made it, name the place itself: TIDEMARK_DATA=${shellWord(await targetOf(data))}`,
    };
  if (!found.isDirectory()) return { finding: `the data directory ${data} is no directory`, remedy: elsewhere(data) };
  if (user !== undefined && found.uid !== user)
    return {
      finding: `the data directory ${data} belongs to user ${found.uid}, and this is user ${user}`,
      // A volume belongs to root wherever it is mounted, and whoever runs here may make a directory in it.
      remedy: `Run it as that user, or name a directory that Tidemark makes: TIDEMARK_DATA=${shellWord(found.uid === 0 ? join(data, 'tidemark') : `${data}-data`)}`,
    };
  const tracked = await trackedDoubt(data, environment);
  return tracked ?? (user === undefined ? undefined : await openness(data, found.mode));
};

const elsewhere = (data: string) => `Move it away, or name another place: TIDEMARK_DATA=${shellWord(`${data}-data`)}`;

const targetOf = (link: string): Promise<string> => realpath(link).catch(() => `${link}-data`);

/** What is merely open for reading is closed, as nobody else can have put anything in. */
const openness = async (data: string, mode: number): Promise<Doubt | undefined> => {
  if ((mode & OTHERS) === 0) return undefined;
  const names = await readdir(data);
  if (names.length === 0) return undefined;
  if (!names.some((name) => OURS.test(name)))
    return {
      finding: `the data directory ${data} holds what is not Tidemark's, and others may read it`,
      remedy: `Name a directory that Tidemark makes: TIDEMARK_DATA=${shellWord(join(data, 'tidemark'))}`,
    };
  const writable = (mode & OTHERS_WRITE) !== 0 ? data : await firstWritable(data);
  return writable === undefined
    ? undefined
    : {
        finding: `others may write to ${writable}, so what is in the data directory need not be yours`,
        remedy: `If nobody else has been there: chmod -R go-rwx ${shellWord(data)}`,
      };
};

const firstWritable = async (directory: string): Promise<string | undefined> => {
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    const found = await lstat(path).catch(nothingIfAbsent);
    if (!found || found.isSymbolicLink()) continue;
    if ((found.mode & OTHERS_WRITE) !== 0) return path;
    const below = found.isDirectory() ? await firstWritable(path) : undefined;
    if (below !== undefined) return below;
  }
  return undefined;
};

const closeToOthers = async (data: string, telemetry: () => Promise<Telemetry>): Promise<void> => {
  const { mode } = await lstat(data);
  if (process.geteuid === undefined || (mode & OTHERS) === 0) return;
  const isEmpty = (await readdir(data)).length === 0;
  await chmod(data, 0o700);
  const { mode: now } = await lstat(data);
  if ((now & OTHERS) !== 0)
    throw new BadConfiguration(
      `the data directory ${data} cannot be closed to others: its file system keeps no permissions. TIDEMARK_DATA names another place for it`,
    );
  if (!isEmpty) (await telemetry()).dataDirectoryClosed({ directory: data, mode: (mode & 0o777).toString(8) });
};

/** Whoever clones a repository has not written what is in it. */
const trackedDoubt = async (data: string, environment: Environment): Promise<Doubt | undefined> => {
  const parent = await realpath(dirname(data));
  const top = await workTreeOf(parent);
  if (top === undefined) return undefined;
  const path = relative(top, join(parent, basename(data)));
  const git = gitCommand({ place: ['-C', top], environment, signal: new AbortController().signal });
  // Of any case, as a file system without cases takes them for one; and of the first file alone.
  const pathspec = `:(icase,literal)${path.replaceAll('\\', '/')}`;
  const asked = ['--no-literal-pathspecs', 'ls-files', '-z', '--', pathspec];
  const { code, stdout, stderr } = await git.run(asked, { codes: [0, 128], maxBytes: MAX_LISTED_BYTES });
  if (code !== 0 && UNTRACKED.test(stderr)) return undefined;
  if (code !== 0)
    return {
      finding: `whether git tracks the data directory ${data} cannot be told: ${stderr.trim()}`,
      remedy: 'Name one outside of the repository: TIDEMARK_DATA',
    };
  const [first = ''] = stdout.toString('utf8').split('\0');
  if (first === '') return undefined;
  return {
    finding: `git tracks ${first} in ${top}: what is in the data directory may come from whoever has committed it`,
    remedy: `Remove it, and Tidemark makes its own: git -C ${shellWord(top)} rm -r -f -q -- ${shellWord(path)}`,
  };
};

/** Nobody can commit a `.git`, so that whatever has one was made on this machine; a bare repository looks like any folder. */
const workTreeOf = async (directory: string): Promise<string | undefined> => {
  for (let at = directory; ; at = dirname(at)) {
    if (await lstat(join(at, '.git')).catch(nothingIfAbsent)) return at;
    if (dirname(at) === at) return undefined;
  }
};

const nothingIfThere = (error: unknown): undefined => {
  if (codeOf(error) === 'EEXIST') return undefined;
  throw error;
};

const nothingIfAbsent = (error: unknown): undefined => {
  if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined;
  throw error;
};
