/** What stands before every request that asks something: for which name, from which page, with which token. */
import type { IncomingMessage } from 'node:http';
import { isLoopbackName } from './answer.ts';
import type { Caller, CallerOf } from './callers.ts';
import { Refusal } from './refusal.ts';

export interface GuardOptions {
  readonly onLoopback: boolean;
  /** Other names under which we are reached. */
  readonly hosts: readonly string[];
  readonly origins: readonly string[];
  readonly callerOf: CallerOf;
}

/** Throws `Refusal` unless all three are as they should be. */
export const guard = (request: IncomingMessage, options: GuardOptions): Caller => {
  const { headers } = request;
  const { origins } = options;
  if (!isKnownName(headers.host, options)) throw new Refusal(421, 'this address is not answered for that name');
  if (headers.origin !== undefined && !isKnownOrigin(headers.origin, origins))
    throw new Refusal(403, 'pages of that origin may not ask');
  return callerIn(request, options);
};

/** By its token alone. Throws `Refusal` for one that nobody knows. */
export const callerIn = ({ headers }: IncomingMessage, { callerOf }: Pick<GuardOptions, 'callerOf'>): Caller => {
  const caller = callerOf(headers.authorization);
  if (!caller) throw new Refusal(401, 'a token is needed: authorization: Bearer TOKEN');
  return caller;
};

/** From this machine, and not through a proxy on it, which asks under one of `hosts`. */
export const isLocal = ({ headers }: IncomingMessage, { onLoopback }: Pick<GuardOptions, 'onLoopback'>): boolean =>
  onLoopback && isLoopbackName(headers.host);

/** A page of somebody else's must not reach us through a name that it has pointed at this machine. */
export const isKnownName = (
  host: string | undefined,
  { onLoopback, hosts }: Pick<GuardOptions, 'onLoopback' | 'hosts'>,
): boolean => {
  if (isLoopbackName(host) || (!onLoopback && hosts.length === 0)) return true;
  const name = host?.replace(/:\d+$/, '').toLowerCase();
  return hosts.some((known) => known.toLowerCase() === name);
};

const isKnownOrigin = (origin: string, origins: readonly string[]): boolean =>
  origins.includes(origin) || (URL.canParse(origin) && isLoopbackName(new URL(origin).host));
