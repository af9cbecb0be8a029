import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { chunksOf, cutsOf } from '../../src/chunker/chunker.ts';
import { type ContentWorker, type ContentWorkerOptions, contentWorker } from '../../src/content/content-worker.ts';
import { tokenCounter } from '../../src/content/tokens.ts';
import { DeadLetter, StopFlow, TryAgain } from '../../src/errors.ts';
import { MIB } from '../../src/units.ts';
import { chunkerContract } from '../contracts/chunker.ts';
import { converterContract } from '../contracts/converter.ts';

// Counters of tests are in TypeScript, and so are the threads that load them.
delete process.env.TIDEMARK_TEST_THREADS;

const approximate = { module: new URL('../../src/content/tokens.ts', import.meta.url).href };
/** Counts like the other one, but hangs on `HANG`, dies on `DIE`, eats memory on `GROW` and throws on `THROW`. */
const hostile = { module: new URL('./hostile-tokens.ts', import.meta.url).href };

const defaults: ContentWorkerOptions = {
  deadlineMs: 10_000,
  heapMb: 256,
  limits: { fileBytes: 1_000_000, textBytes: 500_000 },
  chunk: { tokens: 256 },
  tokens: approximate,
};

const open: ContentWorker[] = [];
const start = (options: Partial<ContentWorkerOptions> = {}) => {
  const content = contentWorker({ ...defaults, ...options });
  open.push(content);
  return content;
};
afterEach(async () => {
  await Promise.all(open.splice(0).map((content) => content.close()));
});

