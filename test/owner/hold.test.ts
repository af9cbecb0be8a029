import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { holdOrOwner } from '../../src/owner/hold.ts';
import { takeLock } from '../../src/owner/lock.ts';
import { findPlace } from '../../src/owner/place.ts';
import { quietTelemetry } from '../../src/owner/quiet.ts';
import { createTidemark, type Tidemark, TryAgain } from '../../src/tidemark.ts';
import { eventually } from '../support/executable.ts';
import { environment, makeRepository, type TestRepository } from '../support/repository.ts';

let repository: TestRepository;
beforeEach(async () => {
  repository = await makeRepository();
  await repository.commit({ files: [['a.md', '# A\n']] });
});
afterEach(() => repository.remove());

describe('the data directory', () => {
  it('is closed to others also where log and store are elsewhere', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tidemark-holding-'));
    const data = join(folder, 'data');
    const before = process.umask(0);
    try {
      const place = await findPlace({
        env: { ...environment(), TIDEMARK_LOG: 'kafka', TIDEMARK_STORE: 'qdrant', TIDEMARK_DATA: data },
        cwd: repository.directory,
        engines: async () => ({ openEngines: () => Promise.reject(new Error('no pipeline is opened')) }),
      });
      const taken = await holdOrOwner({
        place,
        telemetry: () => quietTelemetry(process.stderr),
        ...{ serving: () => undefined, stays: false },
      });
      expect(taken).toHaveProperty('held');
      if ('held' in taken) await taken.held.close();
      expect((await stat(data)).mode & 0o777).toBe(0o700);
    } finally {
      process.umask(before);
      await rm(folder, { recursive: true, force: true });
    }
  });
});

describe('a process that stays, as one that has the library', () => {
  let tidemark: Tidemark;
  beforeEach(async () => {
    tidemark = await createTidemark({ directory: repository.directory, env: environment() });
  });
  afterEach(() => tidemark.close());
  const takeOver = () =>
    takeLock({
      directory: join(repository.directory, '.tidemark'),
      owner: { pid: 4711, address: 'http://127.0.0.1:1', token: 'another' },
      alive: async () => false,
    });

  it('asks whoever has the directory after it has lost it, and takes it where nobody has', async () => {
    expect(await tidemark.status()).toHaveProperty('ready');
    expect(await takeOver()).toHaveProperty('lock');
    // So long it looks at least once; a question in between would be told of the loss.
    await sleep(1_000);
    expect(await tidemark.status()).toHaveProperty('ready');
    expect(await readdir(join(repository.directory, '.tidemark'))).toContain('lock.3');
  });

  it('is told of the loss in the middle of the work, and that it may try again', async () => {
    await repository.commit({ files: Array.from({ length: 400 }, (_, at) => [`${at}.md`, `# ${at}\n`] as const) });
    const working = tidemark.backfill();
    const told = expect(working).rejects.toThrow(TryAgain);
    const data = join(repository.directory, '.tidemark');
    await eventually(
      () => readdir(data).catch((): string[] => []),
      (names) => names.includes('lock.1'),
    );
    await takeOver();
    await told;
  });
});
