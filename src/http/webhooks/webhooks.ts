/**
 * `POST /webhooks/gitlab`. What comes in is a hint and no more: the project and its branches are written to the log, and
 * whoever plans them asks GitLab how things are. Answers 2xx once the log has it; GitLab does not try again, so what is
 * refused or lost is found by the next resync.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { messageOf } from '../../errors.ts';
import type { Time } from '../../ports.ts';
import type { Telemetry } from '../../telemetry.ts';
import { HOUR, SECOND } from '../../units.ts';
import { answerJson } from '../answer.ts';
import { type BodyLimits, MAX_BODY_BYTES, type Unread, webhookBodies } from './bodies.ts';
import { type News, newsOf } from './events.ts';
import { isSigned, proofOf } from './signature.ts';

/** GitLab waits ten seconds. */
const ANSWER_MS = 8 * SECOND;
const REMEMBERED_IDS = 10_000;
/** GitLab's are UUIDs; one that is longer is not remembered. */
const MAX_ID_CHARS = 100;
/** GitLab sends an event again within days, if at all; a signature is refused long before. */
const REMEMBERED_MS = HOUR;

export interface WebhookOptions {
  readonly secrets: readonly string[];
  /** Writes what it says to the log, for whoever indexes it; resolves to how many hints that were. */
  readonly file: (news: News, instance: string | undefined) => Promise<number>;
  /** Why nothing can be written now. */
  readonly unavailable: () => string | undefined;
  readonly time: Time;
  readonly telemetry: Telemetry;
  readonly limits?: BodyLimits;
}

export type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

interface Verdict {
  readonly status: number;
  readonly outcome: 'filed' | 'dropped' | 'refused' | 'unavailable';
  readonly reason: string;
}

const refused = (status: number, reason: string): Verdict => ({ status, outcome: 'refused', reason });
const dropped = (reason: string): Verdict => ({ status: 200, outcome: 'dropped', reason });
const unavailable = (reason: string): Verdict => ({ status: 503, outcome: 'unavailable', reason });

const UNREAD: Readonly<Record<Unread, Verdict>> = {
  'too large': refused(413, 'the body is too large'),
  // It may be of legal size, so that GitLab is told to come back; it takes what is refused for a fault of the hook.
  'no room': unavailable('too much is being received'),
  'too late': refused(408, 'the body did not come in time'),
};

const text = (value: string | string[] | undefined): string | undefined =>
  typeof value === 'string' ? value : undefined;

/** Ids that were written to the log, the newest last. */
const recentIds = (time: Time) => {
  const seen = new Map<string, number>();
  return {
    has: (id: string) => time.now() - (seen.get(id) ?? Number.NEGATIVE_INFINITY) < REMEMBERED_MS,
    add(id: string) {
      if (id.length > MAX_ID_CHARS) return;
      seen.delete(id);
      seen.set(id, time.now());
      for (const oldest of seen.keys()) {
        if (seen.size <= REMEMBERED_IDS) break;
        seen.delete(oldest);
      }
    },
  };
};

export const gitlabWebhooks = (options: WebhookOptions): Handler => {
  const { secrets, file, unavailable: why, time, telemetry, limits } = options;
  const recent = recentIds(time);
  const read = webhookBodies(time, limits);

  const judge = async (request: IncomingMessage): Promise<Verdict> => {
    const { headers } = request;
    if (secrets.length === 0) return refused(403, 'webhooks.secrets is empty, so nothing is accepted');
    const proof = proofOf(headers, { secrets, now: time.now() });
    if (typeof proof === 'object') return refused(401, proof.refused);
    if (Number(headers['content-length'] ?? 0) > MAX_BODY_BYTES) return UNREAD['too large'];
    const body = await read(request, proof === 'known');
    if (typeof body === 'string') return UNREAD[body];
    if (proof === 'signed' && !isSigned(headers, body, secrets))
      return refused(401, 'the signature is not by a secret of ours');
    let json: unknown;
    try {
      json = JSON.parse(body.toString('utf8'));
    } catch {
      return refused(400, 'the body is not JSON');
    }
    return take(
      newsOf(json),
      text(headers['x-gitlab-instance']),
      text(headers['webhook-id']) ?? text(headers['idempotency-key']),
    );
  };

  const take = async (news: News, instance: string | undefined, id: string | undefined): Promise<Verdict> => {
    // GitLab switches a hook off after a few answers that are not 2xx, also of events that nobody needs.
    if (news.is === 'other') return dropped(`nothing to do for ${news.kind || 'an event without a name'}`);
    if (news.is === 'strange') return dropped(`not the shape of GitLab: ${news.why}`);
    if (id !== undefined && recent.has(id)) return dropped('delivered before');
    const reason = why();
    if (reason !== undefined) return unavailable(reason);
    const late = new AbortController();
    try {
      const filing = file(news, instance);
      // Whatever becomes of it when nobody waits any more: a hint may be lost, and may come twice.
      filing.catch(() => undefined);
      const hints = await Promise.race([filing, time.sleep(ANSWER_MS, late.signal).then(() => undefined)]);
      if (hints === undefined) return unavailable('the log does not answer');
      if (id !== undefined) recent.add(id);
      return hints > 0
        ? { status: 200, outcome: 'filed', reason: '' }
        : dropped('no project or branch that is indexed');
    } catch (error) {
      return unavailable(messageOf(error));
    } finally {
      late.abort();
    }
  };

  return async (request, response) => {
    const event = text(request.headers['x-gitlab-event']) ?? '';
    let verdict: Verdict;
    try {
      verdict = await judge(request);
    } catch (error) {
      // Only reading throws: the sender has gone, and nobody hears an answer.
      telemetry.webhook({ event, outcome: 'refused', reason: `cut off: ${messageOf(error)}` });
      response.destroy();
      return;
    }
    const { status, outcome, reason } = verdict;
    telemetry.webhook({ event, outcome, reason });
    // What was not read of the body is not waited for.
    if (!request.complete) response.setHeader('connection', 'close');
    if (status === 503) response.setHeader('retry-after', '60');
    answerJson(response, status, { outcome, ...(reason === '' ? {} : { reason }) });
  };
};
