/** A backfill during which its broker is killed and stays away. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SECOND } from '../../../src/units.ts';
import { buildExecutable } from '../../support/executable.ts';
import { fromJars } from '../../support/kafka-broker.ts';
import { makeRepository } from '../../support/repository.ts';

/** Throws unless the run ends by itself with everything embedded once and nothing set aside. Resolves to its milliseconds. */
export const brokerOutage = async ({
  files,
  awayMs,
}: {
  readonly files: number;
  readonly awayMs: number;
}): Promise<number> => {
  const broker = await fromJars();
  const tidemark = buildExecutable();
  const repository = await makeRepository();
  try {
    await repository.commit({
      files: Array.from({ length: files }, (_, at) => [`docs/${at}.md`, `# Number ${at}\n\nAbout ${at}.\n`]),
    });
    const log = { kind: 'kafka', brokers: [broker.address], sessionSeconds: 10, topics: { partitions: 3 } };
    const config = JSON.stringify({ log });
    await writeFile(join(repository.directory, 'tidemark.yaml'), config);
    const running = tidemark.start(repository.directory, ['backfill', '--json']);
    await running.says(/waits for/);
    await sleep(SECOND);
    await broker.pause('SIGKILL');
    await sleep(awayMs);
    await broker.resume();
    const { code, stdout, stderr } = await running.ended;
    assert.equal(code, 0, stderr);
    const { status, indexed, embedded, durationMs } = JSON.parse(stdout);
    assert.deepEqual({ status, indexed, embedded }, { status: 'success', indexed: files, embedded: files });
    const letters = await tidemark.run(repository.directory, ['dead-letters', 'list', '--json']);
    assert.deepEqual([letters.code, letters.stdout], [0, '']);
    const { stdout: verified } = await tidemark.run(repository.directory, ['verify', '--json']);
    assert.equal(JSON.parse(verified).status, 'same');
    return durationMs;
  } finally {
    await tidemark.remove();
    await repository.remove();
    await broker.stop();
  }
};
