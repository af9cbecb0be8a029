/** The library: the same questions and the same work as the commands, beside a running service and without one. */
import type { AnswerOf, Question, RequestOf } from './api/questions.ts';
import { dataCommands } from './cli/commands.ts';
import { dataAccess } from './cli/data-access.ts';
import { shapeForRequest } from './cli/execute.ts';
import { command, questioner } from './cli/questioner.ts';
import { optionsOf } from './config/pipeline.ts';
import { findPlace } from './owner/place.ts';
import { quietTelemetry } from './owner/quiet.ts';
import type { Report } from './records.ts';
import { SECOND } from './runtime/units.ts';

export { BadConfiguration, BadUsage, NotFound, TryAgain, Unavailable } from './errors.ts';
export type { AnswerOf, Question, Report, RequestOf };

/** Between two questions the directory is kept for so long; then a service may have it. */
const KEEP_MS = 5 * SECOND;

export interface TidemarkOptions {
  /** The directory of the repository, or of `tidemark.yaml`; the current one without. */
  readonly directory?: string;
  /** The configuration to read, relative to that; named so, it needs no other word (`tidemark trust`). */
  readonly config?: string;
  /** Instead of the environment of this process. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly pipeline?: string;
  /** Where warnings go; to standard error without. */
  readonly stderr?: NodeJS.WritableStream;
}

/** Throws `BadUsage`, `NotFound`, `BadConfiguration`; where the same call may succeed later `TryAgain` or `Unavailable`. */
export interface Tidemark {
  search(request: RequestOf<'search'>): Promise<AnswerOf<'search'>>;
  similar(request: RequestOf<'similar'>): Promise<AnswerOf<'similar'>>;
  read(request: RequestOf<'read'>): Promise<AnswerOf<'read'>>;
  status(): Promise<AnswerOf<'status'>>;
  /** Brings projects in step, all without a scope (`project` or `project:branch`), and reports. */
  backfill(scope?: readonly string[]): Promise<Report>;
  /** Lets go of the data directory. What is being done is asked to stop. */
  close(): Promise<void>;
}

export const createTidemark = async (options: TidemarkOptions = {}): Promise<Tidemark> => {
  const { directory = process.cwd(), env = process.env, pipeline = 'default', stderr = process.stderr } = options;
  const named = options.config === undefined ? undefined : { file: options.config, by: 'the option config' };
  const place = await findPlace({ cwd: directory, env, engines: () => import('./pipeline/engines.ts'), named });
  const commanding = { pipeline, configured: shapeForRequest(optionsOf(place.config, pipeline)) };
  const access = dataAccess({
    place,
    telemetry: () => quietTelemetry(stderr),
    commands: dataCommands,
    keepMs: KEEP_MS,
  });
  const closed = new AbortController();
  const ask = questioner(access, commanding, closed.signal);
  return {
    search: (request) => ask('search', request),
    similar: (request) => ask('similar', request),
    read: (request) => ask('read', request),
    status: () => ask('status', {}),
    async backfill(scope = []) {
      const argv = ['backfill', '--json', '--', ...scope];
      const { printed } = await command(access, { ...commanding, argv }, closed.signal);
      return JSON.parse(printed) as Report;
    },
    async close() {
      closed.abort();
      await access.close();
    },
  };
};
