/**
 * A real Kafka for tests: the one that `TIDEMARK_TEST_KAFKA` names, else one in a container, else its jars, which Maven
 * fetches once and Java runs (KRaft, one node). Whoever asks for it starts it, and stops it.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { access, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { MINUTE, SECOND } from '../../src/units.ts';
import { inContainer } from './containers.ts';
import type { RealServer } from './servers.ts';

/** Below the five minutes that whoever asks over HTTP waits for an answer. */
const DOWNLOAD_MS = 3 * MINUTE;
const START_MS = 1 * MINUTE;
const STOP_MS = 20 * SECOND;

const run = promisify(execFile);
const resources = fileURLToPath(new URL('kafka/', import.meta.url));

/** A broker whose process can be ended and begun again on the same data and address. */
export interface OwnBroker extends RealServer {
  pause(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  resume(): Promise<void>;
}

/** What a broker is to have beside what each has. */
export interface BrokerExtras {
  /** Listeners by name, with their protocols. */
  readonly listeners: Readonly<Record<string, 'SSL' | 'SASL_SSL'>>;
  readonly settings: Readonly<Record<string, string>>;
  /** For the program that formats its storage. */
  readonly format: readonly string[];
}

/** Resolves to the reason where there is none to be had. */
export const findKafka = async (): Promise<RealServer | { readonly missing: string }> => {
  const named = process.env.TIDEMARK_TEST_KAFKA;
  if (named) return { address: named, what: `Kafka at ${named}`, stop: async () => undefined };
  const contained = await inItsContainer();
  if (contained) return contained;
  const missing = await missingOf(['java', 'mvn']);
  if (missing.length > 0)
    return {
      missing: `TIDEMARK_TEST_KAFKA is not set, and no Docker engine answers, and there is no ${missing.join(' and no ')}`,
    };
  return fromJars();
};

/** Which of these programs are not on this machine. */
export const missingOf = async (programs: readonly string[]): Promise<readonly string[]> => {
  const missing: string[] = [];
  for (const program of programs)
    if (!(await works(program, [program === 'openssl' ? 'version' : '-version']))) missing.push(program);
  return missing;
};

const works = (program: string, args: readonly string[]) =>
  run(program, args, { timeout: 20 * SECOND }).then(
    () => true,
    () => false,
  );

const versionOf = (pom: string) => /<artifactId>kafka_[^<]*<\/artifactId>\s*<version>([^<]+)/.exec(pom)?.[1] ?? '';

const settings = (broker: number, controller: number): Record<string, string> => ({
  'process.roles': 'broker,controller',
  'node.id': '1',
  listeners: `PLAINTEXT://:${broker},CONTROLLER://:${controller}`,
  'advertised.listeners': `PLAINTEXT://127.0.0.1:${broker}`,
  'controller.listener.names': 'CONTROLLER',
  'controller.quorum.voters': `1@127.0.0.1:${controller}`,
  'offsets.topic.replication.factor': '1',
  'offsets.topic.num.partitions': '4',
  'transaction.state.log.replication.factor': '1',
  'transaction.state.log.min.isr': '1',
  'transaction.state.log.num.partitions': '2',
  'group.initial.rebalance.delay.ms': '0',
  'auto.create.topics.enable': 'false',
  'log.cleaner.backoff.ms': '200',
});

const inItsContainer = async (): Promise<RealServer | undefined> => {
  const version = versionOf(await readFile(join(resources, 'pom.xml'), 'utf8'));
  const [port, controller] = [await freePort(), await freePort()];
  return inContainer({
    image: `apache/kafka:${version}`,
    environment: Object.fromEntries(
      Object.entries(settings(port, controller)).map(([name, value]) => [
        `KAFKA_${name.replaceAll('.', '_').toUpperCase()}`,
        value,
      ]),
    ),
    port,
    // The address that it advertises to its clients has to be its own.
    fixed: true,
    address: () => `127.0.0.1:${port}`,
  });
};

export const fromJars = async (
  extras?: BrokerExtras,
): Promise<OwnBroker & { readonly ports: ReadonlyMap<string, number> }> => {
  const { jars, version } = await fetchJars();
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-kafka-'));
  const log = join(directory, 'broker.log');
  const [port, controller] = [await freePort(), await freePort()];
  const ports = new Map<string, number>();
  for (const name of Object.keys(extras?.listeners ?? {})) ports.set(name, await freePort());
  const properties = {
    ...settings(port, controller),
    'log.dirs': join(directory, 'data'),
    ...(extras ? listening(settings(port, controller), extras, ports) : {}),
  };
  const file = join(directory, 'server.properties');
  await writeFile(
    file,
    Object.entries(properties)
      .map((pair) => `${pair.join('=')}\n`)
      .join(''),
  );
  const java = ['-Xmx384m', '-XX:+UseSerialGC', `-Dlog4j2.configurationFile=${resources}log4j2.properties`];
  const classes = ['-cp', join(jars, '*')];
  const format = ['kafka.tools.StorageTool', 'format', '-t', randomUUID(), '-c', file, ...(extras?.format ?? [])];
  await run('java', [...java, '-XX:TieredStopAtLevel=1', ...classes, ...format], { timeout: START_MS });

  let child: ChildProcess | undefined;
  const resume = async () => {
    const output = openSync(log, 'a');
    child = spawn('java', [...java, ...classes, 'kafka.Kafka', file], { stdio: ['ignore', output, output] });
    closeSync(output);
    const started = child;
    await untilOpen(port, async () => (started.exitCode === null ? undefined : tail(log)));
  };
  const pause = async (signal: 'SIGTERM' | 'SIGKILL') => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    const patience = setTimeout(() => child?.kill('SIGKILL'), STOP_MS);
    await ended;
    clearTimeout(patience);
  };
  const killed = () => child?.kill('SIGKILL');
  process.once('exit', killed);
  try {
    await resume();
  } catch (error) {
    killed();
    throw error;
  }
  return {
    address: `127.0.0.1:${port}`,
    ports,
    what: `Kafka ${version} from Maven`,
    pause,
    resume,
    async stop(failed = false) {
      process.off('exit', killed);
      await pause('SIGTERM');
      if (failed) {
        await rm(join(directory, 'data'), { recursive: true });
        console.log(`the broker's log is ${log}`);
      } else await rm(directory, { recursive: true });
    },
  };
};

