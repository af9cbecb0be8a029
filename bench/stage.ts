/** What the parts share: the executable, and repositories with their indexes, each made when the first part asks for it. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Report } from '../src/records.ts';
import { KIB } from '../src/units.ts';
import { buildExecutable, type Running } from '../test/support/executable.ts';
import { compileFiles } from '../test/support/file-by-file.ts';
import { childrenSeconds, watchMemory } from './processes.ts';
import { type Generated, generate } from './repositories.ts';

export interface Corpus {
  readonly files: number;
  readonly bytes: number;
}

export interface Backfilled {
  readonly report: Report;
  /** From the start of the process to its end. */
  readonly seconds: number;
  /** User and system, of the whole process tree. */
  readonly processorSeconds: number;
  readonly peakBytes: number;
}

export interface Indexed {
  readonly repository: Generated;
  /** How the index was built from nothing. */
  readonly cold: Backfilled;
  backfill(): Promise<Backfilled>;
  /** The service, once it is ready and in step; `stop` ends it. */
  serve(): Promise<{ readonly data: string; stop(): Promise<void> }>;
}

export type Env = Readonly<Record<string, string>>;

export interface Filling {
  readonly data: string;
  /** Files that are planned and not indexed yet. */
  left(): Promise<number>;
  stop(): Promise<void>;
}

export interface Stage {
  /** Some 100,000 chunks, in files as they are mostly long. */
  readonly texts: Corpus;
  /** Many small files. */
  readonly small: Corpus;
  /** The product compiled file by file, so that one room of it can be asked alone. */
  compiled(): Promise<string>;
  /** A backfill of a repository from nothing, with the built-in embedder. */
  run(repository: string): Promise<Backfilled>;
  /** Half as many. */
  readonly halfOfSmall: Corpus;
  indexed(corpus: Corpus): Promise<Indexed>;
  repository(corpus: Corpus): Promise<Generated>;
  /** A backfill into a data directory that nobody else uses. */
  cold(corpus: Corpus, env: Env): Promise<Backfilled>;
  /** The service while it makes its first index. */
  filling(corpus: Corpus, env: Env): Promise<Filling>;
  close(): Promise<void>;
}

export const openStage = async (quick: boolean): Promise<Stage> => {
  const share = quick ? 20 : 1;
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-bench-'));
  const tidemark = buildExecutable();
  const repositories = new Map<Corpus, Promise<Generated>>();
  const indexes = new Map<string, Promise<Indexed>>();

  const repositoryOf = (corpus: Corpus) => {
    const known = repositories.get(corpus) ?? generate(corpus.files, corpus.bytes);
    repositories.set(corpus, known);
    return known;
  };

  let directories = 0;
  const newDirectory = () => {
    directories += 1;
    return join(directory, String(directories));
  };

  const index = async (corpus: Corpus): Promise<Indexed> => {
    const repository = await repositoryOf(corpus);
    const data = newDirectory();
    const env = { TIDEMARK_DATA: data };
    const backfill = async () => measured(tidemark.start(repository.directory, ['backfill', '--json'], env));
    const cold = await backfill();
    return {
      repository,
      cold,
      backfill,
      async serve() {
        const running = tidemark.start(repository.directory, ['serve'], env);
        await running.says(/in step, /);
        return {
          data,
          async stop() {
            running.child.kill('SIGINT');
            await running.ended;
          },
        };
      },
    };
  };

  const run = (repository: string, env: Env = { TIDEMARK_EMBEDDER: 'static' }): Promise<Backfilled> =>
    measured(tidemark.start(repository, ['backfill', '--json'], { ...env, TIDEMARK_DATA: newDirectory() }));

  return {
    async compiled() {
      const out = newDirectory();
      await mkdir(out);
      return compileFiles(out);
    },
    texts: { files: 5_000 / share, bytes: 8 * KIB },
    small: { files: 100_000 / share, bytes: 2 * KIB },
    halfOfSmall: { files: 50_000 / share, bytes: 2 * KIB },
    indexed(corpus) {
      const name = `${corpus.files} of ${corpus.bytes}`;
      const known = indexes.get(name) ?? index(corpus);
      indexes.set(name, known);
      return known;
    },
    repository: repositoryOf,
    run,
    cold: async (corpus, env) => run((await repositoryOf(corpus)).directory, env),
    async filling(corpus, env) {
      const repository = await repositoryOf(corpus);
      const data = newDirectory();
      const own = { ...env, TIDEMARK_DATA: data };
      const running = tidemark.start(repository.directory, ['serve'], own);
      await running.says(/on the way/);
      return {
        data,
        async left() {
          const { stdout } = await tidemark.run(repository.directory, ['status', '--json'], own);
          const { projects } = JSON.parse(stdout) as { projects: readonly { pending: number }[] };
          return projects.reduce((sum, { pending }) => sum + pending, 0);
        },
        async stop() {
          running.child.kill('SIGINT');
          await running.ended;
        },
      };
    },
    async close() {
      await tidemark.remove();
      for (const repository of repositories.values()) await (await repository).remove();
      await rm(directory, { recursive: true, force: true });
    },
  };
};

const measured = async ({ child, ended }: Running): Promise<Backfilled> => {
  const [began, processor] = [performance.now(), childrenSeconds()];
  const memory = watchMemory(child.pid ?? 0);
  const { code, stdout, stderr } = await ended.finally(() => memory.stop());
  if (code !== 0) throw new Error(`backfill ended with ${code}: ${stdout}${stderr}`);
  return {
    report: JSON.parse(stdout),
    seconds: (performance.now() - began) / 1_000,
    processorSeconds: childrenSeconds() - processor,
    peakBytes: memory.peakBytes(),
  };
};
