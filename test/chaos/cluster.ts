/** Services that share a Kafka and a store, each a process of its own that can be ended in every way there is. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { environment } from '../support/repository.ts';

const SECOND = 1_000;
const START_MS = 120 * SECOND;
const END_MS = 120 * SECOND;
const COMMAND_MS = 300 * SECOND;
const root = fileURLToPath(new URL('../..', import.meta.url));
const program = fileURLToPath(new URL('process.ts', import.meta.url));
const tsx = join(root, 'node_modules', 'tsx', 'dist', 'cli.mjs');

export interface ClusterOptions {
  /** For configuration, logs and the data directories. */
  readonly directory: string;
  readonly config: string;
  readonly env: Readonly<Record<string, string>>;
}

export interface Service {
  readonly name: string;
  readonly log: string;
  readonly child: ChildProcess;
  frozen: boolean;
}

export const makeCluster = async ({ directory, config, env }: ClusterOptions) => {
  await writeFile(join(directory, 'tidemark.yaml'), config);
  const services = new Set<Service>();
  let made = 0;

  const start = (name: string, args: readonly string[], stdio: 'ignore' | number, out: 'pipe' | number) =>
    spawn(process.execPath, [tsx, program, ...args], {
      cwd: directory,
      env: {
        ...environment(),
        ...env,
        TIDEMARK_HTTP_PORT: '0',
        TIDEMARK_DATA: join(directory, name),
        // One process, so that what is sent to it is sent to the service.
        NODE_OPTIONS: '',
      },
      stdio: ['ignore', out, stdio],
      detached: true,
    });

  /** The signal goes to the whole group: the runner of TypeScript has a child of its own. */
  const signal = ({ child }: Service, name: NodeJS.Signals) => process.kill(-(child.pid as number), name);

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
      signal(service, 'SIGTERM');
      const code = await ended(service);
      if (code !== 0) throw new Error(`${service.name} was stopped and ended with ${code}: ${await lastOf(service)}`);
    },
    async kill(service: Service): Promise<void> {
      signal(service, 'SIGKILL');
      await ended(service);
    },
    async freeze(service: Service, ms: number): Promise<void> {
      service.frozen = true;
      signal(service, 'SIGSTOP');
      await sleep(ms);
      signal(service, 'SIGCONT');
      service.frozen = false;
    },
    /** Services that ended by themselves: nobody has asked them to. */
    lost: () => [...services].filter(hasEnded),
    /** A command beside the services; what it has printed. */
    async run(...args: string[]): Promise<string> {
      made += 1;
      const child = start(`command-${made}`, args, 'ignore', 'pipe');
      const timer = setTimeout(() => process.kill(-(child.pid as number), 'SIGKILL'), COMMAND_MS);
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
        if (!hasEnded(service)) signal(service, 'SIGKILL');
        await ended(service);
      }
    },
  };
};
const hasEnded = ({ child }: Service) => child.exitCode !== null || child.signalCode !== null;

export type Cluster = Awaited<ReturnType<typeof makeCluster>>;
