/** Reads objects from one git that stays, since thousands of blobs are asked for in a test. */
import { type ChildProcess, spawn } from 'node:child_process';
import { environment, type TestRepository } from '../repository.ts';

const NEWLINE = 0x0a;

interface Reader {
  blob(id: string): Promise<Buffer | undefined>;
  readonly child: ChildProcess;
}

const readerOf = ({ directory }: TestRepository): Reader => {
  const child = spawn('git', ['cat-file', '--batch'], { cwd: directory, env: environment() });
  const waiting: ((found: Buffer | undefined) => void)[] = [];
  let held = Buffer.alloc(0);
  const take = () => {
    for (;;) {
      const end = held.indexOf(NEWLINE);
      if (end < 0) return;
      const [, type = '', size = ''] = held.toString('latin1', 0, end).split(' ');
      const isThere = type !== 'missing' && size !== '';
      const until = isThere ? end + 1 + Number(size) + 1 : end + 1;
      if (held.length < until) return;
      waiting.shift()?.(type === 'blob' ? Buffer.from(held.subarray(end + 1, until - 1)) : undefined);
      held = held.subarray(until);
    }
  };
  child.stdout.on('data', (part: Buffer) => {
    held = Buffer.concat([held, part]);
    take();
  });
  return {
    child,
    blob: (id) =>
      new Promise((resolve) => {
        waiting.push(resolve);
        child.stdin.write(`${id}\n`);
      }),
  };
};

export const catFiles = () => {
  const readers = new Map<TestRepository, Reader>();
  return {
    blob(repository: TestRepository, id: string): Promise<Buffer | undefined> {
      const reader = readers.get(repository) ?? readerOf(repository);
      readers.set(repository, reader);
      return reader.blob(id);
    },
    close() {
      for (const { child } of readers.values()) child.stdin?.end();
    },
  };
};
export type CatFiles = ReturnType<typeof catFiles>;