const withDirectory = async (use: (directory: string) => Promise<void>) => {
  const directory = mkdtempSync(join(tmpdir(), 'tidemark-'));
  try {
    await use(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
};
const text = (content: string) => ({ content, language: 'text', mediaType: 'text/plain' });
const bytes = (content: string) => new TextEncoder().encode(content);

converterContract('the content worker', () => contentWorker(defaults).converter);
chunkerContract('the content worker', () => ({
  chunker: contentWorker({ ...defaults, chunk: { tokens: 64 } }).chunker,
  tokens: 64,
  count: tokenCounter(),
}));

describe('the content worker', () => {
  it('chunks exactly as the chunker does', async () => {
    const { chunker } = start();
    const content = Array.from({ length: 2_000 }, (_, i) => `${i % 50 === 0 ? '## Part\n\n' : ''}line ${i} of it`).join(
      '\n',
    );
    const markdown = { content, language: 'markdown', mediaType: 'text/markdown' };
    expect(await chunker.chunk('a.md', markdown)).toEqual(
      chunksOf(content, cutsOf(markdown, { tokens: 256, count: tokenCounter() })),
    );
  });

  it('makes an item that hangs a dead letter after the second time, and harms no other', async () => {
    const { chunker, converter } = start({ tokens: hostile, deadlineMs: 300 });
    const before = [chunker.chunk('a', text('first')), converter.convert('b.md', bytes('# second'))];
    const hanging = chunker.chunk('dir/c', text('HANG'));
    const after = Array.from({ length: 30 }, (_, i) => chunker.chunk(`d${i}`, text(`later ${i}`)));
    await expect(hanging).rejects.toBeInstanceOf(DeadLetter);
    await expect(hanging).rejects.toMatchObject({ kind: 'deadline', message: expect.stringContaining('dir/c') });
    expect(await before[0]).toMatchObject([{ text: 'first' }]);
    expect(await before[1]).toMatchObject({ text: { title: 'second' } });
    expect((await Promise.all(after)).map(([chunk]) => chunk?.text)).toEqual(after.map((_, i) => `later ${i}`));
  });

  it.each([
    ['kills its worker', 'DIE'],
    ['eats all memory', 'GROW'],
  ])('makes an item that %s a dead letter after the second time, and harms no other', async (_, content) => {
    const { chunker } = start({ tokens: hostile, heapMb: 64 });
    const dying = chunker.chunk('dir/c', text(content));
    const after = Array.from({ length: 30 }, (_, i) => chunker.chunk(`d${i}`, text(`later ${i}`)));
    await expect(dying).rejects.toBeInstanceOf(DeadLetter);
    await expect(dying).rejects.toMatchObject({ kind: 'worker_died', message: expect.stringContaining('dir/c') });
    expect((await Promise.all(after)).map(([chunk]) => chunk?.text)).toEqual(after.map((_, i) => `later ${i}`));
  });

  it('gives a file that needs longer than a slice to another thread, and the others go on', async () => {
    const { chunker } = start({ tokens: hostile, deadlineMs: 60_000 });
    await chunker.chunk('warm', text('warm'));
    const slow = chunker.chunk('dir/slow', text('HANG')).catch(() => undefined);
    const ended = slow.then(() => 'slow');
    const after = Promise.all(Array.from({ length: 30 }, (_, i) => chunker.chunk(`d${i}`, text(`later ${i}`))));
    expect(await Promise.race([ended, after.then((chunks) => chunks.length)])).toBe(30);
    // By now it is at work in the other thread, and still in nobody's way.
    expect(await chunker.chunk('last', text('last'))).toMatchObject([{ text: 'last' }]);
  }, 60_000);

  it('goes on after a fault that is thrown, and says where it was', async () => {
    const { chunker } = start({ tokens: hostile });
    const failing = chunker.chunk('dir/c', text('THROW'));
    await expect(failing).rejects.toThrow(/dir\/c failed: .*thrown on purpose[\s\S]*hostile-tokens/);
    await expect(failing).rejects.not.toBeInstanceOf(DeadLetter);
    expect(await chunker.chunk('d', text('next'))).toMatchObject([{ text: 'next' }]);
  });

  it('lets a dead letter through as one', async () => {
    const { chunker } = start({ tokens: hostile });
    await expect(chunker.chunk('dir/c', text('REFUSE'))).rejects.toMatchObject({
      name: 'DeadLetter',
      kind: 'refused',
      message: 'Chunking dir/c: refused on purpose',
    });
  });

  it('tries an item whose worker died once more', async () => {
    await withDirectory(async (directory) => {
      const marker = join(directory, 'died');
      const { chunker } = start({ tokens: { ...hostile, options: { marker } } });
      expect(await chunker.chunk('a', text('ONCE'))).toMatchObject([{ text: 'ONCE' }]);
      expect(existsSync(marker)).toBe(true);
    });
  });

  it('does not take the lateness of the main thread for that of an item', async () => {
    await withDirectory(async (directory) => {
      const starts = join(directory, 'starts');
      const { chunker } = start({ tokens: { ...hostile, options: { starts } }, deadlineMs: 300 });
      await chunker.chunk('warm', text('warm'));
      let left = 20;
      const slow = Array.from({ length: left }, async (_, i) => {
        await chunker.chunk(`s${i}`, text(`SLEEP ${i}`));
        left -= 1;
      });
      while (left > 0) {
        const until = performance.now() + 400;
        while (performance.now() < until);
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      await Promise.all(slow);
      expect(readFileSync(starts, 'utf8')).toBe('started\n');
    });
  });

  it('stops the flow when it cannot count tokens, and starts when asked again', async () => {
    const { chunker } = start({ tokens: { module: 'file:///nowhere/at-all.js' } });
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const refused = chunker.chunk('a', text('a'));
      await expect(refused).rejects.toBeInstanceOf(StopFlow);
      await expect(refused).rejects.toThrow(/nowhere\/at-all/);
    }
  });

  it('stops the flow when the module exports no counter', async () => {
    const { converter } = start({ tokens: { module: new URL('../support/texts.ts', import.meta.url).href } });
    await expect(converter.convert('a', bytes('a'))).rejects.toThrow(/exports no function tokenCounter/);
  });

  it('gives the options to the counter', async () => {
    const { chunker } = start({ tokens: { ...hostile, options: { perText: 200 } }, chunk: { tokens: 256 } });
    expect(await chunker.chunk('a', text('one\ntwo\nthree'))).toHaveLength(3);
  });

  it('rejects what is still out when it is closed, to be tried again', async () => {
    const content = start({ tokens: hostile });
    const out = content.chunker.chunk('a', text('HANG'));
    const rejected = expect(out).rejects.toBeInstanceOf(TryAgain);
    await content.close();
    await rejected;
    await expect(content.converter.convert('a', bytes('a'))).rejects.toBeInstanceOf(TryAgain);
  });

  it('serves the chunker after the converter was closed', async () => {
    const { converter, chunker } = start();
    await converter.close();
    expect(await chunker.chunk('a', text('still here'))).toHaveLength(1);
  });

  it('refuses more than it can hold instead of holding it', async () => {
    const { chunker, close } = start({ tokens: hostile, deadlineMs: 60_000 });
    const calls = Array.from({ length: 4_200 }, () => chunker.chunk('a', text('HANG')));
    const settled = Promise.allSettled(calls);
    await expect(calls.at(-1)).rejects.toThrow(/items wait for the content worker/);
    await close();
    expect((await settled).every((result) => result.status === 'rejected')).toBe(true);
  });

  it.each([
    ['one-line.json', 3_900_000],
    ['one-line.js', 3_900_000],
    ['one-line.md', 3_900_000],
    ['one-line.txt', 400_000],
    ['one-line.ts', 400_000],
    ['one-line.cpp', 400_000],
    ['larger.json', 6_000_000],
    ['huge.json', 30_000_000],
  ])('%s, a line of %d characters, ends as chunks or as skipped', { timeout: 120_000 }, async (path, length) => {
    const { converter, chunker } = start({
      deadlineMs: 60_000,
      limits: { fileBytes: 20_000_000, textBytes: 4 * MIB },
    });
    const line = Array.from({ length: length / 10 }, (_, i) => `"k${i % 10_000}":${i % 7}`).join(',');
    const converted = await converter.convert(path, bytes(line.slice(0, length)));
    if ('skip' in converted) {
      expect(converted.skip).toBe(length > 20_000_000 ? 'too_large' : 'text_too_large');
      expect(length).toBeGreaterThan(4 * MIB);
    } else expect((await chunker.chunk(path, converted.text)).length).toBeGreaterThan(length / (256 * 16));
  });
});
