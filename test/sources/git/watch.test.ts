import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { BlockProject, StopFlow, TryAgain } from '../../../src/errors.ts';
import type { RefChange } from '../../../src/ports.ts';
import type { GitSourceOptions } from '../../../src/sources/git/git.ts';
import { open, realTime } from '../../support/git-source.ts';
import { makeRepository, temporaryDirectory } from '../../support/repository.ts';

type Moved = Omit<RefChange, 'project'>;

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

/** A watched repository, with a clock that makes a poll of 500 ms last 10. */
const watched = async (options: Partial<GitSourceOptions> = {}) => {
  const made = await makeRepository();
  const time = { ...realTime, sleep: (ms: number, signal?: AbortSignal) => realTime.sleep(ms / 50, signal) };
  const source = open(made.directory, { time, ...options });
  const stop = new AbortController();
  const changes: Moved[] = [];
  const troubles: Error[] = [];
  const refuse = { next: 0 };
  const tracked: string[] = [];
  const start = () =>
    source.watch({
      tracked: async () => tracked,
      onChange({ project, ...change }) {
        expect(project).toBe('handbook');
        if (refuse.next > 0) {
          refuse.next -= 1;
          throw new TryAgain('the log does not answer');
        }
        changes.push(change);
      },
      onTrouble: (_, error) => void troubles.push(error),
      signal: stop.signal,
    });
  cleanups.push(async () => {
    stop.abort();
    await source.close();
    await made.remove();
  });
  const told = (...expected: Moved[]) => vi.waitFor(() => expect(changes).toEqual(expected), 5_000);
  return { made, source, start, stop, changes, troubles, refuse, tracked, told };
};

