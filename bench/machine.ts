/** What a run stands on, so that two of them can be compared. */
import { createHash } from 'node:crypto';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { GIB, MIB } from '../src/units.ts';
import { median } from './figures.ts';

const HASHED_BYTES = 64 * MIB;
const SYNCS = 100;

export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly node: string;
  /** Of the last minute, before the bench began: above zero it is not alone. */
  readonly load: number;
  /** SHA-256 on one core. */
  readonly hashMiBPerSecond: number;
  /** To write a few bytes and have them on the disk. */
  readonly syncMs: number;
}

export const machine = async (): Promise<Machine> => ({
  processor: cpus()[0]?.model ?? 'unknown',
  cores: availableParallelism(),
  memoryGiB: Math.round(totalmem() / GIB),
  node: process.version,
  load: loadavg()[0] ?? 0,
  hashMiBPerSecond: Math.round(hashRate()),
  syncMs: await syncMs(),
});

export const machineText = ({ processor, cores, memoryGiB, node, load, hashMiBPerSecond, syncMs }: Machine): string =>
  `${processor}, ${cores} cores, ${memoryGiB} GiB, Node ${node}, load ${load.toFixed(1)} before; ` +
  `SHA-256 ${hashMiBPerSecond} MiB/s, write and fsync ${syncMs.toFixed(2)} ms`;

const hashRate = (): number => {
  const bytes = Buffer.alloc(HASHED_BYTES, 7);
  const rates = Array.from({ length: 5 }, () => {
    const began = performance.now();
    createHash('sha256').update(bytes).digest();
    return (bytes.length / MIB / (performance.now() - began)) * 1_000;
  });
  return median(rates);
};

const syncMs = async (): Promise<number> => {
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-bench-'));
  const file = await open(join(directory, 'probe'), 'w');
  const times: number[] = [];
  for (let at = 0; at < SYNCS; at += 1) {
    const began = performance.now();
    await file.write('x'.repeat(200));
    await file.datasync();
    times.push(performance.now() - began);
  }
  await file.close();
  await rm(directory, { recursive: true });
  return median(times);
};
