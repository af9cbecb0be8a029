/** The library: the same questions and the same work as the commands, beside a running service and without one. */
import type { AnswerOf, Question, RequestOf } from './api/questions.ts';
import { Cancelled, TryAgain, Unavailable } from './errors.ts';
import { asking, dataAccess } from './owner/access.ts';
import { findPlace } from './owner/place.ts';
import { quietTelemetry } from './owner/quiet.ts';
import type { Report } from './records.ts';
import { SECOND } from './units.ts';

export {
  BadConfiguration,
  BadUsage,
  BudgetSpent,
  Cancelled,
  Damaged,
  NotFound,
  StopFlow,
  TryAgain,
  Unavailable,
} from './errors.ts';
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

/**
 * Throws `BadUsage`, `NotFound`, `BadConfiguration`; where the same call may succeed later `TryAgain`, `Unavailable` or
 * `BudgetSpent`; `Damaged` or another `StopFlow` where a person has to act; and `Cancelled` once it is closed.
 */
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
  const access = dataAccess({ place, telemetry: () => quietTelemetry(stderr), keepMs: KEEP_MS });
  const closed = new AbortController();
  const ask = asking(access.run, place.config, pipeline, closed.signal);
  return {
    search: (request) => ask('search', request),
    similar: (request) => ask('similar', request),
    read: (request) => ask('read', request),
    status: () => ask('status', {}),
    async backfill(scope = []) {
      const backfilled = await ask('backfill', { scope: [...scope], standalone: false });
      if (backfilled.is === 'ended') return backfilled.report;
      if (backfilled.is === 'idle') throw new Unavailable(backfilled.reason);
      throw closed.signal.aborted
        ? new Cancelled(`left run ${backfilled.run}, which goes on in a service`)
        : new TryAgain(`left run ${backfilled.run}: the process that holds the data directory ends`);
    },
    async close() {
      closed.abort();
      await access.close();
    },
  };
};
