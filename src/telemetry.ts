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
  /** One call fails for a long time although the dependency answers its probe. */
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
  /** The store's file is checked at the start after a crash. */
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

/** A check that takes longer delays the start so much that somebody asks why. */
const LONG_CHECK_SECONDS = 2;

const DEAD_LETTERED =
  'dead letter: a record failed and was set aside. See `tidemark dead-letters list`; `tidemark dead-letters replay` tries again';
const PROJECT_BLOCKED =
  'project blocked: its source refuses or does not find it. Nothing of it is deleted; check that the token may read it';
const PROJECT_HIDDEN =
  'project hidden: no search finds it, and its documents stay in the index. `tidemark forget` would delete them';
const WEBHOOK = {
  filed: 'webhook filed: Tidemark will look at what it names',
  dropped: 'webhook dropped: there is nothing new to do for it',
  refused: 'webhook refused: see its reason, and its secret and address in GitLab',
  unavailable: 'webhook not taken, GitLab was told 503: the resync will find the push',
};

/** Keys hold NUL between their parts; a reader gets spaces. */
const readable = (key: string) => key.replaceAll('\0', ' ');

export const telemetry = (logger: Logger, registry: Registry): Telemetry => {
  const registers = [registry];
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Counter({ name: `tidemark_${name}`, help, labelNames, registers });
  const settled = counter('deliveries_settled_total', 'Records that a flow has finished, by outcome', [
    'flow',
    'outcome',
    'reason',
  ]);
  const dead = counter('dead_letters_total', 'Records set aside as dead letters', ['flow', 'stage', 'kind']);
  const changes = counter('changes_planned_total', 'Changes that plans have appended', []);
  const overtaken = counter(
    'plans_overtaken_total',
    'Plans that gave up because a newer plan of the same branch began',
    [],
  );
  const sweeps = counter('sweeps_total', 'Sweeps opened and closed', ['what']);
  const filed = counter('looks_filed_total', 'Branches that Tidemark asked itself to compare', ['by']);
  const down = new Gauge({
    name: 'tidemark_dependency_down',
    help: '1 while a dependency does not answer',
    labelNames: ['dependency'],
    registers,
  });
  const background = counter('background_failures_total', 'Background work that failed and is tried again', ['what']);
  const unreadable = counter('source_looks_failed_total', 'Failed attempts to read the branches of a source', []);
  const archives = counter(
    'archives_unusable_total',
    'Archives that could not be used, so that files were fetched one by one',
    ['instance'],
  );
  const webhooks = counter('webhooks_total', 'Webhooks by outcome', ['outcome']);
  const tokens = counter('embedder_tokens_total', 'Tokens that embedding servers have counted', ['embedder', 'model']);
  const failedRequests = counter(
    'requests_failed_total',
    'HTTP requests answered with 500 because of a fault in Tidemark',
    [],
  );
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
      logger.debug({ flow, outcome, reason, key: readable(key) }, 'a flow has finished a record');
    },
    deadLettered({ flow, stage, kind, message, key }) {
      dead.inc({ flow, stage, kind });
      logger.error({ flow, stage, kind, message, key: readable(key) }, DEAD_LETTERED);
    },
    planned({ ref, changes: count, seq }) {
      changes.inc(count);
      logger.info({ ref: readable(ref), changes: count, seq }, 'plan has sent the changes of a branch on their way');
    },
    overtaken({ ref, seq }) {
      overtaken.inc();
      logger.info(
        { ref: readable(ref), seq },
        'plan overtaken: a newer plan of this branch has begun, and this one appends no change',
      );
    },
    sweepOpened({ ref, seq }) {
      sweeps.inc({ what: 'opened' });
      logger.info({ ref: readable(ref), seq }, 'sweep opened: the whole tree of this branch is compared, page by page');
    },
    sweepClosed({ ref, seq }) {
      sweeps.inc({ what: 'closed' });
      logger.info({ ref: readable(ref), seq }, 'sweep closed: the whole tree of this branch has been compared');
    },
    dependencyDown({ dependency, error }) {
      down.set({ dependency }, 1);
      logger.warn({ dependency, error }, `${dependency} does not answer: Tidemark waits for it and loses nothing`);
    },
    dependencyUp({ dependency }) {
      down.set({ dependency }, 0);
      logger.info({ dependency }, `${dependency} answers again`);
    },
    callRepeated({ dependency, project = '', error }) {
      logger.warn(
        { dependency, project: readable(project), error },
        `${dependency} answers, but one call to it fails and is repeated`,
      );
    },
    projectBlocked({ project, reason }) {
      logger.error({ project: readable(project), reason }, PROJECT_BLOCKED);
    },
    approvalNeeded({ ref, lacking, of }) {
      logger.error(
        { ref: readable(ref), lacking, of },
        `${lacking} of ${of} documents of a branch are missing in the listing of its source, and none is deleted before a person agrees: if they are gone for good, run \`tidemark approve REF\` with REF as in \`tidemark status\``,
      );
    },
    projectHidden({ project, reason }) {
      logger.warn({ project: readable(project), reason }, PROJECT_HIDDEN);
    },
    projectUnblocked({ project }) {
      logger.info(
        { project: readable(project) },
        'project unblocked: it can be read and found again, and all its branches are compared',
      );
    },
    filed({ by, ref, paths }) {
      filed.inc({ by });
      logger.info({ by, ref: readable(ref), paths }, 'look filed: Tidemark will compare this branch with the index');
    },
    backgroundFailed({ what, error }) {
      background.inc({ what });
      logger.warn({ what, error }, `background work failed and is tried again: ${what}`);
    },
    sourceUnreadable({ project, error }) {
      unreadable.inc();
      logger.warn(
        { project, error },
        'the branches of a source cannot be read: Tidemark tries again, and indexes nothing new of it until then',
      );
    },
    storeChecked({ file, seconds, complete }) {
      if (!complete)
        logger.warn(
          { file, seconds },
          'the file of the store was checked only in part after a crash: run `tidemark verify` to check all of it',
        );
      else if (seconds > LONG_CHECK_SECONDS)
        logger.info({ file, seconds }, 'the file of the store was checked after a crash');
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
      logger.error(
        { error },
        'an HTTP request was answered with 500, because of a fault in Tidemark: report the error',
      );
    },
    rerankingFailed({ error }) {
      unranked.inc();
      logger.warn(
        { error },
        'the reranker failed: the question was answered in the order without it. Check `reranker` in the configuration',
      );
    },
    kafkaSaid({ level, message, error }) {
      logger[level]({ error }, `Kafka client: ${message}`);
    },
    topicDiffers({ topic, setting, expected, found }) {
      logger.warn(
        { topic, setting, expected, found },
        `Kafka topic ${topic} has ${setting} = ${found}, the configuration says ${expected}: Tidemark runs, but change one of them`,
      );
    },
    webhook({ event, outcome, reason }) {
      webhooks.inc({ outcome });
      const of = { event, outcome, ...(reason === '' ? {} : { reason }) };
      if (outcome === 'refused' || outcome === 'unavailable') logger.warn(of, WEBHOOK[outcome]);
      else logger.info(of, WEBHOOK[outcome]);
    },
    dataDirectoryClosed({ directory, mode }) {
      logger.warn({ directory, mode }, 'other users could read the data directory: from now on only its owner can');
    },
    archiveUnusable({ instance, project, error }) {
      archives.inc({ instance });
      logger.warn(
        { instance, project, error },
        'the archive of a project cannot be used: its files are fetched one by one, with more requests to GitLab',
      );
    },
    tokensEmbedded({ embedder, model, tokens: counted }) {
      tokens.inc({ embedder, model }, counted);
    },
    generationActive({ name, previous }) {
      logger.info({ name, previous }, 'generation active: searches are answered from it now');
    },
  };
};
