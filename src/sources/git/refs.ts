import { lstat, readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { codeOf, messageOf, TryAgain } from '../../errors.ts';
import { isUnicode, pathFromBytes, pathToBytes } from '../../paths/bytes.ts';
import { isBranchName, isPattern, type RefNames, refSelection } from '../../paths/ref-selection.ts';
import { readPlainFile } from '../../runtime/plain-file.ts';
import type { Git } from './command.ts';

/** The ref of a repository whose HEAD is no branch, as after `git checkout v1.0` and in many CI jobs. */
const DETACHED = 'HEAD';
const HEADS = 'refs/heads/';

/** Where git notes the branch that it will come back to. A rebase is no reason to index another ref meanwhile. */
const INTERRUPTED = ['rebase-merge/head-name', 'rebase-apply/head-name', 'BISECT_START'];

/** What the file of a symbolic ref leads to, be it there or not. */
const symbolicTarget = (content: string): string | undefined => /^ref:\s*(\S+)\s*$/.exec(content)?.[1];

const nameOf = (latin1: string): string => pathFromBytes(Buffer.from(latin1.trimEnd(), 'latin1'));

export interface Glance {
  /** Changes whenever the refs may have changed. */
  readonly all: string;
  /** By ref, changes whenever somebody has written it, also back to what it was. */
  readonly written: ReadonlyMap<string, string>;
  /** The same of what stands for all of them, as HEAD does. */
  readonly common: string;
}

export interface Refs {
  /** The refs that are followed, with their heads: those that there are. */
  followed(): Promise<ReadonlyMap<string, string>>;
  head(ref: string): Promise<string | undefined>;
  /** The branch that HEAD names and that has no commit, where HEAD is what is followed. */
  unborn(): Promise<string | undefined>;
  /** Costs no process. */
  glance(): Promise<Glance>;
}

const isAbsent = (error: unknown): boolean => ['ENOENT', 'ENOTDIR'].includes(codeOf(error));

const contentOf = async (file: string | Buffer): Promise<string | undefined> => {
  try {
    return await readPlainFile(file, 'latin1');
  } catch (error) {
    // `EISDIR`: refs/heads/team, where team/blue is the branch.
    if (isAbsent(error) || codeOf(error) === 'EISDIR') return undefined;
    throw new TryAgain(`cannot read ${file}: ${messageOf(error)}`, { cause: error });
  }
};

const entriesOf = async (folder: Buffer) => {
  try {
    return await readdir(folder, { encoding: 'latin1', withFileTypes: true });
  } catch (error) {
    if (isAbsent(error)) return [];
    throw new TryAgain(`cannot list ${folder}`, { cause: error });
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
  /** What kind of object it is, as far as a git that runs already knows. */
  typeOf(id: string): Promise<string | undefined>;
  /** Of this work tree; HEAD is there. */
  readonly directory: string;
  /** Followed whatever HEAD says; without any it is the branch that HEAD names. */
  readonly names: RefNames;
}

/** Branches are kept by the repository, HEAD by each of its work trees. */
const sharedBy = async (directory: string): Promise<string> =>
  resolve(directory, ((await contentOf(join(directory, 'commondir'))) ?? '.').trimEnd());

export const gitRefs = async ({ git, typeOf, directory, names }: RefsOptions): Promise<Refs> => {
  const shared = await sharedBy(directory);
  const selected = refSelection(names);

  const fileOf = (ref: string) => Buffer.concat([Buffer.from(join(shared, HEADS)), pathToBytes(ref)]);

  /** From the branch's own file, which git would read first: processes cost more than all else that a small push takes. */
  const ownFile = async (ref: string): Promise<string | undefined> =>
    /^([0-9a-f]{40}|[0-9a-f]{64})\n$/.exec((await contentOf(fileOf(ref))) ?? '')?.[1];

  /** The branch that HEAD names, born or not. */
  const checkedOut = async (): Promise<string | undefined> => {
    const named = /^ref: refs\/heads\/(.+)\n$/.exec((await contentOf(join(directory, 'HEAD'))) ?? '')?.[1];
    if (named !== undefined && (await ownFile(nameOf(named))) !== undefined) return nameOf(named);
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
  const list = async (pattern: string) => {
    const format = '--format=%(objectname) %(objecttype) %(refname)';
    const { stdout, stderr } = await git.run(['for-each-ref', format, pattern]);
    const heads = new Map<string, { readonly commit: string; readonly type: string }>();
    for (const line of stdout.toString('latin1').split('\n')) {
      const [commit = '', type = '', ...name] = line.split(' ');
      if (commit !== '') heads.set(nameOf(name.join(' ')).slice(HEADS.length), { commit, type });
    }
    return { heads, stderr };
  };

  const commitAt = (ref: string, { commit, type }: { readonly commit: string; readonly type: string }): string => {
    if (type !== 'commit') throw new TryAgain(`branch ${ref} is at ${commit}, a ${type} and no commit`);
    return commit;
  };

  const listed = async (ref: string) => {
    const { heads, stderr } = await list(isUnicode(ref) ? HEADS + ref : HEADS);
    const found = heads.get(ref);
    return { commit: found && commitAt(ref, found), stderr };
  };

  const head = async (ref: string): Promise<string | undefined> => {
    if (ref === DETACHED) return detached();
    // Git need not be asked, and must not be, because it would read a pattern or another file.
    if (isPattern(ref) || !isBranchName(ref)) return undefined;
    const at = await ownFile(ref);
    if (at !== undefined && (await typeOf(at)) === 'commit') return at;
    const { commit, stderr } = await listed(ref);
    if (commit !== undefined) return commit;
    // What git passes over with a warning, or without a word, would look like a deleted branch.
    if (/ignoring broken ref/.test(stderr))
      throw new TryAgain(`cannot tell whether branch ${ref} is there: ${stderr.trim()}`);
    const content = await contentOf(fileOf(ref));
    if (content === undefined) return undefined;
    const again = await listed(ref);
    if (again.commit !== undefined) return again.commit;
    const target = symbolicTarget(content);
    if (target === undefined) throw new TryAgain(`branch ${ref} has a file that git does not list`);
    // A name for a branch that is not there is no branch either; one for a broken ref is as broken as that.
    const { stderr: ofTarget } = await list(target);
    if (/ignoring broken ref/.test(ofTarget))
      throw new TryAgain(`cannot tell whether branch ${ref} is there: ${ofTarget.trim()}`);
    return undefined;
  };

  const detached = async (): Promise<string | undefined> => {
    if ((await checkedOut()) !== undefined) return undefined;
    const { code, stdout } = await git.run(['rev-parse', '--verify', '-q', 'HEAD^{commit}'], { codes: [0, 1] });
    if (code !== 0) throw new TryAgain('HEAD names no branch, and no commit that is there');
    return stdout.toString('latin1').trim();
  };

  /** Branches with a file of their own, whether git lists them or not. */
  const loose = async (folder = ''): Promise<string[]> => {
    const found: string[] = [];
    for (const entry of await entriesOf(
      Buffer.concat([Buffer.from(join(shared, HEADS)), Buffer.from(folder, 'latin1')]),
    )) {
      const name = folder + entry.name;
      if (entry.isDirectory()) found.push(...(await loose(`${name}/`)));
      // Where a write is being prepared.
      else if (!name.endsWith('.lock')) found.push(nameOf(name));
    }
    return found;
  };

  const hasPatterns = names.some(isPattern);

  /** Those of a pattern that are loose: a branch that is packed is written to a file of its own when it moves. */
  const watched = async (atHead: string | undefined): Promise<readonly string[]> => {
    if (hasPatterns) return (await loose()).filter(selected);
    if (names.length > 0) return names;
    return atHead?.startsWith(`ref: ${HEADS}`) ? [nameOf(atHead.slice(`ref: ${HEADS}`.length))] : [];
  };

  const matching = async (): Promise<ReadonlyMap<string, string>> => {
    const { heads } = await list(HEADS);
    const found = new Map<string, string>();
    for (const [ref, at] of heads) if (selected(ref)) found.set(ref, commitAt(ref, at));
    for (const ref of (await loose()).filter((one) => selected(one) && !found.has(one))) {
      const commit = await head(ref);
      if (commit !== undefined) found.set(ref, commit);
    }
    return found;
  };

  const writtenAt = new Map<string, string>();

  const current = async () => (await checkedOut()) ?? (await interrupted()) ?? DETACHED;

  return {
    async followed() {
      if (hasPatterns) return matching();
      const found = new Map<string, string>();
      for (const ref of names.length > 0 ? names : [await current()]) {
        const commit = await head(ref);
        if (commit !== undefined) found.set(ref, commit);
      }
      return found;
    },
    head,

    async unborn() {
      const branch = names.length > 0 ? undefined : await checkedOut();
      return branch !== undefined && (await head(branch)) === undefined ? branch : undefined;
    },

    async glance() {
      // What HEAD says makes no difference to branches that are named.
      const [at, written] =
        names.length > 0 ? [] : [await contentOf(join(directory, 'HEAD')), await mark(join(directory, 'HEAD'))];
      const refs = await watched(at);
      const contents = await Promise.all(refs.map((ref) => contentOf(fileOf(ref))));
      // Git replaces these files, and never writes into them.
      const [packed = '', tables = ''] = await Promise.all(
        ['packed-refs', 'reftable/tables.list'].map((file) => mark(join(shared, file))),
      );
      const ownTables = await mark(join(directory, 'reftable/tables.list'));
      const later = refs.length === 0 ? await Promise.all(INTERRUPTED.map((file) => mark(join(directory, file)))) : [];
      // A ref that is packed loses its file, and nobody has written it.
      for (const [index, ref] of refs.entries())
        if (contents[index] !== undefined) writtenAt.set(ref, await mark(fileOf(ref)));
      return {
        all: JSON.stringify([at, refs, contents, packed, tables, ownTables, later]),
        written: new Map(writtenAt),
        common: JSON.stringify([written, tables, ownTables]),
      };
    },
  };
};
