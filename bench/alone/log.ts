/**
 * How fast the embedded log is on this disk: `npm run bench -- log [records]`. Every rate is of durable records; the
 * fsync line says what the disk allows.
 */
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openEmbeddedLog } from '../../src/log/embedded/embedded.ts';
import { realTime } from '../../test/log/embedded/support.ts';

const records = Number(process.argv[2] ?? 200_000);
const directory = await mkdtemp(join(process.env.BENCH_DIRECTORY ?? tmpdir(), 'tidemark-bench-'));
const value = new TextEncoder().encode('x'.repeat(200));

const report = (what: string, count: number, startedAt: number, unit = 'records') => {
  const seconds = (performance.now() - startedAt) / 1000;
  console.log(
    `${what.padEnd(58)} ${Math.round(count / seconds)
      .toLocaleString('en')
      .padStart(12)} ${unit}/s`,
  );
};

const openLog = (rollMs = 3_600_000) =>
  openEmbeddedLog({
    directory,
    topics: {
      changes: { policy: 'delete', retentionMs: 3_600_000 },
      single: { policy: 'delete', retentionMs: 3_600_000 },
      latency: { policy: 'delete', retentionMs: 3_600_000 },
      documents: { policy: 'compact', lagMs: 0, tombstonesMs: 3_600_000 },
      texts: { policy: 'delete', retentionMs: 3_600_000 },
    },
    lock: { check: async () => undefined },
    time: realTime,
    rollMs,
    report: (error) => console.error(error),
  });

const batchOf = (from: number, size: number, keys = Number.MAX_SAFE_INTEGER) =>
  Array.from({ length: size }, (_, at) => ({ key: `git\0shop\0main\0src/file-${(from + at) % keys}.ts`, value }));

const fill = async (topic: string, size: number, abreast: number, keys?: number, count = records) => {
  let next = 0;
  const writer = async () => {
    while (next < count) {
      const from = next;
      next += size;
      await log.append(topic, batchOf(from, size, keys));
    }
  };
  await Promise.all(Array.from({ length: abreast }, writer));
};

// The log's own timers keep no process alive.
const alive = setInterval(() => undefined, 1000);
let log = await openLog();
try {
  const probe = await open(join(directory, 'probe'), 'w');
  let startedAt = performance.now();
  for (let at = 0; at < 300; at += 1) {
    await probe.write(value, 0, value.length, at * value.length);
    await probe.datasync();
  }
  report('write and fsync, one after another', 300, startedAt, 'fsyncs');
  await probe.close();

  startedAt = performance.now();
  await fill('latency', 1, 1, undefined, 1000);
  report('append of 1, one after another', 1000, startedAt);

  startedAt = performance.now();
  await fill('single', 1, 256, undefined, 50_000);
  report('append of 1, 256 abreast', 50_000, startedAt);

  startedAt = performance.now();
  await fill('changes', 500, 1);
  report('append of 500, one after another', records, startedAt);

  startedAt = performance.now();
  await fill('documents', 500, 4, records / 4);
  report('append of 500, 4 abreast', records, startedAt);

  const text = new Uint8Array(64 * 1024);
  startedAt = performance.now();
  for (let at = 0; at < 100; at += 1)
    await log.append(
      'texts',
      Array.from({ length: 32 }, (_, one) => ({ key: `${at}/${one}`, value: text })),
    );
  report('append of 32 texts of 64 KiB', (100 * 32) / 16, startedAt, 'MiB');

  const reader = log.read('changes', 'bench');
  let taken = 0;
  startedAt = performance.now();
  for await (const delivery of reader) {
    delivery.settle();
    taken += 1;
    if (taken === records) break;
  }
  report('read and settle', records, startedAt);
  await reader.close();

  startedAt = performance.now();
  const bounds = await log.bounds('texts');
  let bytes = 0;
  for await (const record of log.slice(
    'texts',
    bounds.map(({ start }) => start),
    bounds.map(({ end }) => end),
  ))
    bytes += record.value?.length ?? 0;
  report('slice of texts', bytes / 1024 / 1024, startedAt, 'MiB');

  await log.close();
  startedAt = performance.now();
  log = await openLog(0);
  console.log(`open again: ${Math.round(performance.now() - startedAt)} ms`);

  startedAt = performance.now();
  await log.upkeep();
  report('compaction, at its own leisurely pace', records, startedAt);
  console.log(`resident: ${Math.round(process.memoryUsage().rss / 1024 / 1024)} MiB`);
} finally {
  clearInterval(alive);
  await log.close();
  await rm(directory, { recursive: true });
}
