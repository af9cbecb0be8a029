import { execFileSync } from 'node:child_process';
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { BlockProject, DeadLetter, StopFlow, TryAgain } from '../../../src/errors.ts';
import type { TreeEntry } from '../../../src/ports.ts';
import type { GitSource, GitSourceOptions } from '../../../src/sources/git/git.ts';
import { joinedGit } from '../../../src/sources/git/joined.ts';
import { open } from '../../support/git-source.ts';
import {
  environment,
  listed,
  makeRepository,
  runGit,
  type TestRepository,
  temporaryDirectory,
} from '../../support/repository.ts';

const P = 'handbook';
const cleanups: (() => Promise<unknown>)[] = [];

const repository = async (flags: readonly string[] = []): Promise<TestRepository> => {
  const made = await makeRepository(flags);
  cleanups.push(made.remove);
  return made;
};
const source = (path: string, options: Partial<GitSourceOptions> = {}): GitSource => {
  const opened = open(path, options);
  cleanups.unshift(opened.close);
  return opened;
};
const directory = async () => {
  const path = await temporaryDirectory();
  cleanups.push(() => rm(path, { recursive: true, force: true }));
  return path;
};
/** A program that stands in for git. */
const program = async (script: string) => {
  const path = join(await directory(), 'git');
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
  return path;
};
/** Git, with the ids of its long-lived processes noted. */
const noting = async () => {
  const file = join(await directory(), 'pids');
  await writeFile(file, '');
  return {
    program: await program(`case "$*" in *--batch) echo $$ >> ${file};; esac\nexec git "$@"`),
    pids: async () => (await readFile(file, 'utf8')).split('\n').filter(Boolean).map(Number),
  };
};
const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

const entriesOf = async (from: GitSource, commit: string) => {
  const all: TreeEntry[] = [];
  for (let cursor: string | undefined; ; ) {
    const page = await from.tree(P, commit, cursor);
    all.push(...(page?.entries ?? []));
    if (page?.next === undefined) return all;
    cursor = page.next;
  }
};
const textsOf = async (from: GitSource, entries: readonly TreeEntry[], into: string[] = []) => {
  for await (const { bytes } of from.blobs(P, entries)) into.push(Buffer.from(bytes).toString());
  return into;
};

afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

