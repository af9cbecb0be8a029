/** A service with tokens, of a repository and a GitLab, and requests of random shape against each of its ports. */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lockOwner } from '../../../src/owner/lock.ts';
import { MIB, SECOND } from '../../../src/units.ts';
import { buildExecutable, type Running } from '../../support/executable.ts';
import { simulatedGitlab, TOKEN } from '../../support/gitlab/gitlab.ts';
import { makeRepository } from '../../support/repository.ts';
import { random } from '../sim/random.ts';
import { type Known, type RandomRequest, randomRequest } from './shapes.ts';

/** Those who announce more than they send are given up so soon, and all others are waited for. */
const CUT_MS = 100;
const ANSWER_MS = 20 * SECOND;
const AT_ONCE = 48;
/** Of the requests, before memory is looked at for the first time: models, indexes and buffers are there by then. */
const WARM_SHARE = 0.2;

const API_TOKEN = 'a-token-of-the-configuration';
const SECRET = 'a-plain-secret-of-webhooks';
const PAGES = ['/healthz', '/readyz', '/status', '/metrics'];
const MAIN = [...PAGES, '/v1/search', '/v1/similar', '/v1/status', '/v1/openapi.json', '/mcp', '/webhooks/gitlab'];

export interface Sieged {
  readonly port: string;
  readonly requests: number;
  /** By the first digit of the status; `none` of those that were closed or given up without one. */
  readonly answers: Readonly<Record<string, number>>;
  readonly faults: number;
  /** The first requests that were answered with 500. */
  readonly examples: readonly string[];
  readonly memoryBefore: number;
  readonly memoryAfter: number;
  /** Whether the process was still there afterwards. */
  readonly alive: boolean;
}

/** Its status, as soon as it is there; `undefined` for none. */
const statusOf = (port: number, { bytes: sent, cut }: RandomRequest, leave: boolean): Promise<number | undefined> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    let heard = '';
    const over = () => {
      clearTimeout(timer);
      resolve(Number(/^HTTP\/1\.1 ([2-9]\d\d)/m.exec(heard)?.[1]) || undefined);
      // Without the port being kept for a minute, as there are hundreds of thousands.
      socket.resetAndDestroy();
    };
    const timer = setTimeout(over, cut ? CUT_MS : ANSWER_MS);
    socket.on('connect', () => socket.write(sent));
    socket.on('data', (bytes: Buffer) => {
      if (heard.length < 1_000) heard += bytes.toString('latin1');
      if (leave || /^HTTP\/1\.1 [2-9]/m.test(heard)) over();
    });
    socket.on('error', over);
    socket.on('close', over);
  });

const memoryOf = ({ child }: Running): number =>
  Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]) * 1024;

export interface SiegeOptions {
  readonly requests: number;
  readonly seed: number;
}

/** Against each port half of the requests without a valid token, and half with one, where there are tokens. */
export const siege = async (options: SiegeOptions, done: (port: Sieged) => void = () => undefined) => {
  const tidemark = buildExecutable();
  const repository = await makeRepository();
  const gitlab = await simulatedGitlab();
  const data = await mkdtemp(join(tmpdir(), 'tidemark-siege-'));
  try {
    await repository.commit({ files: [['docs/tides.md', '# Tides\n\nThe moon pulls the water.\n']] });
    const project = await gitlab.project('team/handbook');
    await gitlab.push(project, { files: [['a.md', 'The ebb of the handbook.\n']] });
    await writeFile(
      join(repository.directory, 'tidemark.yaml'),
      `pipelines: { default: { sources: [{ git: {} }, { gitlab: { url: '${gitlab.origin}', token: ${TOKEN}, groups: [team] } }] } }
http: { metrics: { port: 0 }, tokens: [{ name: siege, token: ${API_TOKEN}, scopes: [search, status, metrics] }] }
webhooks: { secrets: [${SECRET}] }
`,
    );
    const service = tidemark.start(repository.directory, ['serve'], { TIDEMARK_DATA: data });
    const [, url = '', metrics = ''] = await service.says(/^ready: (\S+?)\/status says how it is, (\S+?)\/metrics/m);
    await service.says(/search is ready/);
    const owner = await lockOwner(data);
    if (!owner) throw new Error('nobody has the lock');
    const ports: readonly (readonly [string, string, Known])[] = [
      ['main', url, { token: API_TOKEN, secrets: [SECRET], paths: MAIN }],
      ['control', owner.address, { token: owner.token, secrets: [SECRET], paths: ['/owner', '/command', '/command'] }],
      ['metrics', metrics, { token: API_TOKEN, secrets: [SECRET], paths: ['/metrics', '/status'] }],
    ];
    const all: Sieged[] = [];
    for (const [name, at, known] of ports) {
      all.push(await against(service, { name, port: Number(new URL(at).port), known }, options));
      done(all.at(-1) as Sieged);
    }
    return all;
  } finally {
    await tidemark.remove();
    await repository.remove();
    await gitlab.close();
    await rm(data, { recursive: true, force: true });
  }
};

const against = async (
  service: Running,
  { name, port, known }: { readonly name: string; readonly port: number; readonly known: Known },
  { requests, seed }: SiegeOptions,
): Promise<Sieged> => {
  const chance = random(seed).fork(name);
  const { token: _, ...stranger } = known;
  const answers: Record<string, number> = { '2xx': 0, '3xx': 0, '4xx': 0, '5xx': 0, none: 0 };
  const examples: string[] = [];
  let [sent, faults, memoryBefore] = [0, 0, 0];
  const side = async () => {
    while (sent < requests && service.child.exitCode === null) {
      sent += 1;
      if (sent === Math.ceil(requests * WARM_SHARE)) memoryBefore = memoryOf(service);
      const request = randomRequest(chance, sent % 2 === 0 ? known : stranger);
      const status = await statusOf(port, request, chance.chance(0.1));
      const kind = status === undefined ? 'none' : `${Math.floor(status / 100)}xx`;
      answers[kind] = (answers[kind] ?? 0) + 1;
      if (status !== 500) continue;
      faults += 1;
      if (examples.length < 5) examples.push(request.bytes.toString('latin1').slice(0, 2_000));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, side));
  const plain = { bytes: Buffer.from('GET // HTTP/1.1\r\nhost: localhost\r\n\r\n'), cut: false };
  const alive = service.child.exitCode === null && (await statusOf(port, plain, false)) === 400;
  return {
    ...{ port: name, requests: sent, answers, faults, examples, alive },
    ...{ memoryBefore, memoryAfter: alive ? memoryOf(service) : 0 },
  };
};

/** Buffers and heaps move by that much from one second to the next. */
const SWING_BYTES = 96 * MIB;

/** What is not as it should be; nothing when all is. */
export const wrongWith = ({ port, faults, examples, alive, memoryBefore, memoryAfter }: Sieged): readonly string[] => [
  ...(alive ? [] : [`${port}: the process has ended, or answers no more`]),
  ...(faults === 0 ? [] : [`${port}: ${faults} answers were 500, such as to ${JSON.stringify(examples)}`]),
  ...(memoryAfter <= memoryBefore + SWING_BYTES
    ? []
    : [`${port}: memory has grown from ${inMib(memoryBefore)} to ${inMib(memoryAfter)} MiB`]),
];

export const inMib = (bytes: number): number => Math.round(bytes / MIB);
