/**
 * How long a search over HTTP takes, from outside: a git repository is made, indexed and served by the executable with
 * the default embedder, and asked one question at a time and eight at a time. Beside it stands a bare scan: nothing but
 * the dot products of as many vectors, in this process, between the questions, so that both meet the same load.
 *
 *   npm run bench -- http [chunks] [searches]
 */
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { matrix } from '../../src/vectors/matrix.ts';
import { buildExecutable } from '../../test/support/executable.ts';
import { makeRepository } from '../../test/support/repository.ts';

const CHUNKS = Number(process.argv[2] ?? 100_000);
const SEARCHES = Number(process.argv[3] ?? 200);
const AT_ONCE = 8;
const AIM_MS = { one: 60, eight: 250 };
const DIMENSIONS = 256;
const SECTIONS = 4;
const FILES_PER_COMMIT = 5_000;

/** Repeats with its seed, so that two runs are of the same texts. */
let seed = 7;
const random = () => {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) | 0;
  return (seed >>> 0) / 2 ** 32;
};
const words = readFileSync(new URL('../../models/static-minilm.vocab.txt', import.meta.url), 'utf8')
  .split('\n')
  .filter((word) => /^[a-z]{4,}$/.test(word));
/** Some words are in most texts, most in few, as in any language. */
const text = (count: number) =>
  Array.from({ length: count }, () => words[Math.floor(words.length * random() ** 3)] ?? '').join(' ');
const fileOf = (number: number): readonly [string, string] => {
  const sections = Array.from({ length: SECTIONS }, (_, at) => `## ${text(3)} ${at}\n\n${text(150)}\n`);
  return [`area${number % 50}/part${number % 7}/file${number}.md`, `# ${text(4)}\n\n${sections.join('\n')}`];
};

const percentile = (of: readonly number[], share: number) =>
  of.toSorted((a, b) => a - b)[Math.min(of.length - 1, Math.floor(of.length * share))] ?? Number.NaN;
const ms = (value: number) => `${value.toFixed(1)} ms`;

const tidemark = buildExecutable();
const repository = await makeRepository();
try {
  const files = Math.ceil(CHUNKS / SECTIONS);
  for (let from = 0; from < files; from += FILES_PER_COMMIT) {
    const count = Math.min(FILES_PER_COMMIT, files - from);
    await repository.commit({ files: Array.from({ length: count }, (_, at) => fileOf(from + at)) });
  }
  const beganAt = performance.now();
  const { code, stdout, stderr } = await tidemark.run(repository.directory, ['backfill', '--json']);
  if (code !== 0) throw new Error(`the backfill ended with ${code}: ${stderr}`);
  const { chunks, indexed, embedded } = JSON.parse(stdout) as Record<'chunks' | 'indexed' | 'embedded', number>;
  const seconds = (performance.now() - beganAt) / 1_000;
  console.log(`${indexed} files, ${chunks} chunks, ${embedded} embedded in ${seconds.toFixed(0)} s`);

  const servedAt = performance.now();
  const service = tidemark.start(repository.directory, ['serve']);
  const url = (await service.says(/^ready: (\S+?)\/status/m))[1] ?? '';
  const token = readFileSync(join(repository.directory, '.tidemark', 'api-token'), 'utf8').trim();
  const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });
  const ask = (query: string) =>
    new Promise<number>((resolve, reject) => {
      const sentAt = performance.now();
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
      const sending = request(`${url}/v1/search`, { method: 'POST', agent, headers }, (response) => {
        let body = '';
        response.on('data', (part) => {
          body += part;
        });
        response.on('end', () => {
          if (response.statusCode === 200) resolve(performance.now() - sentAt);
          else reject(new Error(`answered ${response.statusCode}: ${body}`));
        });
      });
      sending.on('error', reject).end(JSON.stringify({ query }));
    });

  const vectors = matrix(DIMENSIONS, chunks);
  const block = vectors.block();
  const vector = Float32Array.from({ length: DIMENSIONS }, random);
  for (let row = 0; row < chunks; row += 1) vectors.set(block, row, vector);
  const scan = () => {
    const startedAt = performance.now();
    vectors.products(block, chunks, vector);
    return performance.now() - startedAt;
  };

  await service.says(/search is ready/);
  console.log(`search is ready ${ms(performance.now() - servedAt)} after the start`);
  const firstAt = performance.now();
  await ask('the first question');
  console.log(`first search: ${ms(performance.now() - firstAt)}`);
  for (let at = 0; at < 10; at += 1) await ask(text(4));
  const [one, scans]: [number[], number[]] = [[], []];
  for (let at = 0; at < SEARCHES; at += 1) {
    one.push(await ask(text(2 + (at % 6))));
    scans.push(scan());
  }
  const eight: number[] = [];
  const questions = Array.from({ length: SEARCHES * 2 }, (_, at) => text(2 + (at % 6)));
  const worker = async () => {
    for (let query = questions.pop(); query !== undefined; query = questions.pop()) eight.push(await ask(query));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));

  const bare = percentile(scans, 0.5);
  const line = (name: string, of: readonly number[], aim: number) => {
    const [half, most] = [percentile(of, 0.5), percentile(of, 0.95)];
    const ratio = (half / bare).toFixed(1);
    console.log(`${name}: p50 ${ms(half)}, p95 ${ms(most)} (aim ${aim} ms), ${ratio} times a bare scan at the median`);
  };
  console.log(`bare scan: p50 ${ms(bare)}, p95 ${ms(percentile(scans, 0.95))}`);
  line('one at a time', one, AIM_MS.one);
  line('eight at a time', eight, AIM_MS.eight);
  console.log(
    `load of the machine: ${loadavg()
      .map((of) => of.toFixed(1))
      .join(', ')}`,
  );
  agent.destroy();
  service.child.kill('SIGINT');
  await service.ended;
} finally {
  await tidemark.remove();
  await repository.remove();
}