describe('watching the refs of a repository', () => {
  it('tells the head at first, then each move, a force push, a deletion and a new branch', async () => {
    const { made, start, stop, told } = await watched();
    const first = await made.commit({ files: [['a', '1']] });
    const watching = start();
    const expected: Moved[] = [{ ref: 'main', before: null, after: first }];
    await told(...expected);
    const move = async (after: string | null) => {
      expected.push({ ref: 'main', before: expected.at(-1)?.after ?? null, after });
      await told(...expected);
    };
    await move(await made.commit({ files: [['a', '2']] }));
    await made.git('update-ref', 'refs/heads/main', first);
    await move(first);
    await made.git('pack-refs', '--all', '--prune');
    await made.git('update-ref', '-d', 'refs/heads/main');
    await move(null);
    await move(await made.commit({ files: [['b', '3']], orphan: true }));
    stop.abort();
    await watching;
  });

  it('tells all branches that match a pattern, each when it moves and no other, packed or not', async () => {
    const { made, start, told } = await watched({ refs: ['main', 'release/*'] });
    const main = await made.commit({ files: [['a', '1']] });
    const one = await made.commit({ branch: 'release/1', files: [['a', '2']] });
    await made.commit({ branch: 'side', files: [['a', '3']] });
    await made.git('pack-refs', '--all', '--prune');
    void start();
    const expected: Moved[] = [
      { ref: 'main', before: null, after: main },
      { ref: 'release/1', before: null, after: one },
    ];
    await told(...expected);
    const tell = async (change: Moved) => {
      expected.push(change);
      await told(...expected);
    };
    await tell({
      ref: 'release/1',
      before: one,
      after: await made.commit({ branch: 'release/1', files: [['a', '4']] }),
    });
    const ünï = 'release/deep/ünï';
    await tell({ ref: ünï, before: null, after: await made.commit({ branch: ünï, files: [['b', '5']] }) });
    await made.git('symbolic-ref', 'HEAD', 'refs/heads/side');
    await made.commit({ branch: 'side', files: [['a', '6']] });
    const gone = expected.at(-1)?.after ?? null;
    await made.git('update-ref', '-d', `refs/heads/${ünï}`);
    await tell({ ref: ünï, before: gone, after: null });
  });

  it('tells another branch when HEAD is moved to it', async () => {
    const { made, start, told } = await watched();
    const main = await made.commit({ files: [['a', '1']] });
    const side = await made.commit({ branch: 'side', files: [['a', '2']] });
    void start();
    await told({ ref: 'main', before: null, after: main });
    await made.git('symbolic-ref', 'HEAD', 'refs/heads/side');
    await told(
      { ref: 'main', before: null, after: main },
      { ref: 'side', before: null, after: side },
      { ref: 'main', before: main, after: null },
    );
  });

  it('tells that a branch is gone which others knew before its first look', async () => {
    const { made, start, tracked, told } = await watched();
    const side = await made.commit({ branch: 'side', files: [['a', '1']] });
    await made.git('symbolic-ref', 'HEAD', 'refs/heads/side');
    tracked.push('side', 'main');
    void start();
    await told({ ref: 'side', before: null, after: side }, { ref: 'main', before: null, after: null });
  });

  it('tells a head again that was away for a moment and has come back', async () => {
    const { made, start, told, changes } = await watched();
    const first = await made.commit({ files: [['a', '1']] });
    const second = await made.commit({ files: [['a', '2']] });
    void start();
    await told({ ref: 'main', before: null, after: second });
    // Whoever was told may have read the first commit in between, so silence would leave him there.
    await made.git('update-ref', 'refs/heads/main', first);
    await made.git('update-ref', 'refs/heads/main', second);
    // It may have been seen while it was away too, and was told then.
    const toldAgain = (than: number) =>
      vi.waitFor(() => expect([changes.length > than, changes.at(-1)?.after]).toEqual([true, second]), 5_000);
    await toldAgain(1);
    const before = changes.length;
    await made.git('symbolic-ref', 'HEAD', 'refs/heads/nowhere');
    await made.git('symbolic-ref', 'HEAD', 'refs/heads/main');
    await toldAgain(before);
  });

  it('starts no git while nothing moves', async () => {
    const directory = await temporaryDirectory();
    cleanups.push(() => rm(directory, { recursive: true, force: true }));
    const log = join(directory, 'log');
    const program = `${log}.sh`;
    await writeFile(log, '');
    await writeFile(program, `#!/bin/sh\necho x >> ${log}\nexec git "$@"\n`, { mode: 0o755 });
    const { made, start, told } = await watched({ program });
    const head = await made.commit({ files: [['a', '1']] });
    void start();
    await told({ ref: 'main', before: null, after: head });
    const before = await readFile(log, 'utf8');
    await realTime.sleep(300);
    expect(await readFile(log, 'utf8')).toBe(before);
  });

  it('tells a change again until it was taken', async () => {
    const { made, start, refuse, troubles, told } = await watched();
    refuse.next = 3;
    const head = await made.commit({ files: [['a', '1']] });
    void start();
    await told({ ref: 'main', before: null, after: head });
    expect(troubles.length).toBe(3);
  });

  it('reports trouble, and goes on', async () => {
    const { made, start, stop, troubles, changes, told } = await watched();
    const head = await made.commit({ files: [['a', '1']] });
    const watching = start();
    await told({ ref: 'main', before: null, after: head });
    const file = join(made.directory, '.git/refs/heads/main');
    await writeFile(file, '');
    await vi.waitFor(() => expect(troubles.length).toBeGreaterThan(0));
    await writeFile(file, `${head}\n`);
    const next = await made.commit({ files: [['a', '2']] });
    await vi.waitFor(() => expect(changes.at(-1)?.after).toBe(next));
    expect(changes.every(({ after }) => after !== null)).toBe(true);
    stop.abort();
    await watching;
  });

  it('reports a repository that is not there, and tells all of it again when it is back', async () => {
    const { made, start, stop, troubles, changes, told } = await watched();
    const head = await made.commit({ files: [['a', '1']] });
    const watching = start();
    await told({ ref: 'main', before: null, after: head });
    const away = `${made.directory}.away`;
    await rename(made.directory, away);
    await vi.waitFor(() => expect(troubles.at(-1)).toBeInstanceOf(BlockProject), 5_000);
    expect(troubles.at(-1)?.message).toContain(made.directory);
    await rename(away, made.directory);
    const same = { ref: 'main', before: null, after: head };
    await told(same, same);
    stop.abort();
    await watching;
    expect(changes).toHaveLength(2);
  });

  it('ends with the reason where there is no git', async () => {
    const { start } = await watched({ program: '/nowhere/git' });
    await expect(start()).rejects.toThrow(StopFlow);
  });
});
