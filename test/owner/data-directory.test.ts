import { chmod, chown, mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BadConfiguration } from '../../src/errors.ts';
import { doubtOf, openDataDirectory } from '../../src/owner/data-directory.ts';
import type { Telemetry } from '../../src/telemetry.ts';
import { environment, makeRepository, runGit, type TestRepository } from '../support/repository.ts';

let place: string;
let repository: TestRepository;
const closed: unknown[] = [];
const telemetry = Object.create(null, {
  dataDirectoryClosed: { value: (of: unknown) => void closed.push(of) },
}) as Telemetry;
const open = (data: string, user?: number) =>
  openDataDirectory(
    { data, environment: environment(), ...(user === undefined ? {} : { user }) },
    async () => telemetry,
  );
const modeOf = async (path: string) => (await stat(path)).mode & 0o777;
const track = async (files: readonly string[]) => {
  await runGit(repository.directory, ['add', '-f', ...files]);
  await runGit(repository.directory, ['commit', '-q', '-m', 'x']);
};

beforeEach(async () => {
  place = await mkdtemp(join(tmpdir(), 'tidemark-data-'));
  repository = await makeRepository();
  closed.length = 0;
});
afterEach(async () => {
  await rm(place, { recursive: true, force: true });
  await repository.remove();
});

describe('a data directory', () => {
  it('is made for this user alone, whatever the umask', async () => {
    const before = process.umask(0);
    try {
      await open(join(place, 'data'));
    } finally {
      process.umask(before);
    }
    expect(await modeOf(join(place, 'data'))).toBe(0o700);
    expect(await modeOf(join(place, 'data', '.gitignore'))).toBe(0o600);
  });

  it('that is empty is closed without a word, as a volume is when it is new', async () => {
    await chmod(place, 0o777);
    await open(place);
    expect(await modeOf(place)).toBe(0o700);
    expect(closed).toEqual([]);
  });

  it('that others can only read is closed, and said so', async () => {
    const data = join(place, 'data');
    await open(data);
    await writeFile(join(data, 'lock.1'), '{}', { mode: 0o644 });
    await chmod(data, 0o755);
    await open(data);
    expect(await modeOf(data)).toBe(0o700);
    expect(closed).toEqual([{ directory: data, mode: '755' }]);
  });

  it.each([
    ['the directory itself', ''],
    ['a file deep in it', 'default/log/file'],
  ])('is refused with the remedy where others may write: %s', async (_, path) => {
    const data = join(place, 'it is');
    await open(data);
    await mkdir(join(data, 'default/log'), { recursive: true });
    await writeFile(join(data, 'default/log/file'), '');
    await chmod(data, 0o755);
    await chmod(join(data, path), 0o777);
    const refused = open(data);
    await expect(refused).rejects.toThrow(BadConfiguration);
    await expect(refused).rejects.toThrow(`chmod -R go-rwx '${data}'`);
  });

  it("is refused where it belongs to somebody else, or holds what is not Tidemark's", async () => {
    await expect(open(place, 4711)).rejects.toThrow(/belongs to user \d+, and this is user 4711/);
    await writeFile(join(place, 'letter.txt'), '');
    await chmod(place, 0o755);
    await expect(open(place)).rejects.toThrow(`TIDEMARK_DATA=${join(place, 'tidemark')}`);
    expect(await modeOf(place)).toBe(0o755);
  });

  it('that is a link or a file is refused, and nothing is written where the link leads', async () => {
    const elsewhere = join(place, 'elsewhere');
    await mkdir(elsewhere, { mode: 0o700 });
    await symlink(elsewhere, join(place, 'link'));
    await writeFile(join(place, 'file'), '');
    await expect(open(join(place, 'link'))).rejects.toThrow(`TIDEMARK_DATA=${elsewhere}`);
    await expect(open(join(place, 'file'))).rejects.toThrow(/is no directory/);
    expect(await readdir(elsewhere)).toEqual([]);
  });
});

describe('a data directory in a repository', () => {
  const data = () => join(repository.directory, '.tidemark');

  it.each([
    ['as it is', '.tidemark/lock.7'],
    ['in another case, as some file systems make one of both', '.Tidemark/lock.7'],
  ])('is refused where git tracks a file of it, %s, with a remedy that works', async (_, tracked) => {
    await open(data());
    await mkdir(join(repository.directory, tracked, '..'), { recursive: true });
    await writeFile(join(repository.directory, tracked), '{}');
    await track([tracked]);
    const doubt = await doubtOf({ data: data(), environment: environment() });
    expect(doubt?.finding).toContain(`git tracks ${tracked}`);
    if (tracked.startsWith('.tidemark')) {
      const [, remedy = ''] = /: git (.*)$/.exec(doubt?.remedy ?? '') ?? [];
      await runGit(place, remedy.split(' '));
    } else await runGit(repository.directory, ['rm', '-q', '-f', tracked]);
    await expect(open(data())).resolves.toBeUndefined();
  });

  it('is refused where it is a link that git tracks', async () => {
    await symlink(place, data());
    await track(['.tidemark']);
    await expect(open(data())).rejects.toThrow(BadConfiguration);
  });

  it('is refused in what looks like a bare repository and is a folder that git tracks', async () => {
    const fake = join(repository.directory, 'fake');
    await mkdir(join(fake, '.tidemark'), { recursive: true, mode: 0o700 });
    await runGit(repository.directory, ['init', '-q', '--bare', 'fake']);
    await chmod(join(fake, '.tidemark'), 0o700);
    await writeFile(join(fake, '.tidemark', 'lock.7'), '{}');
    await track(['fake/.tidemark/lock.7']);
    await expect(open(join(fake, '.tidemark'))).rejects.toThrow(/git tracks fake\/\.tidemark\/lock\.7/);
  });

  it('is believed where git tracks what lies beside it, and where a work tree has a link for its .git', async () => {
    await writeFile(join(repository.directory, 'a.md'), '# A\n');
    await track(['a.md']);
    await open(data());
    await expect(open(data())).resolves.toBeUndefined();
    const other = join(place, 'other');
    await runGit(repository.directory, ['worktree', 'add', '-q', other, '-b', 'other']);
    await open(join(other, '.tidemark'));
    await expect(open(join(other, '.tidemark'))).resolves.toBeUndefined();
    await writeFile(join(other, '.tidemark', 'lock.1'), '{}');
    await runGit(other, ['add', '-f', '.tidemark/lock.1']);
    await expect(open(join(other, '.tidemark'))).rejects.toThrow(/git tracks/);
  });

  it('is refused where git cannot say', async () => {
    await open(data());
    await writeFile(join(repository.directory, '.git', 'index'), 'nonsense');
    await expect(open(data())).rejects.toThrow(/cannot be told: .*index/s);
  });

  it.runIf(process.geteuid?.() === 0)('is refused where another user owns it', async () => {
    await open(data());
    await chown(data(), 4711, 4711);
    await expect(open(data())).rejects.toThrow(/belongs to user 4711/);
  });
});
