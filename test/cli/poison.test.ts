import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { buildExecutable, type Executable } from '../support/executable.ts';
import { makeRepository, type TestRepository } from '../support/repository.ts';

let tidemark: Executable;
let repository: TestRepository;
const tide = (...args: string[]) => tidemark.run(repository.directory, args);
const report = async () => JSON.parse((await tide('backfill', '--json')).stdout);
const lines = async (...args: string[]) =>
  (await tide(...args, '--json')).stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));

/** More lines than a heap of 16 MiB can hold. */
const poison = 'a\n'.repeat(1_900_000);

beforeAll(async () => {
  tidemark = buildExecutable();
  repository = await makeRepository();
  await writeFile(join(repository.directory, 'tidemark.yaml'), 'limits: { convertHeap: 16 MiB }\n');
  await repository.commit({
    files: [
      ['animals.md', '# Animals\n\nAbout quokkas.\n'],
      ['plants.md', '# Plants\n\nAbout ferns.\n'],
    ],
  });
}, 60_000);

afterAll(async () => {
  await tidemark?.remove();
  await repository?.remove();
});

it('what brings its worker down is set aside, and all else goes on', async () => {
  expect(await report()).toMatchObject({ status: 'success', indexed: 2 });
  await repository.commit({
    files: [
      ['animals.md', poison],
      ['plants.md', '# Plants\n\nAbout mosses.\n'],
    ],
  });
  const second = await tide('backfill', '--json');
  expect(second.code).toBe(1);
  expect(JSON.parse(second.stdout)).toMatchObject({ status: 'partial_success', planned: 2, indexed: 1, failed: 1 });
  expect(await lines('dead-letters', 'list')).toEqual([
    expect.objectContaining({
      ...{ stage: 'convert', class: 'worker_died', path: 'animals.md', replays: 0 },
      message: expect.stringContaining('memory'),
      id: expect.stringMatching(/changes\/\d+\/\d+\/convert$/),
    }),
  ]);
  const found = JSON.parse((await tide('search', 'quokkas', '--mode', 'lexical', '--json')).stdout);
  expect(found.hits).toEqual([expect.objectContaining({ path: 'animals.md', text: '# Animals\n\nAbout quokkas.' })]);

  // Not tried again by itself, only when somebody asks for it.
  expect(await report()).toMatchObject({ status: 'success', planned: 0, failed: 0 });
  const [{ id }] = await lines('dead-letters', 'list');
  expect(await tide('dead-letters', 'replay', id)).toMatchObject({ code: 0 });
  await report();
  expect((await lines('dead-letters', 'list')).length).toBeGreaterThan(1);

  await repository.commit({ files: [['animals.md', '# Animals\n\nAbout numbats.\n']] });
  expect(await report()).toMatchObject({ status: 'success', planned: 1, indexed: 1 });
}, 120_000);
