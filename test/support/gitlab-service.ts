/** Tidemark on embedded parts over a simulated GitLab, in this process. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { serversOf } from '../../src/config/pipeline.ts';
import { type Config, configSchema } from '../../src/config/schema.ts';
import type { Listener } from '../../src/http/listener.ts';
import { openHttp } from '../../src/http/server.ts';
import { webhookHints } from '../../src/http/webhooks/hints.ts';
import { webhooks } from '../../src/http/webhooks/webhooks.ts';
import { refSelection } from '../../src/paths/ref-selection.ts';
import { openEngines } from '../../src/pipeline/engines.ts';
import { type Hosted, openHost } from '../../src/pipeline/host.ts';
import type { Time } from '../../src/ports.ts';
import type { Report } from '../../src/records.ts';
import { followRun, startRun } from '../../src/runs/backfill.ts';
import { listDocuments } from '../../src/runs/documents.ts';
import { systemTime } from '../../src/runtime/time.ts';
import { gitlabFormat } from '../../src/sources/gitlab/format.ts';
import { lagOf, sumOf } from '../../src/state/lag.ts';
import { differences } from '../trials/random/check.ts';
import { type SimulatedGitlab, TOKEN } from './gitlab/gitlab.ts';
import type { SimulatedProject } from './gitlab/world.ts';
import { environment } from './repository.ts';
import { recordedTelemetry } from './telemetry.ts';

const DEADLINE_MS = 60_000;
const FILE_BYTES = 100_000;

export interface ServiceOptions {
  /** Of the one GitLab source. */
  readonly gitlab?: Record<string, unknown>;
  readonly pipeline?: Record<string, unknown>;
  readonly limits?: Record<string, unknown>;
  readonly log?: Record<string, unknown>;
  readonly time?: Time;
  /** Another one's, to go on where that was left. */
  readonly data?: string;
}

export const gitlabService = async ({ origin }: SimulatedGitlab, options: ServiceOptions = {}) => {
  const { gitlab = {}, pipeline: more = {}, limits = {}, time = systemTime } = options;
  const data = options.data ?? (await mkdtemp(join(tmpdir(), 'tidemark-gitlab-')));
  const config: Config = configSchema.parse({
    pipelines: {
      default: {
        sources: [{ gitlab: { url: origin, token: TOKEN, groups: ['team'], requestsPerMinute: 100_000, ...gitlab } }],
        ...more,
      },
    },
    limits: { fileBytes: FILE_BYTES, ...limits },
    ...(options.log ? { log: options.log } : {}),
  });
  const { refs = [], wikis = false } = config.pipelines.default?.sources[0]?.gitlab ?? {};
  const telemetry = recordedTelemetry();
  const lock = { check: async () => {} };
  const host = openHost({ config, data, openEngines, lock, environment: environment(), time, telemetry, stays: true });
  const pipeline: Hosted = await host.pipeline('default');
  const { parts } = pipeline;
  const leaving = new AbortController();
  let flows: Promise<void> | undefined;
  let http: Listener | undefined;

  return {
    ...{ host, pipeline, parts, data, telemetry },
    /** Whose users may ask. */
    servers: serversOf(config),
    /** Runs the flows until `close`. */
    start() {
      flows = pipeline.withFlows(
        (stop) =>
          new Promise<void>((resolve) => {
            if (stop.aborted) resolve();
            stop.addEventListener('abort', () => resolve(), { once: true });
          }),
        { stop: leaving.signal },
      );
      // Whoever waits for it sees why it ended.
      flows.catch(() => undefined);
      return flows;
    },
    /** Takes webhooks; resolves to where. */
    async receive(
      secrets: readonly string[],
      unavailable: () => string | undefined = () => undefined,
    ): Promise<string> {
      const file = webhookHints(gitlabFormat, [pipeline]);
      const handler = webhooks({ format: gitlabFormat, secrets, file, unavailable, time, telemetry });
      http = await openHttp({
        ...{ host: '127.0.0.1', port: 0, portOption: 'port', pages: {}, telemetry },
        receivers: { '/webhooks/gitlab': handler },
      });
      return `${http.url}/webhooks/gitlab`;
    },
    async backfill(...scope: string[]): Promise<Report> {
      return pipeline.withFlows(
        async (stop) => {
          const { run } = await startRun(parts, scope);
          const followed = await followRun(parts, run.id, () => {}, stop);
          if (followed.is !== 'ended') throw new Error(`run ${run.id} did not end: ${followed.is}`);
          return followed.report;
        },
        { stop: AbortSignal.any([leaving.signal, AbortSignal.timeout(DEADLINE_MS)]) },
      );
    },
    /** By path, the blobs that can be found of the project's documents. */
    async indexed({ id }: SimulatedProject): Promise<ReadonlyMap<string, string | null>> {
      const found = new Map<string, string | null>();
      for await (const { project, path, status, blob } of listDocuments(parts))
        if (project === String(id) && status === 'indexed') found.set(path, blob);
      return found;
    },
    /** What of the project is not as git says; nothing when all is. */
    differences: ({ id, repository, wiki }: SimulatedProject) =>
      differences(repository, parts, {
        ...{ fileBytes: FILE_BYTES, instance: 'main', project: String(id) },
        wiki: wikis ? wiki : undefined,
        // JSON cannot carry bytes that are not UTF-8.
        pathOf: (bytes) => bytes.toString('utf8'),
        ...(refs.length > 0 ? { tracked: refSelection(refs) } : {}),
      }),
    /** Until the index is what git says and nothing is on its way; what is wrong when it does not come to that. */
    async settled(...projects: readonly SimulatedProject[]): Promise<readonly string[]> {
      const until = Date.now() + DEADLINE_MS / 2;
      for (;;) {
        const resting = sumOf(await lagOf(parts)) === 0;
        const wrong: string[] = resting ? [] : ['it does not come to rest'];
        if (resting) for (const one of projects) wrong.push(...(await this.differences(one)));
        if (wrong.length === 0 || Date.now() > until) return wrong;
        await sleep(50);
      }
    },
    /** `keep` leaves the data directory to the next one. */
    async close({ keep = false } = {}) {
      leaving.abort();
      await http?.close();
      await flows?.catch(() => undefined);
      await host.close();
      if (!keep) await rm(data, { recursive: true, force: true });
    },
  };
};
export type GitlabService = Awaited<ReturnType<typeof gitlabService>>;
