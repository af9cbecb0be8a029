/** A backfill whose store goes away, then answers 500, then does what it is asked without ever answering. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MINUTE, SECOND } from '../../../src/units.ts';
import { DIMENSIONS, embeddingServer } from '../../support/embedding-server.ts';
import { faultProxy, type Mood } from '../../support/fault-proxy.ts';
import { apiKey, dropAll, newAlias } from '../../support/qdrant.ts';
import { makeRepository } from '../../support/repository.ts';
import { serveStore } from '../../support/store-server.ts';
import { makeCluster } from '../chaos/cluster.ts';

const PATIENCE_MS = 2 * SECOND;
const LOOK_MS = 20;
const BAD = ['away', 'refusing', 'mute'] as const satisfies readonly Mood[];

export interface StoreOutage {
  readonly files: number;
  /** Of each of the three. */
  readonly awayMs: number;
  /** Without one it is the embedded store over loopback. */
  readonly qdrant?: string | undefined;
}

/** Throws unless the run ends by itself with everything embedded once and nothing set aside. Resolves to its milliseconds. */
export const storeOutage = async ({ files, awayMs, qdrant }: StoreOutage): Promise<number> => {
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-outage-'));
  const alias = newAlias();
  const [repository, embedder] = await Promise.all([makeRepository(), embeddingServer()]);
  const shared = qdrant === undefined ? await serveStore({ file: join(directory, 'store.db') }) : undefined;
  const proxy = await faultProxy(qdrant ?? shared?.url ?? '');
  const cluster = await makeCluster({
    directory,
    config: JSON.stringify({
      pipelines: {
        default: {
          alias,
          sources: [{ git: { name: 'it', path: repository.directory } }],
          embedder: { kind: 'openai', url: embedder.url, model: 'test', dimensions: DIMENSIONS, batch: { texts: 8 } },
        },
      },
      store: { kind: 'qdrant', url: proxy.url, timeoutSeconds: PATIENCE_MS / SECOND, ...(apiKey ? { apiKey } : {}) },
    }),
    env: shared ? { TIDEMARK_TEST_STORE: proxy.url, TIDEMARK_TEST_STORE_MS: String(PATIENCE_MS) } : {},
    commandMs: BAD.length * awayMs + 10 * MINUTE,
  });
  try {
    await repository.commit({
      files: Array.from({ length: files }, (_, at) => [`docs/${at}.md`, `# Number ${at}\n\nAbout ${at}.\n`]),
    });
    let over = false;
    const running = cluster.run('backfill', '--json').finally(() => {
      over = true;
    });
    for (const [at, mood] of BAD.entries()) {
      while (embedder.embedded.size < ((at + 1) * files) / (BAD.length + 1) && !over) await sleep(LOOK_MS);
      assert.ok(!over, `the run was over before the store was ${mood}`);
      await proxy.turn(mood);
      await sleep(awayMs);
      await proxy.turn('well');
    }
    const { status, indexed, failed, embedded, durationMs } = JSON.parse(await running);
    assert.deepEqual(
      { status, indexed, failed, embedded },
      { status: 'success', indexed: files, failed: 0, embedded: files },
    );
    for (const mood of ['refusing', 'mute'] as const) assert.ok(proxy.met(mood) > 0, `nobody met it ${mood}`);
    const texts = [...embedder.embedded].filter(([text]) => text.includes('About'));
    assert.equal(texts.length, files);
    assert.deepEqual(
      texts.filter(([, times]) => times !== 1),
      [],
    );
    assert.equal(await cluster.run('dead-letters', 'list', '--json'), '');
    const { differences, documents } = JSON.parse(await cluster.run('verify', '--json'));
    assert.deepEqual({ differences, documents }, { differences: [], documents: files });
    return durationMs;
  } finally {
    await cluster.close();
    await proxy.close();
    await shared?.close();
    await embedder.kill();
    if (qdrant !== undefined) await dropAll(qdrant, alias);
    await repository.remove();
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  }
};
