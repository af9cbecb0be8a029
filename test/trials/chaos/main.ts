/**
 * npm run trial -- chaos --rounds 20 --seed 1     processes come, go, die and freeze while they share the work
 *
 * Three services share a Kafka and a store: Qdrant where `QDRANT_URL` or `QDRANT_BIN` says which, or with `--store qdrant`
 * whichever is found; else an embedded one over loopback. In each round all files change at once while pushes go on, and at random a service is added, stopped, killed with -9, or
 * frozen for longer than its session and woken. A round ends when `verify` finds no difference and the index is what git
 * says, and has 90 s for that after the last disturbance.
 */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { SECOND } from '../../../src/units.ts';
import { findKafka } from '../../support/kafka-broker.ts';
import { apiKey, dropAll } from '../../support/qdrant.ts';
import { findQdrant } from '../../support/qdrant-server.ts';
import { listed, makeRepository } from '../../support/repository.ts';
import { serveStore } from '../../support/store-server.ts';
import { random } from '../sim/random.ts';
import { makeCluster } from './cluster.ts';

/** The shortest that a broker takes by default. */
const SESSION_SECONDS = 6;
const FROZEN_MS = 10 * SECOND;
const CALM_MS = 90 * SECOND;
const DISTURBANCES = 3;
const SERVICES = { min: 2, first: 3, max: 4 };

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '20' },
    seed: { type: 'string', default: '1' },
    files: { type: 'string', default: '5000' },
    store: { type: 'string', default: process.env.QDRANT_URL || process.env.QDRANT_BIN ? 'qdrant' : 'embedded' },
  },
});
const [rounds, files, seed] = [Number(values.rounds), Number(values.files), Number(values.seed)];
const chance = random(seed);
const name = `chaos-${randomUUID().slice(0, 8)}`;

const pathOf = (file: number) => `folder-${file % 50}/file-${file}.md`;
const contentOf = (file: number, version: string) =>
  `# File ${file}\n\n${Array.from({ length: 8 }, (_, line) => `Line ${line} of file ${file}.`).join('\n')}\n\nVersion ${version}.\n`;

const broker = await findKafka();
if ('missing' in broker) throw new Error(broker.missing);
const qdrant = values.store === 'qdrant' ? await findQdrant() : undefined;
if (qdrant && 'missing' in qdrant) throw new Error(qdrant.missing);
const directory = await mkdtemp(join(tmpdir(), 'tidemark-chaos-'));
const repository = await makeRepository();
const shared = qdrant === undefined ? await serveStore({ file: join(directory, 'store.db') }) : undefined;
const cluster = await makeCluster({
  directory,
  config: JSON.stringify({
    pipelines: {
      default: {
        sources: [{ git: { name: 'it', path: repository.directory } }],
        topics: name,
        alias: name,
      },
    },
    log: { kind: 'kafka', brokers: [broker.address], sessionSeconds: SESSION_SECONDS, topics: { partitions: 6 } },
    store: { kind: 'qdrant', url: qdrant?.address ?? shared?.url, ...(apiKey ? { apiKey } : {}) },
  }),
  env: shared ? { TIDEMARK_TEST_STORE: shared.url, TIDEMARK_TEST_STORE_MS: String(60 * SECOND) } : {},
});

/** One thing that happens to one service, or to their number. */
const disturb = async (): Promise<string> => {
  const awake = cluster.services().filter(({ frozen }) => !frozen);
  const one = chance.pick(awake);
  const kinds = [
    ...(awake.length < SERVICES.max ? ['add'] : []),
    ...(awake.length > SERVICES.min ? ['stop', 'kill'] : []),
    'freeze',
  ];
  const kind = chance.pick(kinds);
  if (kind === 'add') await cluster.add();
  else if (kind === 'stop') await cluster.stop(one);
  else if (kind === 'kill') await cluster.kill(one);
  else await cluster.freeze(one, FROZEN_MS);
  return kind === 'add' ? kind : `${kind} ${one.name}`;
};

