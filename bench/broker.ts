import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findKafka } from '../test/support/kafka-broker.ts';

/** What the executable is told to follow that repository on a broker, in topics of its own. Without a broker `measure` is left out. */
export const onKafka = async <T>(
  repository: string,
  measure: (env: Readonly<Record<string, string>>) => Promise<readonly T[]>,
): Promise<readonly T[]> => {
  const broker = await findKafka();
  if ('missing' in broker) {
    console.error(`left out: ${broker.missing}`);
    return [];
  }
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-bench-kafka-'));
  const config = join(directory, 'tidemark.yaml');
  try {
    const pipeline = { topics: `bench.${Date.now()}`, sources: [{ git: { name: 'it', path: repository } }] };
    await writeFile(config, JSON.stringify({ pipelines: { default: pipeline } }));
    return await measure({ TIDEMARK_CONFIG: config, TIDEMARK_LOG: 'kafka', TIDEMARK_KAFKA_BROKERS: broker.address });
  } finally {
    await broker.stop();
    await rm(directory, { recursive: true, force: true });
  }
};
