import { readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { takeLock } from '../../src/owner/lock.ts';
import { buildExecutable, type Executable, type Running } from '../support/executable.ts';
import { makeRepository, type TestRepository } from '../support/repository.ts';

let tidemark: Executable;
let repository: TestRepository;
let service: Running;
let data: string;

beforeAll(() => {
  tidemark = buildExecutable();
}, 60_000);
afterAll(() => tidemark.remove());

beforeEach(async () => {
  repository = await makeRepository();
  data = join(repository.directory, '.tidemark');
  await repository.commit({ files: [['a.md', '# A\n\nAbout quokkas.\n']] });
  service = tidemark.start(repository.directory, ['serve']);
  // On a busy machine that takes longer than one deadline.
  const inStep = () => service.says(/in step, 1 documents/);
  await inStep().catch(inStep);
}, 90_000);
afterEach(async () => {
  service.child.kill('SIGKILL');
  await service.ended;
  await repository.remove();
}, 60_000);

/** As by a process that has found the owner dead. */
const takeOver = () =>
  takeLock({
    directory: data,
    owner: { pid: 4711, address: 'http://127.0.0.1:1', token: 'another' },
    alive: async () => false,
  });

const everyFile = async (): Promise<ReadonlyMap<string, string>> => {
  const found = await readdir(data, { recursive: true, withFileTypes: true });
  const files = found.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  return new Map(await Promise.all(files.map(async (file) => [file, await readFile(file, 'latin1')] as const)));
};

describe('a service', () => {
  it('that was frozen while another process took over ends at once, and writes nothing more', async () => {
    service.child.kill('SIGSTOP');
    // What it will find to do, as soon as it goes on.
    await repository.commit({ files: [['b.md', '# B\n\nAbout numbats.\n']] });
    expect(await takeOver()).toHaveProperty('lock');
    const before = await everyFile();
    service.child.kill('SIGCONT');
    const { code, stderr } = await service.ended;
    expect(code).toBe(75);
    expect(stderr).toMatch(/^tidemark: process 4711 has taken over .*ends at once, and writes nothing more$/m);
    expect(stderr).not.toMatch(/stopping|left in the log|nothing is left/);
    const after = await everyFile();
    // As it ends, SQLite moves what was committed before into its file; that it commits nothing: sinks/embedded-faults.test.ts.
    const changed = [...after].filter(([file, content]) => before.get(file) !== content && !file.includes('store.db'));
    expect(changed.map(([file]) => file)).toEqual([]);
  });

  it.each([
    ['is removed', () => rm(data, { recursive: true })],
    ['is moved away', () => rename(data, `${data}-away`)],
  ])('whose directory %s ends at once, and makes no other', async (_, goes) => {
    await goes();
    const { code, stderr } = await service.ended;
    expect(code).toBe(75);
    expect(stderr).toMatch(/^tidemark: .*\.tidemark is gone, or its lock is: .*writes nothing more$/m);
    expect(await readdir(repository.directory)).not.toContain('.tidemark');
  });
});