describe('git source: what it opens', () => {
  it('reads the same repository from its work tree, a folder below, its git directory and a linked work tree', async () => {
    const made = await repository();
    const head = await made.commit({
      files: [
        ['docs/a', 'a'],
        ['b', 'b'],
      ],
    });
    await made.commit({ branch: 'side', files: [['only', 'here']] });
    await made.git('reset', '-q', '--hard');
    const linked = join(await directory(), 'linked');
    await made.git('worktree', 'add', '-q', linked, 'side');
    for (const path of [made.directory, join(made.directory, 'docs'), join(made.directory, '.git')]) {
      const one = source(path);
      expect(await one.refs(P)).toEqual(new Map([['main', head]]));
      expect((await entriesOf(one, head)).map((entry) => entry.path)).toEqual(['b', 'docs/a']);
    }
    expect([...(await source(linked).refs(P)).keys()]).toEqual(['side']);
    expect([...(await source(linked, { refs: ['main'] }).refs(P)).keys()]).toEqual(['main']);
  });

  it('reads a repository whose ids are SHA-256', async () => {
    const made = await repository(['--object-format=sha256']);
    const base = await made.commit({
      files: [
        ['a/b/c', 'one'],
        ['d', 'two'],
      ],
    });
    const head = await made.commit({ files: [['a/b/c', 'three']] });
    const one = source(made.directory, { pageEntries: 1 });
    const entries = await entriesOf(one, head);
    expect(entries.map((entry) => entry.blob)).toEqual(
      [...(await listed(made, head)).values()].map((file) => file.blob),
    );
    expect(await textsOf(one, entries)).toEqual(['three', 'two']);
    expect(await one.compare(P, base, head)).toEqual([entries[0]]);
    expect(await one.compare(P, 'ab'.repeat(20), head)).toBeUndefined();
  });

  it('is not led astray by the environment of a hook, nor by replacements', async () => {
    const [made, other] = [await repository(), await repository()];
    const head = await made.commit({ files: [['a', 'true']] });
    await other.commit({ files: [['a', 'other']] });
    const [entry] = [...(await listed(made, head)).values()];
    const fake = (await made.run(['hash-object', '-w', '--stdin'], 'fake')).toString().trim();
    await made.git('replace', entry?.blob ?? '', fake);
    const hook = {
      GIT_DIR: join(other.directory, '.git'),
      GIT_OBJECT_DIRECTORY: '/nowhere',
      GIT_TRACE: '1',
      LC_ALL: 'de_DE.UTF-8',
    };
    const one = source(made.directory, { environment: { ...environment(), ...hook } });
    expect(await one.head(P, 'main')).toBe(head);
    expect(await textsOf(one, await entriesOf(one, head))).toEqual(['true']);
  });

  it('says what a person has to do where nothing can be read', async () => {
    const empty = await directory();
    await expect(source(empty).probe()).rejects.toThrow(BlockProject);
    await expect(source(empty).probe()).rejects.toThrow(`there is no git repository at ${empty}`);
    await expect(source(join(empty, 'nope')).refs(P)).rejects.toThrow(BlockProject);
    await expect(source(empty, { program: join(empty, 'git') }).probe()).rejects.toThrow(StopFlow);
    const owned = await program(`echo "fatal: detected dubious ownership in repository at '/r'" >&2; exit 128`);
    await expect(source(empty, { program: owned }).head(P, 'main')).rejects.toThrow(/safe\.directory/);
  });

  it('looks for a repository that was not there again at the next call', async () => {
    const path = await directory();
    const one = source(path);
    await expect(one.probe()).rejects.toThrow(BlockProject);
    await runGit(path, ['init', '-q', '-b', 'main']);
    await one.probe();
    expect(await one.refs(P)).toEqual(new Map());
  });

  it('a repository that was removed is not taken for empty, nor for the one above it', async () => {
    const outer = await repository();
    await outer.commit({ files: [['outer', 'x']] });
    const inner = join(outer.directory, 'inner');
    await mkdir(inner);
    await runGit(inner, ['init', '-q', '-b', 'main']);
    const one = source(inner);
    expect(await one.refs(P)).toEqual(new Map());
    await rm(join(inner, '.git'), { recursive: true });
    await expect(one.refs(P)).rejects.toThrow(BlockProject);
    await expect(one.head(P, 'main')).rejects.toThrow(BlockProject);
    await expect(one.probe()).rejects.toThrow(BlockProject);
  });

  it('a partial clone says that it lacks objects, and fetches none', async () => {
    const made = await repository();
    await made.git('config', 'uploadpack.allowFilter', 'true');
    const head = await made.commit({ files: [['a', 'x']] });
    const path = await directory();
    await runGit(path, ['clone', '-q', '--bare', '--filter=blob:none', `file://${made.directory}`, '.']);
    const one = source(path);
    const entry = { path: 'a', type: '100644', blob: await made.git('rev-parse', `${head}:a`) };
    await expect(textsOf(one, [entry])).rejects.toThrow(/partial clone/);
    await expect(textsOf(one, [{ ...entry, size: 1 }])).rejects.toThrow(BlockProject);
  });
});

