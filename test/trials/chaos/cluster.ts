/** Services that share a Kafka and a store, each a process of its own that can be ended in every way there is. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SECOND } from '../../../src/units.ts';
import { compileFiles } from '../../support/file-by-file.ts';
import { environment } from '../../support/repository.ts';

const START_MS = 120 * SECOND;
const END_MS = 120 * SECOND;
const COMMAND_MS = 300 * SECOND;
const source = join('test', 'chaos', 'process.ts');
const program = join('test', 'chaos', 'process.js');

export interface ClusterOptions {
  /** For configuration, logs and the data directories. */
  readonly directory: string;
  readonly config: string;
  readonly env: Readonly<Record<string, string>>;
  /** How long a command may take. */
  readonly commandMs?: number;
}

export interface Service {
  readonly name: string;
  readonly log: string;
  readonly child: ChildProcess;
  frozen: boolean;
}

export const makeCluster = async ({ directory, config, env, commandMs = COMMAND_MS }: ClusterOptions) => {
  await writeFile(join(directory, 'tidemark.yaml'), config);
  // Processes come and go all the time, and each would translate itself again, in a process beside it.
  await compileFiles(directory, [source]);
  const services = new Set<Service>();
  let made = 0;

  const start = (name: string, args: readonly string[], stdio: 'ignore' | number, out: 'pipe' | number) =>
    spawn(process.execPath, [join(directory, program), ...args], {
      cwd: directory,
      env: {
        ...environment(),
        ...env,
        TIDEMARK_HTTP_PORT: '0',
        TIDEMARK_CONFIG: join(directory, 'tidemark.yaml'),
        TIDEMARK_DATA: join(directory, name),
      },
      stdio: ['ignore', out, stdio],
    });

  const ended = async (service: Service): Promise<number | null> => {
    const until = Date.now() + END_MS;
    while (!hasEnded(service)) {
      if (Date.now() > until) throw new Error(`${service.name} has not ended: ${await lastOf(service)}`);
      await sleep(50);
    }
    services.delete(service);
    return service.child.exitCode;
  };

  const lastOf = async ({ log }: Service) => (await readFile(log, 'utf8')).slice(-2_000);

  return {
    services: (): readonly Service[] => [...services],
    lastOf,
    async add(): Promise<Service> {
      made += 1;
      const name = `service-${made}`;
      const log = join(directory, `${name}.log`);
      const out = openSync(log, 'w');
      const child = start(name, ['serve'], out, out);
      closeSync(out);
      const service = { name, log, child, frozen: false };
      services.add(service);
      const until = Date.now() + START_MS;
      while (!/^ready: /m.test(await readFile(log, 'utf8'))) {
        if (child.exitCode !== null || Date.now() > until)
          throw new Error(`${name} does not start: ${await lastOf(service)}`);
        await sleep(100);
      }
      return service;
    },
    async stop(service: Service): Promise<void> {
      service.child.kill('SIGTERM');
      const code = await ended(service);
      if (code !== 0) throw new Error(`${service.name} was stopped and ended with ${code}: ${await lastOf(service)}`);
    },
    async kill(service: Service): Promise<void> {
      service.child.kill('SIGKILL');
      await ended(service);
    },
    async freeze(service: Service, ms: number): Promise<void> {
      service.frozen = true;
      service.child.kill('SIGSTOP');
      await sleep(ms);
      service.child.kill('SIGCONT');
      service.frozen = false;
    },
    /** Services that ended by themselves: nobody has asked them to. */
    lost: () => [...services].filter(hasEnded),
    /** A command beside the services; what it has printed. */
    async run(...args: string[]): Promise<string> {
      made += 1;
      const child = start(`command-${made}`, args, 'ignore', 'pipe');
      const timer = setTimeout(() => child.kill('SIGKILL'), commandMs);
      let stdout = '';
      child.stdout?.on('data', (chunk: Buffer) => {
        stdout += chunk;
      });
      await new Promise((resolve) => child.once('close', resolve));
      clearTimeout(timer);
      return stdout;
    },
    async close(): Promise<void> {
      for (const service of services) {
        service.child.kill('SIGKILL');
        await ended(service);
      }
    },
  };
};
const hasEnded = ({ child }: Service) => child.exitCode !== null || child.signalCode !== null;

export type Cluster = Awaited<ReturnType<typeof makeCluster>>;
