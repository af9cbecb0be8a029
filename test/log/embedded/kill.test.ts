import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { allOf, contentOf, openLog, withDirectory } from './support.ts';

const ROUNDS = 4;
/** That each round prints before it may be killed, however slow the machine. */
const LINES = 60;
const VICTIM = fileURLToPath(new URL('./victim.ts', import.meta.url));

/** Runs the victim, kills it with -9 some time after so many lines, and resolves to the lines that it printed. */
const runAndKill = async (directory: string, from: number, { lines, afterMs }: { lines: number; afterMs: number }) => {
  const child = spawn(process.execPath, ['--import', 'tsx', VICTIM, directory, String(from)]);
  let said = '';
  const cried: Buffer[] = [];
  child.stdout.setEncoding('latin1').on('data', (chunk: string) => {
    said += chunk;
  });
  child.stderr.on('data', (chunk) => cried.push(chunk));
  const printed = () => said.split('\n').slice(1, -1);
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  const deadline = Date.now() + 20_000;
  while (printed().length < lines && child.exitCode === null && Date.now() < deadline) await sleep(5);
  await sleep(afterMs);
  child.kill('SIGKILL');
  await ended;
  expect(Buffer.concat(cried).toString()).toBe('');
  expect(child.signalCode).toBe('SIGKILL');
  return printed();
};

describe('the embedded log under kill -9', () => {
  it('keeps every acknowledged record, in order, and no commit past what was not settled', async () => {
    await withDirectory(async (directory) => {
      const appended = new Set<string>();
      const newest = new Map<string, number>();
      const settled = new Set<string>();
      for (let round = 0; round < ROUNDS; round += 1) {
        const printed = await runAndKill(directory, round * 1_000_000, { lines: LINES, afterMs: Math.random() * 250 });
        expect(printed.length).toBeGreaterThanOrEqual(LINES);
        for (const line of printed) {
          const [what, where = '', key = '', number = ''] = line.split(' ');
          if (what === 'settle') settled.add(`${where} ${key}`);
          else if (where === 'plain') appended.add(`${key} ${number}`);
          else newest.set(key, Number(number));
        }

        const log = await openLog(directory, {
          plain: { policy: 'delete', retentionMs: 3_600_000, partitions: 2 },
          compacted: { policy: 'compact', lagMs: 0, tombstonesMs: 3_600_000, partitions: 1 },
        });
        const plain = await allOf(log, 'plain');
        const found = new Set(plain.map((record) => `${record.key} ${contentOf(record)}`));
        expect([...appended].filter((record) => !found.has(record))).toEqual([]);
        for (const partition of [0, 1]) {
          const offsets = plain.filter((record) => record.partition === partition).map(({ offset }) => offset);
          expect(offsets).toEqual(offsets.map((_, at) => at));
        }

        const last = new Map<string, number>();
        for (const record of await allOf(log, 'compacted')) {
          const number = Number(contentOf(record));
          expect(number).toBeGreaterThan(last.get(record.key) ?? -1);
          last.set(record.key, number);
        }
        for (const [key, number] of newest) expect(last.get(key)).toBeGreaterThanOrEqual(number);

        for (const [partition, mark = 0] of (await log.committed('plain', 'g')).entries())
          for (let offset = 0; offset < mark; offset += 1) expect(settled).toContain(`${partition} ${offset}`);
        await log.close();
      }
    });
  });
});