const push = (round: number, count: number) =>
  repository.commit({
    files: new Map(
      Array.from({ length: 3 }, () => {
        const file = chance.below(files);
        const content = chance.chance(0.2) ? null : contentOf(file, `${round}.${count}`);
        return [pathOf(file), content] as const;
      }),
    ),
  });

const differences = async (): Promise<readonly string[]> => {
  const verified = JSON.parse((await cluster.run('verify', '--json')) || '{"differences":["verify says nothing"]}');
  const documents = await cluster.run('documents', '--json');
  const index = documents
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
    .map(({ path, blob, status }) => `${path} ${blob} ${status}`);
  const tree = [...(await listed(repository, 'main'))].map(([path, { blob }]) => `${path} ${blob} indexed`);
  const [there, wanted] = [new Set(index), new Set(tree)];
  return [
    ...verified.differences.map((one: unknown) => `verify: ${JSON.stringify(one)}`),
    ...tree.filter((one) => !there.has(one)).map((one) => `missing ${one}`),
    ...index.filter((one) => !wanted.has(one)).map((one) => `too much: ${one}`),
  ];
};

const seconds = (ms: number) => (ms / SECOND).toFixed(0);

/** Resolves to how long it took. */
const untilRight = async (): Promise<number> => {
  const began = Date.now();
  for (;;) {
    const wrong = await differences();
    const took = Date.now() - began;
    if (wrong.length === 0) return took;
    if (took > CALM_MS)
      throw new Error(`${wrong.length} differences after ${took / SECOND} s:\n${wrong.slice(0, 10).join('\n')}`);
    await sleep(SECOND);
  }
};

/** What goes on beside what fails comes to its end first: nothing is taken away from under it. */
const bothOver = async (...both: readonly Promise<void>[]) => {
  for (const one of await Promise.allSettled(both)) if (one.status === 'rejected') throw one.reason;
};

const began = Date.now();
let failed = true;
try {
  for (let service = 0; service < SERVICES.first; service += 1) await cluster.add();
  for (let round = 1; round <= rounds; round += 1) {
    const start = Date.now();
    await repository.commit({
      files: Array.from({ length: files }, (_, file) => [pathOf(file), contentOf(file, `${round}`)] as const),
    });
    let disturbing = true;
    const pushing = async () => {
      for (let count = 1; disturbing; count += 1) {
        await push(round, count);
        await sleep(500);
      }
    };
    const happened: string[] = [];
    const happening = async () => {
      try {
        for (let count = 0; count < DISTURBANCES; count += 1) {
          await sleep(chance.below(6 * SECOND));
          happened.push(await disturb());
        }
      } finally {
        disturbing = false;
      }
    };
    await bothOver(pushing(), happening());
    while (cluster.services().length < SERVICES.first) await cluster.add();
    const took = await untilRight();
    for (const lost of cluster.lost()) throw new Error(`${lost.name} has ended: ${await cluster.lastOf(lost)}`);
    const whole = Date.now() - start;
    console.log(`round ${round}: ${happened.join(', ')}; right after ${seconds(took)} s, ${seconds(whole)} s in all`);
  }
  const deadLetters = (await cluster.run('dead-letters', 'list', '--json')).split('\n').filter(Boolean);
  if (deadLetters.length > 0) throw new Error(`dead letters: ${deadLetters.slice(0, 3).join('\n')}`);
  console.log(
    `${rounds} rounds from seed ${seed} on ${broker.what} and ${qdrant?.what ?? 'the embedded store'}, 0 wrong, ${seconds(Date.now() - began)} s`,
  );
  failed = false;
} finally {
  await cluster.close();
  await shared?.close();
  if (qdrant) await dropAll(qdrant.address, name);
  await qdrant?.stop(failed);
  await broker.stop(failed);
  await repository.remove();
  if (failed) console.error(`the logs of the services are in ${directory}`);
  else await rm(directory, { recursive: true, force: true, maxRetries: 5 });
}
