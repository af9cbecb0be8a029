/** A repository at a commit, indexed by the real pipeline in a directory of its own. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import pino from 'pino';
import { Registry } from 'prom-client';
import type { EmbedderOptions } from '../../src/config/embedder.ts';
import { configSchema } from '../../src/config/schema.ts';
import type { Parts } from '../../src/parts.ts';
import { DEFAULT_EXCLUDE } from '../../src/paths/selection.ts';
import { openEngines } from '../../src/pipeline/engines.ts';
import { openHost } from '../../src/pipeline/host.ts';
import { followRun, startRun } from '../../src/runs/backfill.ts';
import { systemTime } from '../../src/runtime/time.ts';
import { telemetry } from '../../src/telemetry.ts';

const BRANCH = 'bench';

export interface Asked {
  /** A clone, with or without a work tree. */
  readonly repository: string;
  readonly commit: string;
  readonly exclude: readonly string[];
  readonly embedder: EmbedderOptions;
  readonly tokens: number;
  /** Empty, for this alone. */
  readonly directory: string;
}

export interface Indexed {
  readonly parts: Parts;
  readonly chunks: number;
  /** What the commit has at that path. */
  read(path: string): string | undefined;
  close(): Promise<void>;
}

export const indexed = async (asked: Asked): Promise<Indexed> => {
  const { repository, commit, directory, exclude, embedder, tokens } = asked;
  const clone = join(directory, 'repository.git');
  const git = (...args: string[]) => execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  // Nothing is written to the developer's own clone, and the commit need not be on a branch of it.
  git('clone', '--quiet', '--bare', '--shared', repository, clone);
  git('-C', clone, 'update-ref', `refs/heads/${BRANCH}`, commit);

  const config = configSchema.parse({
    pipelines: {
      default: {
        sources: [{ git: { name: 'bench', path: clone, refs: [BRANCH] } }],
        exclude: [...DEFAULT_EXCLUDE, ...exclude],
        chunk: { tokens },
        embedder,
      },
    },
  });
  const host = openHost({
    config,
    openEngines,
    stays: false,
    data: join(directory, 'data'),
    // The directory is ours alone.
    lock: { check: async () => {} },
    environment: process.env,
    time: systemTime,
    telemetry: telemetry(pino({ level: 'warn' }, pino.destination(2)), new Registry()),
  });
  const pipeline = await host.pipeline('default');
  const report = await pipeline.withFlows(
    async (stop) => {
      const { run } = await startRun(pipeline.parts, []);
      const followed = await followRun(pipeline.parts, run.id, () => {}, stop);
      if (followed.is !== 'ended') throw new Error(`indexing ${repository} did not come to its end: ${followed.is}`);
      return followed.report;
    },
    { stop: new AbortController().signal },
  );
  if (report.status !== 'success') throw new Error(`indexing ${repository}: ${JSON.stringify(report)}`);
  return {
    parts: pipeline.parts,
    chunks: report.chunks,
    read(path) {
      try {
        return git('-C', clone, 'show', `${commit}:${path}`);
      } catch {
        return undefined;
      }
    },
    close: () => host.close(),
  };
};
