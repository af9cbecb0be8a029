import { StopFlow, TryAgain } from '../../errors.ts';
import { pathFromBytes } from '../../paths/bytes.ts';
import type { RefNames } from '../../paths/ref-selection.ts';
import type { TreeEntry } from '../../ports.ts';
import { MIB } from '../../units.ts';
import { type Environment, type Git, gitCommand } from './command.ts';
import { type GitObject, objectReader } from './objects.ts';
import { gitRefs, type Refs } from './refs.ts';
import { isSubmodule } from './trees.ts';

/** A folder with millions of files; git itself can hardly work with more. */
const TREE_BYTES = 256 * MIB;

export interface RepositoryOptions {
  /** Absolute; anything inside a repository. */
  readonly path: string;
  readonly names: RefNames;
  readonly environment: Environment;
  readonly program: string;
  readonly maxBlobBytes: number;
  readonly commandDeadlineMs: number;
  readonly objectDeadlineMs: number;
  readonly signal: AbortSignal;
}

/** What a process that has seen nothing before says of an object. */
export type Fact = { readonly type: string; readonly size: number } | TryAgain;

export interface Repository {
  readonly git: Git;
  readonly refs: Refs;
  /** The trees of commits and folders, by `<commit>^{tree}` or id. */
  tree(name: string): Promise<GitObject | undefined>;
  /** May miss a blob that came after a repack; `facts` does not. */
  blob(id: string): Promise<GitObject | undefined>;
  /** Lets `blob` see the repository as it is now. */
  renewBlobs(): void;
  /** Which of the objects are there for certain, or cannot be read; those that are certainly not there are left out. */
  facts(names: readonly string[]): Promise<ReadonlyMap<string, Fact>>;
  /** With the sizes of those blobs that are there. */
  sized(entries: readonly TreeEntry[]): Promise<TreeEntry[]>;
  close(): Promise<void>;
}

export const isId = (id: string): boolean => /^[0-9a-f]{40}([0-9a-f]{24})?$/.test(id);

export const openRepository = async (options: RepositoryOptions): Promise<Repository> => {
  const { path, names, environment, program, maxBlobBytes, commandDeadlineMs, objectDeadlineMs, signal } = options;
  const command = { environment, program, deadlineMs: commandDeadlineMs, signal };

  // Looked for once. From now on that directory or nothing: were it removed, git would go on to look further up and
  // might find another repository.
  const { stdout } = await gitCommand({ ...command, place: ['-C', path] }).run(['rev-parse', '--absolute-git-dir']);
  const directory = stdout.toString('utf8').replace(/\n$/, '');
  const git = gitCommand({ ...command, place: ['--git-dir', directory] });

  // One process each, so that a page of a tree does not wait for large blobs.
  const trees = objectReader(git, { what: 'contents', maxBytes: TREE_BYTES, deadlineMs: objectDeadlineMs });
  const blobs = objectReader(git, { what: 'contents', maxBytes: maxBlobBytes, deadlineMs: objectDeadlineMs });
  const sizes = objectReader(git, { what: 'sizes', maxBytes: 0, deadlineMs: objectDeadlineMs });
  const typeOf = async (id: string) => (await sizes.read(id))?.type;
  const refs = await gitRefs({ git, typeOf, directory, names });

  /** Git says "missing" of a damaged object too. Only its standard error tells them apart. */
  const facts = async (names: readonly string[]): Promise<Map<string, Fact>> => {
    const found = new Map<string, Fact>();
    if (names.length === 0) return found;
    const input = names.map((name) => `${name}\n`).join('');
    const { stdout, stderr } = await git.run(['cat-file', '--batch-check=%(objecttype) %(objectsize)'], { input });
    const lines = stdout.toString('latin1').split('\n');
    const missing: string[] = [];
    for (const [index, name] of names.entries()) {
      const line = lines[index] ?? '';
      const [, type, size] = /^(\w+) (\d+)$/.exec(line) ?? [];
      if (type !== undefined && size !== undefined) found.set(name, { type, size: Number(size) });
      else if (line.endsWith(' missing')) missing.push(name);
      else throw new TryAgain(`git says ${JSON.stringify(line)} of object ${name}`);
    }
    if (stderr === '') return found;
    if (names.length === 1) {
      for (const name of missing) found.set(name, new TryAgain(`cannot read ${name}: ${stderr.trim()}`));
      return found;
    }
    for (const name of missing) for (const [key, fact] of await facts([name])) found.set(key, fact);
    return found;
  };

  const tree = async (name: string): Promise<GitObject | undefined> => {
    const found = await trees.read(name);
    if (found) return found;
    const fact = (await facts([name])).get(name);
    if (fact === undefined) return undefined;
    if (fact instanceof Error) throw fact;
    trees.renew();
    const again = await trees.read(name);
    if (!again) throw new TryAgain(`git has ${name} and does not give it`);
    return again;
  };

  return {
    git,
    refs,
    tree,
    blob: blobs.read,
    renewBlobs: blobs.renew,
    facts,

    async sized(entries) {
      const read = async (entry: TreeEntry) => {
        if (isSubmodule(entry.type)) return entry;
        const found = await sizes.read(entry.blob);
        return found ? { ...entry, size: found.size } : entry;
      };
      return Promise.all(entries.map(read));
    },

    async close() {
      await Promise.all([trees.close(), blobs.close(), sizes.close()]);
    },
  };
};

/** The path is given to git as it stands, so it must be one that a command line can carry. */
export const assertPlace = (path: string): void => {
  if (pathFromBytes(Buffer.from(path)) !== path || path.includes('\0')) {
    throw new StopFlow(`no path of a repository: ${JSON.stringify(path)}`);
  }
};
