import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MINUTE } from '../../src/units.ts';
import { buildExecutable, type Executable, eventually } from '../support/executable.ts';
import { realServer } from '../support/real-server.ts';
import { makeRepository, type TestRepository } from '../support/repository.ts';

/** Far more than are indexed before the kill. */
const FILES = 1_500;

const broker = await realServer('Kafka');

describe.skipIf(!broker)('on Kafka, with the embedded store', { timeout: 3 * MINUTE }, () => {
  let tidemark: Executable;
  let repository: TestRepository;
  const tide = (...args: string[]) => tidemark.run(repository.directory, args);
  const json = async (...args: string[]) => JSON.parse((await tide(...args, '--json')).stdout);

  beforeAll(async () => {
    tidemark = buildExecutable();
    repository = await makeRepository();
    await repository.commit({
      files: Array.from({ length: FILES }, (_, at) => [`docs/${at}.md`, `# Number ${at}\n\nAbout ${at}.\n`]),
    });
    const pipeline = { topics: `e2e.${randomUUID()}` };
    const log = { kind: 'kafka', brokers: [broker], sessionSeconds: 6, topics: { partitions: 3 } };
    await writeFile(
      join(repository.directory, 'tidemark.yaml'),
      JSON.stringify({ pipelines: { default: pipeline }, log }),
    );
  }, MINUTE);

  afterAll(async () => {
    await tidemark?.remove();
    await repository?.remove();
  });

  it('a backfill that was killed is taken up again and ends by itself', async () => {
    const first = tidemark.start(repository.directory, ['backfill']);
    await first.says(/waits for/);
    await sleep(1_000);
    first.child.kill('SIGKILL');
    await first.ended;
    const second = await tide('backfill', '--json');
    expect(second.code).toBe(0);
    expect(second.stderr).toContain('following run 1-');
    expect(JSON.parse(second.stdout)).toMatchObject({ status: 'success', planned: 0, embedded: 0, unchanged: FILES });
    expect(await json('verify')).toMatchObject({ documents: FILES, differences: [], status: 'same' });
  });

  it('flows may run in different processes, and the topics can be printed', async () => {
    const service = tidemark.start(repository.directory, ['serve', '--flows', 'plan,collect']);
    await service.says(/^ready: /m);
    const status = await eventually(
      () => json('status'),
      ({ lag }) => lag.plan.members === 1 && lag.collect.members === 1,
    );
    expect(status.lag.index.members).toBe(0);
    service.child.kill('SIGTERM');
    expect((await service.ended).code).toBe(0);
    const { stdout } = await tide('topics', 'print', '--json');
    const topics = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(topics).toHaveLength(6);
    expect(topics.filter(({ settings }) => settings['cleanup.policy'] === 'compact')).toHaveLength(1);
  });

  it('a service follows commits, and a backfill beside it ends by itself', async () => {
    const service = tidemark.start(repository.directory, ['serve']);
    await service.says(/^ready: /m);
    await repository.commit({
      files: [
        ['new.md', 'The zygomorphic ebb.\n'],
        ['docs/0.md', null],
      ],
    });
    const hits = await eventually(
      async () => (await json('search', 'zygomorphic', '--mode', 'lexical')).hits as { path: string }[],
      (found) => found.length > 0,
    );
    expect(hits[0]?.path).toBe('new.md');
    expect(await json('backfill')).toMatchObject({ status: 'success', unchanged: FILES });
    service.child.kill('SIGTERM');
    expect((await service.ended).code).toBe(0);
    expect(await json('dead-letters', 'list').catch(() => [])).toEqual([]);
  });
});
