import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { appendFile, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Plain content, or a mode with content (a symlink's target), or a submodule's commit. */
export type File =
  | string
  | Uint8Array
  | { readonly mode: '100644' | '100755' | '120000'; readonly content: string | Uint8Array }
  | { readonly mode: '160000'; readonly commit: string };

export interface Commit {
  readonly branch?: string;
  /** By path; bytes that are not UTF-8 as a Buffer. `null` deletes. */
  readonly files: Iterable<readonly [path: string | Buffer, file: File | null]>;
  /** Starts from nothing instead of the branch: a force push. */
  readonly orphan?: boolean;
}

export interface TestRepository {
  readonly directory: string;
  /** Runs git in it, and gives what it wrote, without the last newline. */
  git(...args: string[]): Promise<string>;
  run(args: readonly string[], input?: string | Uint8Array): Promise<Buffer>;
  /** Makes a commit without a work tree, which could not hold every path, and gives its id. */
  commit(commit: Commit): Promise<string>;
  remove(): Promise<void>;
}

/** What a listing says, as git writes it; paths and all else as Latin-1, so that bytes are compared and nothing is decoded. */
export interface Listed {
  readonly type: string;
  readonly blob: string;
  readonly size: number | undefined;
}

export const environment = () => {
  const { PATH, HOME = tmpdir(), TMPDIR = tmpdir() } = process.env;
  // What a test says is trusted is nobody else's word.
  return { PATH, HOME, TMPDIR, XDG_STATE_HOME: join(process.env.TIDEMARK_TEST_RUN ?? TMPDIR, 'state') };
};

export const runGit = (directory: string, args: readonly string[], input: string | Uint8Array = ''): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const child = spawn('git', args, { cwd: directory, env: environment() });
    const out: Buffer[] = [];
    let err = '';
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => {
      err += chunk;
    });
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve(Buffer.concat(out));
      else reject(new Error(`git ${args.join(' ')} ended with ${code}: ${err}`));
    });
    // Git may end before it has read its input; its exit code says how that went.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });

const quoted = (path: string | Buffer): string =>
  `"${[...Buffer.from(path)].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('')}"`;

const written = (path: string | Buffer, file: File | null): (string | Buffer)[] => {
  if (file === null) return [`D ${quoted(path)}\n`];
  if (typeof file === 'string' || file instanceof Uint8Array) return written(path, { mode: '100644', content: file });
  if (file.mode === '160000') return [`M 160000 ${file.commit} ${quoted(path)}\n`];
  const content = Buffer.from(file.content);
  return [`M ${file.mode} inline ${quoted(path)}\ndata ${content.length}\n`, content, '\n'];
};

export const temporaryDirectory = () => mkdtemp(join(tmpdir(), 'tidemark-git-'));

const CONFIG = `
[user]
  name = Test
  email = test@example.com
[gc]
  auto = 0
[commit]
  gpgSign = false
`;

export const makeRepository = async (flags: readonly string[] = []): Promise<TestRepository> => {
  const parent = await temporaryDirectory();
  const directory = join(parent, 'repository');
  await mkdir(directory);
  await runGit(directory, ['init', '-q', '-b', 'main', ...flags]);
  await appendFile(join(directory, flags.includes('--bare') ? '' : '.git', 'config'), CONFIG);
  const run = (args: readonly string[], input?: string | Uint8Array) => runGit(directory, args, input);
  const git = async (...args: string[]) => (await run(args)).toString('utf8').replace(/\n$/, '');
  let commits = 0;
  return {
    directory,
    git,
    run,
    async commit({ branch = 'main', files, orphan = false }) {
      commits += 1;
      const parentCommit = (await headsOf({ directory })).get(branch) ?? '';
      const lines: (string | Buffer)[] = [
        `commit refs/heads/${branch}\ncommitter Test <test@example.com> ${1_700_000_000 + commits} +0000\ndata 1\nx\n`,
      ];
      if (parentCommit !== '' && !orphan) lines.push(`from ${parentCommit}\n`);
      for (const [path, file] of files) lines.push(...written(path, file));
      if (orphan && parentCommit !== '') await git('update-ref', '-d', `refs/heads/${branch}`);
      await run(['fast-import', '--quiet', '--force'], Buffer.concat(lines.map((line) => Buffer.from(line))));
      return (await headsOf({ directory })).get(branch) ?? '';
    },
    remove: () => rm(parent, { recursive: true, force: true, maxRetries: 5 }),
  };
};

