/**
 * A real Qdrant for tests: the one that `QDRANT_URL` names, else one in a container, else the program that `QDRANT_BIN`
 * names or that stands on the PATH. Whoever asks for it starts it, and stops it.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { MINUTE, SECOND } from '../../src/units.ts';
import { inContainer } from './containers.ts';
import type { RealServer } from './servers.ts';

const START_MS = 2 * MINUTE;
const STOP_MS = 20 * SECOND;
const IMAGE = 'qdrant/qdrant:v1.18.3';

const run = promisify(execFile);

/** Resolves to the reason where there is none to be had. */
export const findQdrant = async (): Promise<RealServer | { readonly missing: string }> => {
  const { QDRANT_URL: url, QDRANT_BIN: program = 'qdrant' } = process.env;
  if (url) return { address: url, what: `Qdrant at ${url}`, stop: async () => undefined };
  const contained = await inItsContainer();
  if (contained) return contained;
  if (await works(program, ['--version'])) return fromProgram(program);
  return {
    missing:
      'no Docker engine answers, and there is no program qdrant. Set QDRANT_URL to a server that tests may use, or QDRANT_BIN',
  };
};

const works = (program: string, args: readonly string[]) =>
  run(program, args, { timeout: 20 * SECOND }).then(
    () => true,
    () => false,
  );

const inItsContainer = () =>
  inContainer({
    image: IMAGE,
    environment: { QDRANT__TELEMETRY_DISABLED: 'true' },
    port: 6333,
    ready: '/readyz',
    address: (host, port) => `http://${host}:${port}`,
  });

const fromProgram = async (program: string): Promise<RealServer> => {
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-qdrant-'));
  const log = join(directory, 'qdrant.log');
  const [port, grpc] = [await freePort(), await freePort()];
  const output = openSync(log, 'a');
  const child = spawn(program, ['--disable-telemetry'], {
    cwd: directory,
    stdio: ['ignore', output, output],
    env: {
      ...process.env,
      QDRANT__SERVICE__HOST: '127.0.0.1',
      QDRANT__SERVICE__HTTP_PORT: String(port),
      QDRANT__SERVICE__GRPC_PORT: String(grpc),
      QDRANT__STORAGE__STORAGE_PATH: join(directory, 'storage'),
      QDRANT__STORAGE__SNAPSHOTS_PATH: join(directory, 'snapshots'),
    },
  });
  closeSync(output);
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  const url = `http://127.0.0.1:${port}`;
  try {
    await untilReady(url, async () => (hasEnded(child) ? (await readFile(log, 'utf8')).slice(-2_000) : undefined));
  } catch (error) {
    kill();
    throw error;
  }
  const { stdout } = await run(program, ['--version']);
  return {
    address: url,
    what: `${stdout.trim()} of this machine`,
    async stop(failed = false) {
      process.off('exit', kill);
      await end(child);
      if (failed) {
        await rm(join(directory, 'storage'), { recursive: true });
        console.log(`the log of Qdrant is ${log}`);
      } else await rm(directory, { recursive: true, force: true });
    },
  };
};

const hasEnded = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null;

const end = async (child: ChildProcess) => {
  if (hasEnded(child)) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const patience = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  await ended;
  clearTimeout(patience);
};

/** `ended` says why it will never be. */
const untilReady = async (url: string, ended: () => Promise<string | undefined>): Promise<void> => {
  const until = Date.now() + START_MS;
  const isReady = () =>
    fetch(`${url}/readyz`)
      .then(({ ok }) => ok)
      .catch(() => false);
  while (!(await isReady())) {
    const why = await ended();
    if (why !== undefined || Date.now() > until)
      throw new Error(`Qdrant is not ready at ${url}: ${why ?? 'it takes too long'}`);
    await sleep(100);
  }
};

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (typeof address !== 'object' || address === null) throw new Error('no port is free');
  return address.port;
};
