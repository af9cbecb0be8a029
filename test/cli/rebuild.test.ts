/** What a disk may do to the data directory, and the one command against it, each as it is typed. */
import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { openEmbeddedLog } from '../../src/log/embedded/embedded.ts';
import { systemTime } from '../../src/runtime/time.ts';
import { buildExecutable, type Executable } from '../support/executable.ts';
import { makeRepository, type TestRepository } from '../support/repository.ts';

/** Many processes, one after the other. */
vi.setConfig({ testTimeout: 120_000 });

const LETTERS = 'tidemark.default.dead-letters';

describe('rebuild', () => {
  let tidemark: Executable;
  let repository: TestRepository;
  const at = (...names: string[]) => join(repository.directory, '.tidemark', ...names);
  const tide = (...args: string[]) => tidemark.run(repository.directory, args, { TIDEMARK_EMBEDDER: 'static' });
  const change = async (file: string, edit: (bytes: Buffer) => void) => {
    const bytes = await readFile(file);
    edit(bytes);
    await writeFile(file, bytes);
  };
  const aside = async () => (await readdir(at())).filter((name) => name.startsWith('damaged-'));

  beforeAll(async () => {
    tidemark = buildExecutable();
    repository = await makeRepository();
    await repository.commit({
      files: [
        ['a.md', '# Tides\n\nAbout quokkas.\n'],
        ['b.md', '# Moon\n\nAbout wombats.\n'],
      ],
    });
    expect((await tide('backfill')).code).toBe(0);
    // One that nobody can read, so that there is something that the repository does not have.
    const topics = { [LETTERS]: { policy: 'delete', retentionMs: 1e10 } } as const;
    const lock = { check: async () => undefined };
    const log = await openEmbeddedLog({
      directory: at('default', 'log'),
      topics,
      lock,
      time: systemTime,
      report: () => undefined,
    });
    await log.append(LETTERS, [{ key: 'k', value: Buffer.from('{}') }]);
    await log.close();
    await cp(at(), join(repository.directory, '.whole'), { recursive: true });
  }, 120_000);
  beforeEach(async () => {
    await rm(at(), { recursive: true });
    await cp(join(repository.directory, '.whole'), at(), { recursive: true });
  });
  afterAll(async () => {
    await tidemark?.remove();
    await repository?.remove();
  });

  const isWell = async () => {
    expect(await tide('verify')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('2 documents, 0 differences'),
    });
    expect((await tide('search', 'quokkas', '--json')).stdout).toContain('About quokkas');
  };

  it('leaves alone what is not damaged', async () => {
    expect(await tide('rebuild', '--yes')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('nothing is damaged'),
    });
    expect(await aside()).toEqual([]);
  });

  it('makes a damaged store again, which verify tells, and keeps the old one', async () => {
    await change(at('default', 'store.db'), (bytes) =>
      bytes.write('About quokkat', bytes.lastIndexOf('About quokkas')),
    );
    const told = await tide('verify');
    expect(told).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/damaged {2}.*store\.db: 1 rows of contents_1/),
    });
    expect(told.stderr).toContain('tidemark rebuild');
    expect(JSON.parse((await tide('verify', '--json')).stdout)).toMatchObject({ status: 'damaged' });
    // Nobody is there to agree to it.
    expect(await tide('rebuild')).toMatchObject({ code: 2, stderr: expect.stringContaining('tidemark rebuild --yes') });
    expect(await aside()).toEqual([]);
    expect(await tide('rebuild', '--yes')).toMatchObject({ code: 0, stdout: expect.stringContaining('indexed 2') });
    const [kept = ''] = await aside();
    expect(await readdir(at(kept, 'default'))).toContain('store.db');
    await isWell();
  });

  it('makes a damaged log again, embeds nothing for it, and keeps dead letters that can be read', async () => {
    const topic = at('default', 'log', 'topics', 'tidemark.default.documents');
    for (const number of await readdir(topic))
      for (const name of await readdir(join(topic, number)))
        await change(join(topic, number, name), (bytes) => void bytes.fill(0, 0, Math.min(16, bytes.length)));
    expect(await tide('verify')).toMatchObject({ stderr: expect.stringMatching(/log is damaged.*tidemark rebuild/) });
    const { code, stdout } = await tide('rebuild', '--yes');
    expect([code, stdout]).toEqual([0, expect.stringMatching(/damaged {2}default log:.*chunks 0: embedded 0/s)]);
    expect(JSON.parse((await tide('status', '--json')).stdout)).toMatchObject({ deadLetters: 1 });
    await isWell();
  });

  it('is refused while another process is at work there', async () => {
    const serving = tidemark.start(repository.directory, ['serve'], { TIDEMARK_EMBEDDER: 'static' });
    await serving.says(/in step/);
    expect(await tide('rebuild', '--yes')).toMatchObject({
      code: 75,
      stderr: expect.stringMatching(/process \d+ is at work/),
    });
    // Asked beside it, the whole of what it holds is read too.
    expect((await tide('verify')).code).toBe(0);
    serving.child.kill('SIGTERM');
    await serving.ended;
  });
});
