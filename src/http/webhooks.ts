/**
 * `POST /webhooks/gitlab`. What comes in is a hint and no more: the project and its branches are written to the log, and
 * whoever plans them asks GitLab how things are. Answers 2xx once the log has it; GitLab does not try again, so what is
 * refused or lost is found by the next resync.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { messageOf } from '../errors.ts';
import type { Time } from '../ports.ts';
import type { Telemetry } from '../telemetry.ts';
import { answerJson } from './answer.ts';
import { type News, newsOf } from './webhook-events.ts';
import { bearsProof, refusal } from './webhook-signature.ts';

const SECOND = 1_000;
const MIB = 1024 ** 2;
/** GitLab sends no more. */
const MAX_BODY_BYTES = 25 * MIB;
/** Of all that are being read: as many senders as like may be slow at once. */
const MAX_HELD_BYTES = 128 * MIB;
/** GitLab waits ten seconds. */
const ANSWER_MS = 8 * SECOND;
const REMEMBERED_IDS = 10_000;
/** GitLab's are UUIDs; one that is longer is not remembered. */
const MAX_ID_CHARS = 100;
/** GitLab sends an event again within days, if at all; a signature is refused long before. */
const REMEMBERED_MS = 60 * 60 * SECOND;

export interface WebhookOptions {
  readonly secrets: readonly string[];
  /** Writes what it says to the log, for whoever indexes it; resolves to how many hints that were. */
  readonly file: (news: News, instance: string | undefined) => Promise<number>;
  /** Why nothing can be written now. */
  readonly unavailable: () => string | undefined;
  readonly time: Time;
  readonly telemetry: Telemetry;
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

export const gitlabWebhooks = ({ secrets, file, unavailable: why, time, telemetry }: WebhookOptions): Handler => {
  const recent = recentIds(time);
  let held = 0;

  /** `undefined` when it is too large; throws when the sender leaves before its end. */
  const read = async (request: IncomingMessage): Promise<Buffer | undefined> => {
    const parts: Buffer[] = [];
    let bytes = 0;
    try {
      for await (const part of request) {
        bytes += (part as Buffer).length;
        held += (part as Buffer).length;
        if (bytes > MAX_BODY_BYTES || held > MAX_HELD_BYTES) return undefined;
        parts.push(part as Buffer);
      }
      return Buffer.concat(parts);
    } finally {
      held -= bytes;
    }
  };

  const judge = async (request: IncomingMessage): Promise<Verdict> => {
    const { headers } = request;
    if (secrets.length === 0) return refused(403, 'webhooks.secrets is empty, so nothing is accepted');
    if (!bearsProof(headers)) return refused(401, 'there is neither webhook-signature nor X-Gitlab-Token');
    if (Number(headers['content-length'] ?? 0) > MAX_BODY_BYTES) return refused(413, 'the body is too large');
    const body = await read(request);
    if (!body) return refused(413, 'the body is too large');
    const forged = refusal(headers, body, { secrets, now: time.now() });
    if (forged !== undefined) return refused(401, forged);
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
    if (status === 413) response.setHeader('connection', 'close');
    if (status === 503) response.setHeader('retry-after', '60');
    answerJson(response, status, { outcome, ...(reason === '' ? {} : { reason }) });
  };
};
