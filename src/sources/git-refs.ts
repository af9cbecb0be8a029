import { lstat, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { TryAgain } from '../errors.ts';
import { isUnicode, pathFromBytes, pathToBytes } from '../paths.ts';
import type { Git } from './git-command.ts';

/** The ref of a repository whose HEAD is no branch, as after `git checkout v1.0` and in many CI jobs. */
const DETACHED = 'HEAD';
const HEADS = 'refs/heads/';

/** Where git notes the branch that it will come back to. A rebase is no reason to index another ref meanwhile. */
const INTERRUPTED = ['rebase-merge/head-name', 'rebase-apply/head-name', 'BISECT_START'];

/** No ref can have such a name: git need not be asked, and must not be, because it would read a pattern or another file. */
const isImpossible = (ref: string): boolean =>
  ref === '' || ref.includes('..') || /[~^:?*[\\]/.test(ref) || Array.from(ref).some((char) => char <= ' ');

const nameOf = (latin1: string): string => pathFromBytes(Buffer.from(latin1.trimEnd(), 'latin1'));

export interface Glance {
  /** Changes whenever the refs may have changed. */
  readonly all: string;
  /** Changes whenever somebody has written HEAD or the ref, also back to what it was. */
  readonly written: string;
}

export interface Refs {
  /** The one ref that is followed, with its head; empty while it has none. */
  followed(): Promise<ReadonlyMap<string, string>>;
  head(ref: string): Promise<string | undefined>;
  /** Costs no process. */
  glance(): Promise<Glance>;
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';

const isAbsent = (error: unknown): boolean => ['ENOENT', 'ENOTDIR'].includes(codeOf(error));

const contentOf = async (file: string | Buffer): Promise<string | undefined> => {
  try {
    return await readFile(file, 'latin1');
  } catch (error) {
    // `EISDIR`: refs/heads/team, where team/blue is the branch.
    if (isAbsent(error) || codeOf(error) === 'EISDIR') return undefined;
    throw new TryAgain(`cannot read ${file}`, { cause: error });
  }
};

const mark = async (file: string | Buffer): Promise<string> => {
  try {
    const { ino, size, mtimeNs, ctimeNs } = await lstat(file, { bigint: true });
    return [ino, size, mtimeNs, ctimeNs].join(' ');
  } catch (error) {
    if (isAbsent(error)) return '';
    throw new TryAgain(`cannot look at ${file}`, { cause: error });
  }
};

export interface RefsOptions {
  readonly git: Git;
  /** Of this work tree; HEAD is there. */
  readonly directory: string;
  /** Followed whatever HEAD says. */
  readonly ref: string | undefined;
}

/** Branches are kept by the repository, HEAD by each of its work trees. */
const sharedBy = async (directory: string): Promise<string> =>
  resolve(directory, ((await contentOf(join(directory, 'commondir'))) ?? '.').trimEnd());

export const gitRefs = async ({ git, directory, ref: configured }: RefsOptions): Promise<Refs> => {
  const shared = await sharedBy(directory);

  const fileOf = (ref: string) => Buffer.concat([Buffer.from(join(shared, HEADS)), pathToBytes(ref)]);

  /** The branch that HEAD names, born or not. */
  const checkedOut = async (): Promise<string | undefined> => {
    const { code, stdout } = await git.run(['symbolic-ref', '-q', 'HEAD'], { codes: [0, 1] });
    const name = pathFromBytes(stdout.subarray(0, -1));
    return code === 0 && name.startsWith(HEADS) ? name.slice(HEADS.length) : undefined;
  };

  const interrupted = async (): Promise<string | undefined> => {
    for (const file of INTERRUPTED) {
      const name = nameOf((await contentOf(join(directory, file))) ?? '');
      const branch = name.startsWith(HEADS) ? name.slice(HEADS.length) : name;
      if (name !== '' && branch !== DETACHED && (await head(branch)) !== undefined) return branch;
    }
    return undefined;
  };

  /**
   * A list says more than a question about one ref: it fails when it cannot be made, and its end is the proof that
   * a ref is not there.
   */
  const listed = async (ref: string) => {
    const pattern = isUnicode(ref) ? HEADS + ref : HEADS;
    const { stdout, stderr } = await git.run([
      'for-each-ref',
      '--format=%(objectname) %(objecttype) %(refname)',
      pattern,
    ]);
    for (const line of stdout.toString('latin1').split('\n')) {
      const [commit, type, ...name] = line.split(' ');
      if (nameOf(name.join(' ')) !== HEADS + ref) continue;
      if (type !== 'commit') throw new TryAgain(`branch ${ref} is at ${commit}, a ${type} and no commit`);
      return { commit, stderr };
    }
    return { commit: undefined, stderr };
  };

  const head = async (ref: string): Promise<string | undefined> => {
    if (ref === DETACHED) return detached();
    if (isImpossible(ref)) return undefined;
    const { commit, stderr } = await listed(ref);
    if (commit !== undefined) return commit;
    // What git passes over with a warning, or without a word, would look like a deleted branch.
    if (/ignoring broken ref/.test(stderr))
      throw new TryAgain(`cannot tell whether branch ${ref} is there: ${stderr.trim()}`);
    if ((await contentOf(fileOf(ref))) !== undefined) {
      const again = await listed(ref);
      if (again.commit === undefined) throw new TryAgain(`branch ${ref} has a file that git does not list`);
      return again.commit;
    }
    return undefined;
  };

  const detached = async (): Promise<string | undefined> => {
    if ((await checkedOut()) !== undefined) return undefined;
    const { code, stdout } = await git.run(['rev-parse', '--verify', '-q', 'HEAD^{commit}'], { codes: [0, 1] });
    if (code !== 0) throw new TryAgain('HEAD names no branch, and no commit that is there');
    return stdout.toString('latin1').trim();
  };

  let writtenAt = '';

  const current = async () => configured ?? (await checkedOut()) ?? (await interrupted()) ?? DETACHED;

  return {
    async followed() {
      const ref = await current();
      const commit = await head(ref);
      return new Map(commit === undefined ? [] : [[ref, commit]]);
    },
    head,

    async glance() {
      const at = await contentOf(join(directory, 'HEAD'));
      const ref = configured ?? (at?.startsWith(`ref: ${HEADS}`) ? nameOf(at.slice(`ref: ${HEADS}`.length)) : '');
      const loose = ref === '' ? '' : await contentOf(fileOf(ref));
      // Git replaces these files, and never writes into them.
      const [packed = '', tables = ''] = await Promise.all(
        ['packed-refs', 'reftable/tables.list'].map((file) => mark(join(shared, file))),
      );
      const ownTables = await mark(join(directory, 'reftable/tables.list'));
      const later = ref === '' ? await Promise.all(INTERRUPTED.map((file) => mark(join(directory, file)))) : [];
      // A ref that is packed loses its file, and nobody has written it.
      if (loose !== undefined) writtenAt = await mark(fileOf(ref));
      return {
        all: JSON.stringify([at, loose, packed, tables, ownTables, later]),
        written: JSON.stringify([await mark(join(directory, 'HEAD')), writtenAt, tables, ownTables]),
      };
    },
  };
};