const HEADS = 'refs/heads/';

const gitDirectory = (directory: string): string =>
  existsSync(join(directory, '.git')) ? join(directory, '.git') : directory;

const NONE = /ENOENT|ENOTDIR/;
const orNone = async <T>(found: Promise<T>, none: T): Promise<T> => {
  try {
    return await found;
  } catch (error) {
    if (NONE.test(String(error))) return none;
    throw error;
  }
};

/**
 * The branches of a repository that nobody else has made, from its files: a process started from one as large as a test
 * costs more than what is tested.
 */
export const headsOf = async ({
  directory,
}: Pick<TestRepository, 'directory'>): Promise<ReadonlyMap<string, string>> => {
  const at = gitDirectory(directory);
  const heads = new Map<string, string>();
  const loose = async (folder: string): Promise<void> => {
    for (const entry of await orNone(readdir(join(at, HEADS, folder), { withFileTypes: true }), [])) {
      const name = folder + entry.name;
      if (entry.isDirectory()) await loose(`${name}/`);
      else if (!name.endsWith('.lock')) heads.set(name, await orNone(readFile(join(at, HEADS, name), 'utf8'), ''));
    }
  };
  await loose('');
  // In this order: git packs a ref before it removes its file.
  for (const line of (await orNone(readFile(join(at, 'packed-refs'), 'utf8'), '')).split('\n')) {
    const [, id, name] = /^([0-9a-f]{40,64}) refs\/heads\/(.+)$/.exec(line) ?? [];
    if (id !== undefined && name !== undefined && !heads.get(name)) heads.set(name, id);
  }
  return new Map([...heads].filter(([, id]) => id !== '').map(([name, id]) => [name, id.trim()]));
};

/** The branch that HEAD names, born or not. */
export const standardOf = async ({ directory }: TestRepository): Promise<string> =>
  (await readFile(join(gitDirectory(directory), 'HEAD'), 'utf8')).trim().slice(`ref: ${HEADS}`.length);

export const listed = async (repository: TestRepository, commit: string): Promise<Map<string, Listed>> => {
  const raw = await repository.run(['ls-tree', '-r', '-z', '-l', '--full-tree', commit]);
  return new Map(
    raw
      .toString('latin1')
      .split('\0')
      .filter((line) => line !== '')
      .map((line): [string, Listed] => {
        const tab = line.indexOf('\t');
        const [type = '', , blob = '', size] = line.slice(0, tab).split(/ +/);
        return [line.slice(tab + 1), { type, blob, size: size === '-' ? undefined : Number(size) }];
      }),
  );
};

/** What the blobs hold, by id, each of which is there. */
export const blobsOf = async (
  repository: TestRepository,
  ids: ReadonlySet<string>,
): Promise<ReadonlyMap<string, Buffer>> => {
  const raw = await repository.run(['cat-file', '--batch'], [...ids].map((id) => `${id}\n`).join(''));
  const blobs = new Map<string, Buffer>();
  for (let at = 0; at < raw.length; ) {
    const feed = raw.indexOf('\n', at);
    const [id = '', , size = ''] = raw.toString('latin1', at, feed).split(' ');
    const end = feed + 1 + Number(size);
    blobs.set(id, raw.subarray(feed + 1, end));
    at = end + 1;
  }
  return blobs;
};
