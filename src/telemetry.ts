/**
 * One function for each thing that happens: what is logged and what is counted stand together, and nothing else logs or
 * counts. Warn: nothing was lost. Error: something was lost, or a person is needed.
 */
import type { Logger } from 'pino';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Settled } from './ports.ts';

export type Flow = 'plan' | 'collect' | 'index';

export interface Telemetry {
  settled(of: { flow: Flow; outcome: Settled['outcome']; reason: string; key: string }): void;
  deadLettered(of: { flow: Flow; stage: string; kind: string; message: string; key: string }): void;
  planned(of: { ref: string; changes: number; seq: number }): void;
  overtaken(of: { ref: string; seq: number }): void;
  sweepOpened(of: { ref: string; seq: number }): void;
  sweepClosed(of: { ref: string; seq: number }): void;
  dependencyDown(of: { dependency: string; error: string }): void;
  dependencyUp(of: { dependency: string }): void;
  /** While the dependency answers others. */
  callRepeated(of: { dependency: string; project: string | undefined; error: string }): void;
  projectBlocked(of: { project: string; reason: string }): void;
  projectUnblocked(of: { project: string }): void;
  approvalNeeded(of: { ref: string; lacking: number; of: number }): void;
  projectHidden(of: { project: string; reason: string }): void;
  filed(of: { by: string; ref: string; paths: number }): void;
  tokensEmbedded(of: { embedder: string; model: string; tokens: number }): void;
  generationActive(of: { name: string; previous: string | undefined }): void;
  backgroundFailed(of: { what: string; error: string }): void;
  sourceUnreadable(of: { project: string; error: string }): void;
  /** After a crash. */
  storeChecked(of: { file: string; seconds: number; complete: boolean }): void;
  searchReady(of: { pipeline: string; seconds: number }): void;
  /** A question over HTTP. What was asked is nobody's business. `error` is why there was no answer to it for now. */
  asked(of: { question: string; by: string; status: number; seconds: number; error?: string }): void;
  /** A fault of ours, whatever was asked. */
  requestFailed(of: { error: string }): void;
  rerankingFailed(of: { error: string }): void;
  kafkaSaid(of: { level: 'debug' | 'warn'; message: string; error?: string }): void;
  topicDiffers(of: { topic: string; setting: string; expected: string; found: string }): void;
  webhook(of: { event: string; outcome: 'filed' | 'dropped' | 'refused' | 'unavailable'; reason: string }): void;
  dataDirectoryClosed(of: { directory: string; mode: string }): void;
  archiveUnusable(of: { instance: string; project: string; error: string }): void;
}

/** Of a check that somebody has waited for. */
const LONG_CHECK_SECONDS = 2;

/** Keys hold NUL between their parts; a reader gets spaces. */
const readable = (key: string) => key.replaceAll('\0', ' ');

