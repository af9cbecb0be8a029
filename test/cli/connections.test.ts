/** Where few files may be open, as with `ulimit -n 256`: connections that say nothing leave enough for the work. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { AnswerOf } from '../../src/api/questions.ts';
import { lockOwner } from '../../src/owner/lock.ts';
import { buildExecutable, type Executable, eventually } from '../support/executable.ts';
import { environment, makeRepository, type TestRepository } from '../support/repository.ts';

let tidemark: Executable;
let repository: TestRepository;
const idle: Socket[] = [];

beforeAll(async () => {
  tidemark = buildExecutable();
  repository = await makeRepository();
  await repository.commit({ files: [['a.md', 'The moon pulls the water.\n']] });
}, 60_000);
afterAll(async () => {
  for (const socket of idle) socket.destroy();
  await tidemark?.remove();
  await repository?.remove();
});

it('idle connections to every port leave files to open: a commit is indexed, and who asks is answered', async () => {
  const bin = join(tidemark.directory, 'bin', 'tidemark.js');
  const child = spawn('sh', ['-c', 'ulimit -n 256 && exec "$0" "$@"', process.execPath, bin, 'serve'], {
    ...{ cwd: repository.directory, env: { ...environment(), TIDEMARK_HTTP_PORT: '0' } },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (bytes: Buffer) => {
      said += bytes;
    });
  const ended = once(child, 'close');
  const says = (pattern: RegExp) =>
    eventually(
      async () => pattern.exec(said),
      (found) => found !== null,
    );
  try {
    const url = (await says(/^ready: (\S+?)\/status/m))?.[1] ?? '';
    await says(/in step, 1 documents/);
    const { address = '' } = (await lockOwner(join(repository.directory, '.tidemark'))) ?? {};
    for (const at of [url, address]) {
      const sockets = Array.from({ length: 300 }, () => connect(Number(new URL(at).port), '127.0.0.1'));
      idle.push(...sockets);
      await Promise.all(
        sockets.map((socket) =>
          once(
            socket.on('error', () => undefined),
            'connect',
          ),
        ),
      );
    }
    await repository.commit({ files: [['b.md', 'The sun pulls the water as well.\n']] });
    // On this machine, where nobody is named, the page asks nobody.
    const documents = async () => {
      const { pipelines } = (await (await fetch(`${url}/status`)).json()) as { pipelines: AnswerOf<'status'>[] };
      return pipelines[0]?.projects[0]?.documents;
    };
    await eventually(documents, (count) => count === 2);
    expect(said).not.toContain('EMFILE');
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
});