describe('git source: heads', () => {
  it('follows the branch that HEAD names, or the one that is configured, and nothing else', async () => {
    const made = await repository();
    const main = await made.commit({ files: [['a', 'a']] });
    const side = await made.commit({ branch: 'team/side', files: [['b', 'b']] });
    const [one, pinned] = [source(made.directory), source(made.directory, { refs: ['main'] })];
    await made.git('symbolic-ref', 'HEAD', 'refs/heads/team/side');
    expect(await one.refs(P)).toEqual(new Map([['team/side', side]]));
    expect(await pinned.refs(P)).toEqual(new Map([['main', main]]));
    expect(await one.head(P, 'team')).toBeUndefined();
    expect(await one.head(P, '../main')).toBeUndefined();
    expect(await one.head(P, 'm*')).toBeUndefined();
    await made.git('pack-refs', '--all', '--prune');
    expect(await one.head(P, 'main')).toBe(main);
  });

  it('a detached HEAD is a ref of its own, but a rebase is no reason to leave the branch', async () => {
    const made = await repository();
    const first = await made.commit({ files: [['a', '1']] });
    await made.commit({ branch: 'side', files: [['a', '2']] });
    const second = await made.commit({ files: [['a', '3']] });
    await made.git('reset', '-q', '--hard');
    const one = source(made.directory);
    await made.git('checkout', '-q', first);
    expect(await one.refs(P)).toEqual(new Map([['HEAD', first]]));
    expect(await one.head(P, 'HEAD')).toBe(first);
    await made.git('checkout', '-q', 'main');
    expect(await one.head(P, 'HEAD')).toBeUndefined();
    await expect(made.git('rebase', 'side')).rejects.toThrow();
    expect(await made.git('rev-parse', '--abbrev-ref', 'HEAD')).toBe('HEAD');
    expect(await one.refs(P)).toEqual(new Map([['main', second]]));
  });

  it('a name that leads to no branch is none, and harms no other', async () => {
    const made = await repository();
    const main = await made.commit({ files: [['a', 'a']] });
    const pick = async (...refs: string[]) => Object.fromEntries(await source(made.directory, { refs }).refs(P));
    await made.git('symbolic-ref', 'refs/heads/nowhere', 'refs/heads/none');
    await made.git('symbolic-ref', 'refs/heads/far', 'refs/remotes/origin/none');
    await made.git('symbolic-ref', 'refs/heads/round', 'refs/heads/about');
    await made.git('symbolic-ref', 'refs/heads/about', 'refs/heads/round');
    await made.git('symbolic-ref', 'refs/remotes/origin/HEAD', 'refs/remotes/origin/none');
    expect(await pick()).toEqual({ main });
    expect(await pick('*')).toEqual({ main });
    expect(await pick('main', 'nowhere', 'far', 'round')).toEqual({ main });
    expect(await source(made.directory).head(P, 'nowhere')).toBeUndefined();
    await made.git('symbolic-ref', 'refs/heads/nowhere', 'refs/heads/main');
    expect(await pick('*')).toEqual({ main, nowhere: main });
    // What it leads to is there, and nobody can tell where it is.
    await writeFile(join(made.directory, '.git/refs/heads/none'), 'garbage\n');
    await made.git('symbolic-ref', 'refs/heads/nowhere', 'refs/heads/none');
    await expect(source(made.directory).head(P, 'nowhere')).rejects.toThrow(TryAgain);
  });

  it('a pipe in the place of a branch is refused at once, and not waited for', async () => {
    const made = await repository();
    await made.commit({ files: [['a', 'a']] });
    const branch = join(made.directory, '.git/refs/heads/main');
    await rm(branch);
    execFileSync('mkfifo', [branch]);
    await expect(source(made.directory).head(P, 'main')).rejects.toThrow('a pipe or a device');
  }, 20_000);

  it('says that the branch of HEAD has no commits, and takes none of it for deleted', async () => {
    const made = await repository();
    const one = joinedGit(new Map([[P, source(made.directory)]]));
    const unborn = new BlockProject('the branch main, which HEAD names, has no commits yet');
    await expect(one.refs(P)).rejects.toThrow(unborn);
    await expect(one.head(P, 'main')).rejects.toThrow(unborn);
    const main = await made.commit({ files: [['a', 'a']] });
    expect(await one.refs(P)).toEqual(new Map([['main', main]]));
    await made.git('symbolic-ref', 'HEAD', 'refs/heads/team/none');
    await expect(one.head(P, 'main')).rejects.toThrow(/the branch team\/none, which HEAD names, has no commits yet/);
    // Whoever has said which branches are meant does not mean HEAD.
    const named = (...refs: string[]) => joinedGit(new Map([[P, source(made.directory, { refs })]])).refs(P);
    expect(await named('*')).toEqual(new Map([['main', main]]));
    expect(await named('none')).toEqual(new Map());
  });

  it('a damaged ref, or one whose commit is missing, is trouble and no deleted branch', async () => {
    const made = await repository();
    await made.commit({ files: [['a', 'a']] });
    const one = source(made.directory);
    const file = join(made.directory, '.git/refs/heads/main');
    for (const damage of ['', 'garbage\n', `${'12'.repeat(20)}\n`]) {
      await writeFile(file, damage);
      await expect(one.head(P, 'main')).rejects.toThrow(TryAgain);
      await expect(one.refs(P)).rejects.toThrow(TryAgain);
    }
    await rm(file);
    expect(await one.head(P, 'main')).toBeUndefined();
  });
});

