/** Repositories of any size in seconds: git reads them from a stream, without a work tree. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { makeRepository, type TestRepository } from '../test/support/repository.ts';
import { texts } from './texts.ts';

export interface Generated extends TestRepository {
  readonly files: number;
}

export const generate = async (files: number, bytes: number, seed = 1): Promise<Generated> => {
  const repository = await makeRepository();
  const git = spawn('git', ['fast-import', '--quiet'], {
    cwd: repository.directory,
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  const ended = once(git, 'close');
  const write = async (piece: string) => {
    if (!git.stdin.write(piece)) await once(git.stdin, 'drain');
  };
  const source = texts(seed);
  await write('commit refs/heads/main\ncommitter Bench <bench@example.com> 1700000000 +0000\ndata 1\nx\n');
  for (let number = 0; number < files; number += 1) {
    const { path, content } = source.file(number, bytes);
    await write(`M 100644 inline ${path}\ndata ${Buffer.byteLength(content)}\n${content}\n`);
  }
  git.stdin.end();
  const [code] = await ended;
  if (code !== 0) throw new Error(`git fast-import ended with ${code}`);
  return { ...repository, files };
};
