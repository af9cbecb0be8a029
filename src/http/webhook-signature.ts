/** Whether a webhook comes from somebody who knows a secret of ours. https://www.standardwebhooks.com for signatures. */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

const MINUTE = 60_000;
/** A signature is good for so long before and after its time: clocks differ, and who records one replays it later. */
const WINDOW_MS = 5 * MINUTE;
const SIGNING = 'whsec_';

/** Says nothing by the time that it takes, also not how long the secret is. */
const isSame = (given: string, known: string): boolean => {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(known));
};

const header = (headers: IncomingHttpHeaders, name: string): string | undefined => {
  const value = headers[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
};

/** Every secret is tried, so that the time does not tell which one it was. */
const anyOf = (secrets: readonly string[], matches: (secret: string) => boolean): boolean =>
  secrets.filter(matches).length > 0;

const isSigned = (
  headers: IncomingHttpHeaders,
  signatures: string,
  body: Buffer,
  tokens: readonly string[],
): boolean => {
  const id = header(headers, 'webhook-id') ?? '';
  const timestamp = header(headers, 'webhook-timestamp') ?? '';
  const given = signatures.split(' ');
  return anyOf(tokens, (token) => {
    const key = Buffer.from(token.slice(SIGNING.length), 'base64');
    const mac = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest('base64');
    return anyOf(given, (one) => isSame(one, `v1,${mac}`));
  });
};

/** Whether there is anything to check at all: who brings nothing is refused before the body is read. */
export const bearsProof = (headers: IncomingHttpHeaders): boolean =>
  header(headers, 'webhook-signature') !== undefined || header(headers, 'x-gitlab-token') !== undefined;

/** Why the webhook is refused; `undefined` when it is genuine. A bad signature never falls back to the plain token. */
export const refusal = (
  headers: IncomingHttpHeaders,
  body: Buffer,
  { secrets, now }: { readonly secrets: readonly string[]; readonly now: number },
): string | undefined => {
  const signatures = header(headers, 'webhook-signature');
  const isSigning = (secret: string) => secret.startsWith(SIGNING);
  if (signatures === undefined) {
    const given = header(headers, 'x-gitlab-token') ?? '';
    const plain = secrets.filter((secret) => !isSigning(secret));
    return anyOf(plain, (secret) => isSame(given, secret)) ? undefined : 'the secret token is not one of ours';
  }
  const timestamp = header(headers, 'webhook-timestamp') ?? '';
  if (!/^\d{1,12}$/.test(timestamp)) return 'the signature has no time';
  if (Math.abs(now - Number(timestamp) * 1_000) > WINDOW_MS) return 'the signature is too old, or of the future';
  return isSigned(headers, signatures, body, secrets.filter(isSigning))
    ? undefined
    : 'the signature is not by a secret of ours';
};
