/** Whether a webhook comes from somebody who knows a secret of ours. https://www.standardwebhooks.com for signatures. */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { MINUTE } from '../../units.ts';

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

const isSigning = (secret: string): boolean => secret.startsWith(SIGNING);

/** `known`: by its token, whatever the body is. `signed`: the body will tell. */
export type Proof = 'known' | 'signed' | { readonly refused: string };

/** What the headers alone say, before anything of the body is read. A bad signature never falls back to the plain token. */
export const proofOf = (
  headers: IncomingHttpHeaders,
  { secrets, now }: { readonly secrets: readonly string[]; readonly now: number },
): Proof => {
  const token = header(headers, 'x-gitlab-token');
  if (header(headers, 'webhook-signature') === undefined) {
    if (token === undefined) return { refused: 'there is neither webhook-signature nor X-Gitlab-Token' };
    const plain = secrets.filter((secret) => !isSigning(secret));
    return anyOf(plain, (secret) => isSame(token, secret))
      ? 'known'
      : { refused: 'the secret token is not one of ours' };
  }
  const timestamp = header(headers, 'webhook-timestamp') ?? '';
  if (!/^\d{1,12}$/.test(timestamp)) return { refused: 'the signature has no time' };
  if (Math.abs(now - Number(timestamp) * 1_000) > WINDOW_MS)
    return { refused: 'the signature is too old, or of the future' };
  return secrets.some(isSigning) ? 'signed' : { refused: 'the signature is not by a secret of ours' };
};

export const isSigned = (headers: IncomingHttpHeaders, body: Buffer, secrets: readonly string[]): boolean => {
  const id = header(headers, 'webhook-id') ?? '';
  const timestamp = header(headers, 'webhook-timestamp') ?? '';
  const given = (header(headers, 'webhook-signature') ?? '').split(' ');
  return anyOf(secrets.filter(isSigning), (token) => {
    const key = Buffer.from(token.slice(SIGNING.length), 'base64');
    const mac = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest('base64');
    return anyOf(given, (one) => isSame(one, `v1,${mac}`));
  });
};