const listening = (
  { listeners = '', 'advertised.listeners': advertised = '' }: Record<string, string>,
  extras: BrokerExtras,
  ports: ReadonlyMap<string, number>,
): Record<string, string> => {
  const named = [...ports].map(([name, port]) => ({ name, port }));
  const protocols = Object.entries({ ...extras.listeners, PLAINTEXT: 'PLAINTEXT', CONTROLLER: 'PLAINTEXT' });
  return {
    ...extras.settings,
    listeners: [listeners, ...named.map(({ name, port }) => `${name}://:${port}`)].join(','),
    'advertised.listeners': [advertised, ...named.map(({ name, port }) => `${name}://127.0.0.1:${port}`)].join(','),
    'listener.security.protocol.map': protocols.map((pair) => pair.join(':')).join(','),
  };
};

/** Once for each user and set of jars; whoever comes second takes what the first has put there. */
const fetchJars = async (): Promise<{ readonly jars: string; readonly version: string }> => {
  const pom = await readFile(join(resources, 'pom.xml'), 'utf8');
  const version = versionOf(pom);
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'tidemark');
  const jars = join(cache, `kafka-${version}-${createHash('sha256').update(pom).digest('hex').slice(0, 8)}`);
  if (
    await access(jars).then(
      () => true,
      () => false,
    )
  )
    return { jars, version };
  await mkdir(cache, { recursive: true });
  const fetched = await mkdtemp(join(cache, 'fetching-'));
  try {
    await run(
      'mvn',
      ['-B', '-q', '-f', join(resources, 'pom.xml'), 'dependency:copy-dependencies', `-DoutputDirectory=${fetched}`],
      { timeout: DOWNLOAD_MS },
    );
    await rename(fetched, jars).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
  } finally {
    await rm(fetched, { recursive: true, force: true });
  }
  if ((await readdir(jars)).length === 0) throw new Error(`mvn has put no jars into ${jars}`);
  return { jars, version };
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

/** `ended` says why it will never be. */
const untilOpen = async (port: number, ended: () => Promise<string | undefined>): Promise<void> => {
  const until = Date.now() + START_MS;
  while (!(await isOpen(port))) {
    const why = await ended();
    if (why !== undefined || Date.now() > until)
      throw new Error(`Kafka does not listen on ${port}: ${why ?? `after ${START_MS / SECOND} s`}`);
    await sleep(100);
  }
};

const isOpen = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });

const tail = async (log: string) => `it has ended\n${(await readFile(log, 'utf8')).slice(-2_000)}`;
