import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MINUTE } from '../../src/units.ts';
import { buildExecutable, type Executable, eventually } from '../support/executable.ts';
import { apiKey, dropAll, newAlias } from '../support/qdrant.ts';
import { realServer } from '../support/real-server.ts';
import { makeRepository, type TestRepository } from '../support/repository.ts';

const qdrant = await realServer('Qdrant');
const broker = qdrant && (await realServer('Kafka'));
const FILES = 200;

/** As in production: nothing embedded but the model, and each process with a data directory of its own. */
describe.skipIf(!qdrant || !broker)('on Kafka and Qdrant', { timeout: 10 * MINUTE }, () => {
  const alias = newAlias();
  let tidemark: Executable;
  let repository: TestRepository;
  const at = (name: string) => ({ TIDEMARK_DATA: join(repository.directory, '.data', name) });
  const json = async (...args: string[]) => {
    const { code, stdout, stderr } = await tidemark.run(repository.directory, [...args, '--json'], at('command'));
    expect({ args, code, stderr: code === 0 ? '' : stderr }).toEqual({ args, code: 0, stderr: '' });
    return JSON.parse(stdout);
  };

  beforeAll(async () => {
    if (!qdrant || !broker) return;
    tidemark = buildExecutable();
    repository = await makeRepository();
    await repository.commit({
      files: Array.from({ length: FILES }, (_, file) => [`docs/${file}.md`, `# Number ${file}\n\nAbout ${file}.\n`]),
    });
    const config = {
      pipelines: { default: { alias, topics: alias } },
      log: { kind: 'kafka', brokers: [broker], sessionSeconds: 6, topics: { partitions: 3 } },
      store: { kind: 'qdrant', url: qdrant, ...(apiKey ? { apiKey } : {}) },
    };
    await writeFile(join(repository.directory, 'tidemark.yaml'), JSON.stringify(config));
  }, MINUTE);
  afterAll(async () => {
    await tidemark?.remove();
    await repository?.remove();
    if (qdrant) await dropAll(qdrant, alias);
  });

  it('two services share a backfill, follow a commit, and what is found is what git says', async () => {
    const services = ['one', 'two'].map((name) => tidemark.start(repository.directory, ['serve'], at(name)));
    for (const service of services) await service.says(/^ready: /m);
    const report = await json('backfill');
    expect(report).toMatchObject({ status: 'success', failed: 0 });
    expect(report.indexed + report.unchanged).toBe(FILES);
    await repository.commit({
      files: [
        ['new.md', 'The zygomorphic ebb.\n'],
        ['docs/0.md', null],
      ],
    });
    const hits = await eventually(
      async () => (await json('search', 'zygomorphic')).hits as { path: string }[],
      ([first]) => first?.path === 'new.md',
    );
    expect(hits[0]?.path).toBe('new.md');
    expect(await json('verify')).toMatchObject({ documents: FILES, differences: [], status: 'same' });
    for (const { child } of services) child.kill('SIGTERM');
    expect(await Promise.all(services.map(async ({ ended }) => (await ended).code))).toEqual([0, 0]);
    const { stdout } = await tidemark.run(repository.directory, ['dead-letters', 'list', '--json'], at('command'));
    expect(stdout).toBe('');
  });
});
