import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import Libsql from 'libsql';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Damaged, StopFlow, TryAgain } from '../../../src/errors.ts';
import type { Point } from '../../../src/ports.ts';
import { type Embedded, type EmbeddedOptions, openEmbedded } from '../../../src/sinks/embedded/embedded.ts';
import { DAY } from '../../../src/units.ts';
import { withFolder } from './folder.ts';

describe('the embedded store, when something goes wrong,', () => {
  let folder: Awaited<ReturnType<typeof withFolder>>;
  let file: string;
  const open: Embedded[] = [];
  beforeEach(async () => {
    folder = await withFolder();
    file = folder.path('store.db');
  });
  afterEach(async () => {
    for (const embedded of open.splice(0)) await embedded.close();
    await folder.remove();
  });
  const opened = async (options: Partial<EmbeddedOptions> = {}): Promise<Embedded> => {
    const embedded = await openEmbedded({ file, ...options });
    open.push(embedded);
    return embedded;
  };

  test('loses nothing that it answered, and nothing half, when its process is killed', async () => {
    for (let round = 0; round < 3; round += 1) {
      const durable = await killedWhileWriting(file, `round ${round}`, 150 + round * 200);
      const { state, store } = await openEmbedded({ file });
      const generation = store.generation('g');
      const entries = await generation.ledger(durable);
      const rows = await state.read('missing', durable);
      const lost = durable.filter((document) => !entries.has(document) || !rows.has(document));
      const { points } = await generation.counts();
      let named = 0;
      for (const [document, { chunks }] of entries) {
        const there = await generation.present(document, chunks);
        expect(there.size).toBe(chunks.length);
        named += there.size;
      }
      expect(durable.length).toBeGreaterThan(0);
      expect(lost).toEqual([]);
      expect(points).toBeGreaterThanOrEqual(named);
      await openAndClose(file);
    }
  });

  test('writes nothing once its lock is gone, or another process holds it', async () => {
    const fence = { file: folder.path('lock.1'), content: '{"token":"mine"}' };
    await writeFile(fence.file, fence.content);
    const { state, store } = await opened({ fence });
    await store.create('g', 4);
    const row = (key: string) => ({ key, scope: 's', seq: 1, token: 't', value: { rules: 'r' } });
    expect(await state.swap('rules', row('before'), undefined)).toBe(true);
    await writeFile(fence.file, '{"token":"another"}');
    await expect(state.swap('rules', row('after'), undefined)).rejects.toThrow(StopFlow);
    await rm(fence.file);
    await expect(state.swap('rules', row('after'), undefined)).rejects.toThrow(/lock\.1 is gone/);
    expect([...(await state.read('rules', ['before', 'after'])).keys()]).toEqual(['before']);
    await writeFile(fence.file, fence.content);
    expect(await state.swap('rules', row('after'), undefined)).toBe(true);
  });

  test('fails only the call that fails, though many share its transaction', async () => {
    const { store } = await opened();
    await store.create('g', 4);
    const generation = store.generation('g');
    const wrong = { ...point('wrong', 'w'), vector: Float32Array.of(1) };
    const half = [point('half', 'h1'), { ...point('half', 'h2'), startLine: Number.NaN }];
    const settled = await Promise.allSettled([
      generation.upsert([point('a', 'a1')]),
      generation.upsert([wrong]),
      generation.upsert(half),
      store.generation('missing').counts(),
      generation.upsert([point('b', 'b1')]),
    ]);
    expect(settled.map(({ status }) => status)).toEqual([
      ...['fulfilled', 'rejected', 'rejected', 'rejected', 'fulfilled'],
    ]);
    // The first of the two went in before the second failed; neither is there.
    expect(await generation.present('half', ['h1', 'h2'])).toEqual(new Set());
    expect((await generation.counts()).points).toBe(2);
  });

  test('asks to try again while somebody else holds the lock, and goes on afterwards', async () => {
    const { state } = await opened({ busyMs: 50 });
    const stranger = new Libsql(file);
    stranger.exec('BEGIN IMMEDIATE');
    const write = () => state.raise('missing', [{ key: 'k', scope: 's', seq: 1, token: 't', value: { blob: 'b' } }]);
    const refused = await write().catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(TryAgain);
    expect(refused).toMatchObject({ message: expect.stringContaining('locked'), cause: expect.any(Error) });
    stranger.exec('ROLLBACK');
    stranger.close();
    await write();
    expect((await state.read('missing', ['k'])).size).toBe(1);
  });

  test('asks to try again while there is no room, keeps what it has, and goes on when there is', async () => {
    const small = await openEmbedded({ file, maxBytes: 400_000 });
    await small.store.create('g', 4);
    const write = async ({ store }: Embedded, name: string) => {
      await store.generation('g').upsert([{ ...point(name, name), text: 'x'.repeat(30_000) }]);
    };
    const written: string[] = [];
    const refused = await (async () => {
      for (let i = 0; i < 50; i += 1) {
        await write(small, `d${i}`);
        written.push(`d${i}`);
      }
    })().catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(TryAgain);
    expect(refused).toMatchObject({ message: expect.stringContaining('full') });
    expect((await small.store.generation('g').counts()).points).toBe(written.length);
    await small.close();
    const roomy = await opened();
    await write(roomy, 'more');
    expect((await roomy.store.generation('g').counts()).points).toBe(written.length + 1);
  });

  test('once closed answers every call with StopFlow; calls that were out are answered before', async () => {
    const { state, store, close } = await openEmbedded({ file });
    await store.create('g', 4);
    await store.generation('g').search({ mode: 'lexical', text: 'a', limit: 1 });
    const out = store.generation('g').upsert([point('a', 'a1')]);
    await Promise.all([close(), out]);
    await close();
    await expect(state.probe()).rejects.toBeInstanceOf(StopFlow);
    await expect(store.generation('g').search({ mode: 'lexical', text: 'a', limit: 1 })).rejects.toBeInstanceOf(
      StopFlow,
    );
    expect((await (await opened()).store.generation('g').counts()).points).toBe(1);
  });

  test('refuses a file that a newer version wrote, and says so', async () => {
    await openAndClose(file);
    const newer = new Libsql(file);
    newer.exec('PRAGMA user_version = 99');
    newer.close();
    const refused = await openEmbedded({ file }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(StopFlow);
    expect(refused).toMatchObject({ message: expect.stringMatching(/newer Tidemark \(schema 99.*Update Tidemark/) });
  });

  test('refuses what is no database, and a folder that is not there', async () => {
    await writeFile(file, 'certainly not a database, however long one looks at it'.repeat(100));
    await expect(openEmbedded({ file })).rejects.toBeInstanceOf(Damaged);
    await expect(openEmbedded({ file: folder.path('no/such/folder.db') })).rejects.toBeInstanceOf(StopFlow);
  });

  test('removes vectors that no point has used for a day, and no others', async () => {
    let clock = 1_795_000_000_000;
    const { store } = await opened({ now: () => clock });
    await store.create('g', 4);
    const generation = store.generation('g');
    await generation.upsert([point('a', 'a1'), point('b', 'b1')]);
    await generation.prune('a', 1, []);
    clock += DAY + 1;
    await generation.upsert([point('c', 'c1')]);
    expect([...(await generation.vectors(['a1', 'b1', 'c1'])).keys()].sort()).toEqual(['b1', 'c1']);
    // Used again within its day, it stays.
    await generation.prune('b', 1, []);
    clock += DAY - 1_000;
    await generation.upsert([{ ...point('d', 'd1'), hash: 'b1' }]);
    clock += DAY;
    await generation.upsert([point('e', 'e1')]);
    expect((await generation.vectors(['b1'])).size).toBe(1);
  });
});

const openAndClose = async (file: string) => {
  const embedded = await openEmbedded({ file });
  await embedded.close();
};

const point = (document: string, id: string): Point => ({
  ...{ id, document, seq: 1, startLine: 1, endLine: 1, commit: 'c', heading: [], language: 'text' },
  ...{ text: id, embed: id, hash: id, vector: Float32Array.of(1, 0, 0, 0) },
});

/** The documents that the child was told are durable before it was killed, `afterMs` after the first of them. */
const killedWhileWriting = async (file: string, prefix: string, afterMs: number): Promise<string[]> => {
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', fileURLToPath(new URL('./writing-child.ts', import.meta.url)), file, prefix],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const exited = once(child, 'exit');
  const durable: string[] = [];
  const lines = createInterface({ input: child.stdout });
  const first = once(lines, 'line');
  lines.on('line', (line) => durable.push(line));
  const read = once(lines, 'close');
  await Promise.race([first, exited]);
  await sleep(afterMs);
  child.kill('SIGKILL');
  await Promise.all([exited, read]);
  return durable;
};