describe('git source: when git fails', () => {
  it('a failing command is never an empty answer', async () => {
    const made = await repository();
    const head = await made.commit({ files: [['a', 'a']] });
    const fails = await program(
      `case "$*" in *rev-parse*) exec git "$@";; esac\necho 'fatal: out of memory' >&2; exit 128`,
    );
    const one = source(made.directory, { program: fails });
    const entry = { path: 'a', type: '100644', blob: 'ab'.repeat(20), size: 1 };
    await expect(one.refs(P)).rejects.toThrow(TryAgain);
    await expect(one.head(P, 'main')).rejects.toThrow(/out of memory/);
    await expect(one.tree(P, head)).rejects.toThrow(TryAgain);
    await expect(one.entries(P, head, ['a'])).rejects.toThrow(TryAgain);
    await expect(one.compare(P, head, head)).rejects.toThrow(TryAgain);
    await expect(textsOf(one, [entry])).rejects.toThrow(TryAgain);
    await expect(textsOf(one, [{ path: 'a', type: '100644', blob: entry.blob }])).rejects.toThrow(TryAgain);
  });

  it('goes on with a new process when the one that reads blobs is killed in the middle', async () => {
    const made = await repository();
    const files = Array.from({ length: 400 }, (_, index): [string, string] => [`f${index}`, `${index}`.repeat(4_000)]);
    const head = await made.commit({ files });
    const { program: noted, pids } = await noting();
    const one = source(made.directory, { program: noted, aheadBytes: 200_000 });
    const entries = await entriesOf(one, head);
    const [trees] = await pids();
    const got = new Set<string>();
    let kills = 0;
    let failure: unknown;
    try {
      for await (const { blob } of one.blobs(P, entries)) {
        got.add(blob);
        const victim = (await pids()).findLast((pid) => pid !== trees && isAlive(pid));
        if (got.size % 100 === 50 && victim !== undefined) {
          process.kill(victim, 'SIGKILL');
          kills += 1;
        }
      }
    } catch (error) {
      failure = error;
    }
    expect(kills).toBe(4);
    // Only what each process was about to answer when it died may have failed, and the rest came all the same.
    expect(got.size).toBeGreaterThanOrEqual(entries.length - kills);
    if (got.size < entries.length) expect(failure).toBeInstanceOf(TryAgain);
    expect((await textsOf(one, entries)).length).toBe(entries.length);
  });

  it('gives up a process that makes no headway, and the next call starts another', async () => {
    const made = await repository();
    const head = await made.commit({ files: [['a', 'a']] });
    const flag = join(await directory(), 'hang');
    await writeFile(flag, '');
    const hangs = await program(
      `case "$*" in *--batch) if [ -e ${flag} ]; then exec sleep 60; fi;; esac\nexec git "$@"`,
    );
    const one = source(made.directory, { program: hangs, objectDeadlineMs: 200 });
    await expect(one.tree(P, head)).rejects.toThrow(/no headway/);
    await expect(one.tree(P, head)).rejects.toThrow(TryAgain);
    await rm(flag);
    expect((await one.tree(P, head))?.entries.length).toBe(1);
  });

  it('gives up a command that does not end', async () => {
    const made = await repository();
    const hangs = await program(`case "$*" in *for-each-ref*) exec sleep 60;; esac\nexec git "$@"`);
    const one = source(made.directory, { program: hangs, commandDeadlineMs: 300 });
    await expect(one.head(P, 'main')).rejects.toThrow(/within 300 ms/);
  });

  it('a damaged blob is trouble, not missing, and keeps no other blob back', async () => {
    const made = await repository();
    const head = await made.commit({
      files: [
        ['a', 'a'],
        ['b', 'b'],
        ['c', 'c'],
      ],
    });
    const blob = await made.git('rev-parse', `${head}:b`);
    const file = join(made.directory, '.git/objects', blob.slice(0, 2), blob.slice(2));
    await chmod(file, 0o644);
    await writeFile(file, 'garbage');
    const one = source(made.directory);
    const entries = await entriesOf(one, head);
    expect(entries.find((entry) => entry.path === 'b')).toEqual({ path: 'b', type: '100644', blob });
    for (const asked of [entries, entries.map((entry) => ({ ...entry, size: 1 }))]) {
      const got: string[] = [];
      await expect(textsOf(one, asked, got)).rejects.toThrow(TryAgain);
      expect(got.sort()).toEqual(['a', 'c']);
    }
  });

  it('a blob beyond the limit is not read, and keeps no other blob back', async () => {
    const made = await repository();
    const head = await made.commit({
      files: [
        ['large', 'x'.repeat(5_000)],
        ['small', 'y'],
      ],
    });
    const one = source(made.directory, { maxBlobBytes: 4_000 });
    const entries = await entriesOf(one, head);
    // The last one lies about its size: then the content is passed over.
    for (const asked of [entries, entries.map((entry) => ({ ...entry, size: 1 }))]) {
      const got: string[] = [];
      await expect(textsOf(one, asked, got)).rejects.toThrow(DeadLetter);
      expect(got).toEqual(['y']);
    }
  });

  it('a commit that is gone has no tree, but a damaged tree of a head is trouble', async () => {
    const made = await repository();
    const head = await made.commit({ files: [['d/a', 'a']] });
    const tree = await made.git('rev-parse', `${head}:d`);
    await rm(join(made.directory, '.git/objects', tree.slice(0, 2), tree.slice(2)));
    const one = source(made.directory);
    await expect(one.tree(P, head)).rejects.toThrow(TryAgain);
    await made.commit({ files: [['b', 'b']], orphan: true });
    expect(await one.tree(P, head)).toBeUndefined();
  });

  it('leaves no process behind, and answers nothing, once it is closed', async () => {
    const made = await repository();
    const head = await made.commit({ files: [['a', 'a']] });
    const { program: noted, pids } = await noting();
    const one = source(made.directory, { program: noted });
    await textsOf(one, await entriesOf(one, head));
    expect((await pids()).length).toBe(2);
    await one.close();
    expect((await pids()).filter(isAlive)).toEqual([]);
    await expect(one.tree(P, head)).rejects.toThrow(TryAgain);
    await expect(one.refs(P)).rejects.toThrow(TryAgain);
    await one.close();
  });
});