export const telemetry = (logger: Logger, registry: Registry): Telemetry => {
  const registers = [registry];
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Counter({ name: `tidemark_${name}`, help, labelNames, registers });
  const settled = counter('deliveries_settled_total', 'Deliveries by how they ended', ['flow', 'outcome', 'reason']);
  const dead = counter('dead_letters_total', 'Records set aside', ['flow', 'stage', 'kind']);
  const changes = counter('changes_planned_total', 'Changes that plans have appended', []);
  const overtaken = counter('plans_overtaken_total', 'Plans that another plan of the same ref has overtaken', []);
  const sweeps = counter('sweeps_total', 'Sweeps opened and closed', ['what']);
  const filed = counter('looks_filed_total', 'Looks filed by Tidemark itself', ['by']);
  const down = new Gauge({
    name: 'tidemark_dependency_down',
    help: '1 while a dependency does not answer',
    labelNames: ['dependency'],
    registers,
  });
  const background = counter('background_failures_total', 'Upkeep that failed and is tried again', ['what']);
  const unreadable = counter('source_looks_failed_total', 'Looks at refs that failed and are repeated', []);
  const archives = counter('archives_unusable_total', 'Archives whose blobs are fetched one by one', ['instance']);
  const webhooks = counter('webhooks_total', 'Webhooks by what became of them', ['outcome']);
  const tokens = counter('embedder_tokens_total', 'Tokens that embedding servers have counted', ['embedder', 'model']);
  const failedRequests = counter('requests_failed_total', 'Requests that a fault of ours left without an answer', []);
  const unranked = counter('reranking_failed_total', 'Questions answered without the configured reranker', []);

  const asked = new Histogram({
    name: 'tidemark_question_seconds',
    help: 'Questions over HTTP and MCP, by how long the answer took',
    labelNames: ['question', 'status'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
    registers,
  });

  return {
    settled({ flow, outcome, reason, key }) {
      settled.inc({ flow, outcome, reason });
      logger.debug({ flow, outcome, reason, key: readable(key) }, 'settled');
    },
    deadLettered({ flow, stage, kind, message, key }) {
      dead.inc({ flow, stage, kind });
      logger.error({ flow, stage, kind, message, key: readable(key) }, 'dead-lettered');
    },
    planned({ ref, changes: count, seq }) {
      changes.inc(count);
      logger.info({ ref: readable(ref), changes: count, seq }, 'planned');
    },
    overtaken({ ref, seq }) {
      overtaken.inc();
      logger.info({ ref: readable(ref), seq }, 'plan overtaken');
    },
    sweepOpened({ ref, seq }) {
      sweeps.inc({ what: 'opened' });
      logger.info({ ref: readable(ref), seq }, 'sweep opened');
    },
    sweepClosed({ ref, seq }) {
      sweeps.inc({ what: 'closed' });
      logger.info({ ref: readable(ref), seq }, 'sweep closed');
    },
    dependencyDown({ dependency, error }) {
      down.set({ dependency }, 1);
      logger.warn({ dependency, error }, 'dependency does not answer');
    },
    dependencyUp({ dependency }) {
      down.set({ dependency }, 0);
      logger.info({ dependency }, 'dependency answers again');
    },
    callRepeated({ dependency, project = '', error }) {
      logger.warn({ dependency, project: readable(project), error }, 'a call fails, and is repeated');
    },
    projectBlocked({ project, reason }) {
      logger.error({ project: readable(project), reason }, 'project blocked');
    },
    approvalNeeded({ ref, lacking, of }) {
      logger.error(
        { ref: readable(ref), lacking, of },
        'a sweep would delete more than half: tidemark approve says that it is meant',
      );
    },
    projectHidden({ project, reason }) {
      logger.warn({ project: readable(project), reason }, 'project hidden: nobody finds it, and it stays indexed');
    },
    projectUnblocked({ project }) {
      logger.info({ project: readable(project) }, 'project unblocked');
    },
    filed({ by, ref, paths }) {
      filed.inc({ by });
      logger.info({ by, ref: readable(ref), paths }, 'look filed');
    },
    backgroundFailed({ what, error }) {
      background.inc({ what });
      logger.warn({ what, error }, 'background work failed, and is tried again');
    },
    sourceUnreadable({ project, error }) {
      unreadable.inc();
      logger.warn({ project, error }, 'refs cannot be read, and are read again');
    },
    storeChecked({ file, seconds, complete }) {
      if (!complete)
        logger.warn({ file, seconds }, 'the check after a crash was not finished: tidemark verify does all of it');
      else if (seconds > LONG_CHECK_SECONDS) logger.info({ file, seconds }, 'checked after a crash');
    },
    searchReady({ pipeline, seconds }) {
      logger.info({ pipeline, seconds }, 'search is ready');
    },
    asked({ question, by, status, seconds, error }) {
      asked.observe({ question, status }, seconds);
      if (error === undefined) logger.debug({ question, by, status, seconds }, 'asked');
      else logger.warn({ question, by, status, seconds, error }, 'a question waits for what does not answer');
    },
    requestFailed({ error }) {
      failedRequests.inc();
      logger.error({ error }, 'a request could not be answered');
    },
    rerankingFailed({ error }) {
      unranked.inc();
      logger.warn({ error }, 'hits stay in the order of the rules');
    },
    kafkaSaid({ level, message, error }) {
      logger[level]({ error }, message);
    },
    topicDiffers({ topic, setting, expected, found }) {
      logger.warn({ topic, setting, expected, found }, 'topic is otherwise than configured');
    },
    webhook({ event, outcome, reason }) {
      webhooks.inc({ outcome });
      const of = { event, outcome, ...(reason === '' ? {} : { reason }) };
      if (outcome === 'refused' || outcome === 'unavailable') logger.warn(of, 'webhook');
      else logger.info(of, 'webhook');
    },
    dataDirectoryClosed({ directory, mode }) {
      logger.warn({ directory, mode }, 'others could read the data directory: it is closed to them from now on');
    },
    archiveUnusable({ instance, project, error }) {
      archives.inc({ instance });
      logger.warn({ instance, project, error }, 'no archive: its blobs are fetched one by one');
    },
    tokensEmbedded({ embedder, model, tokens: counted }) {
      tokens.inc({ embedder, model }, counted);
    },
    generationActive({ name, previous }) {
      logger.info({ name, previous }, 'generation active');
    },
  };
};
