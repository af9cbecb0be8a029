/** Carries payloads to hooks, signed as the Standard Webhooks specification says, and never a second time by itself. */
import { createHmac, randomUUID } from 'node:crypto';
import { MINUTE, SECOND } from '../../../src/units.ts';
import type { SimulatedHook } from './world.ts';

const TIMEOUT_MS = 10 * SECOND;
const FAILURES_UNTIL_DISABLED = 4;

export interface Delivery {
  readonly hook: SimulatedHook;
  /** `Push Hook`. */
  readonly event: string;
  readonly id: string;
  readonly body: string;
}

export const signature = (signingToken: string, id: string, timestamp: string, body: string): string => {
  const key = Buffer.from(signingToken.replace(/^whsec_/, ''), 'base64');
  return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`;
};

export const headersOf = ({ hook, event, id, body }: Delivery, origin: string, now = Date.now()) => {
  const timestamp = String(Math.floor(now / SECOND));
  return {
    'content-type': 'application/json',
    'user-agent': 'GitLab/18.6.0',
    'x-gitlab-event': event,
    'x-gitlab-instance': origin,
    'x-gitlab-webhook-uuid': randomUUID(),
    'x-gitlab-event-uuid': randomUUID(),
    'webhook-id': id,
    'idempotency-key': id,
    'webhook-timestamp': timestamp,
    ...(hook.token === undefined ? {} : { 'x-gitlab-token': hook.token }),
    ...(hook.signingToken === undefined
      ? {}
      : { 'webhook-signature': signature(hook.signingToken, id, timestamp, body) }),
  };
};

/** Resolves to the status, 0 when nobody answered. Only the hook's own counter knows of a failure. */
export const deliver = async (delivery: Delivery, origin: string): Promise<number> => {
  const { hook, body } = delivery;
  if (hook.disabledUntil !== undefined && hook.disabledUntil > Date.now()) return 0;
  let status = 0;
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const response = await fetch(hook.url, { method: 'POST', headers: headersOf(delivery, origin), body, signal });
    await response.arrayBuffer();
    status = response.status;
  } catch {
    // GitLab notes it and goes on as well.
  }
  if (status >= 200 && status < 300) hook.failures = 0;
  else hook.failures += 1;
  hook.disabledUntil =
    hook.failures < FAILURES_UNTIL_DISABLED
      ? undefined
      : Date.now() + MINUTE * 2 ** (hook.failures - FAILURES_UNTIL_DISABLED);
  return status;
};