describe('git source: at size and under load', () => {
  it('reads all blobs of all commits while others push and collect garbage', async () => {
    const made = await repository();
    const one = source(made.directory, { pageEntries: 50 });
    const file = (round: number, index: number): [string, string] => [`d${index % 5}/f${index}`, `${round}/${index}`];
    const files = (round: number) => Array.from({ length: 120 }, (_, index) => file(round, index));
    const heads = [await made.commit({ files: files(0) })];
    let pushing = true;
    const push = async () => {
      for (let round = 1; round <= 6; round += 1) {
        heads.push(await made.commit({ files: files(round) }));
        await made.git('gc', '-q', '--prune=now');
      }
      pushing = false;
    };
    const check = async () => {
      for (;;) {
        const last = !pushing;
        for (const [round, head] of [...heads.entries()]) {
          const entries = await entriesOf(one, head);
          expect((await textsOf(one, entries)).sort()).toEqual(
            files(round)
              .map(([, text]) => text)
              .sort(),
          );
        }
        if (last) return;
      }
    };
    await Promise.all([push(), check(), check()]);
    await made.commit({ files: [['a', 'a']], orphan: true });
    await made.git('reflog', 'expire', '--expire=now', '--all');
    await made.git('gc', '-q', '--prune=now');
    // A process that had the pack open may go on to read it; a new one cannot.
    expect(await source(made.directory).tree(P, heads[6] ?? '')).toBeUndefined();
    expect(await textsOf(one, [{ path: 'x', type: '100644', blob: 'ab'.repeat(20), size: 3 }])).toEqual([]);
  }, 60_000);

  it('lists 20,000 files, tells their sizes and what differs', async () => {
    const made = await repository();
    const files = Array.from({ length: 20_000 }, (_, index): [string, string] => [
      `src/module ${Math.floor(index / 40)}/part ${index % 4}/file-${index}.ts`,
      `export const v${index} = ${index};\n`,
    ]);
    const head = await made.commit({ files });
    const one = source(made.directory);
    const entries = await entriesOf(one, head);
    expect(entries.length).toBe(20_000);
    expect((await one.sized(P, entries)).every((entry) => entry.size !== undefined)).toBe(true);
    const base = await made.commit({ files: files.map(([path]) => [path, 'same'] as const) });
    expect((await one.compare(P, base, head))?.length).toBe(20_000);
  }, 60_000);

  it('does not tell a difference that is too large to hold', async () => {
    const made = await repository();
    const base = await made.commit({ files: [['x', 'x']] });
    const name = 'n'.repeat(240);
    const files = Array.from({ length: 26_000 }, (_, index): [string, string] => [`${name}${index}`, 'same']);
    const head = await made.commit({ files });
    expect(await source(made.directory).compare(P, base, head)).toBeUndefined();
  }, 60_000);
});
