/**
 * What is looked at from outside. That a service lives and is ready anybody may know, as those who look ask by address
 * and have no token. Why it is not ready, and what it indexes, is told on this machine where the configuration names
 * nobody, and everywhere else to whoever has a token for it.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { messageOf } from '../errors.ts';
import type { Hosted } from '../pipeline/host.ts';
import { answer, answerJson } from './answer.ts';
import type { BoundedAsk } from './bounded.ts';
import type { Caller, TokenScope } from './callers.ts';
import { callerIn, type GuardOptions, guard, isLocal } from './guard.ts';
import { Refusal } from './refusal.ts';

/** Throws `Refusal` for whom it is not for. */
export type Page = (request: IncomingMessage, response: ServerResponse) => Promise<void> | void;
export type Pages = Readonly<Record<string, Page>>;

export interface PagesOptions extends GuardOptions {
  readonly pipelines: readonly Hosted[];
  /** Whether the configuration says who may ask, so that nobody is known by being on this machine. */
  readonly named: boolean;
  readonly ask: BoundedAsk;
  /** None where figures have a port of their own. */
  readonly metrics: Page | undefined;
}

export const TEXT = 'text/plain; charset=utf-8';

const LOCAL: Caller = { name: 'local', scopes: new Set(['status']), mayRead: () => undefined };

export const pages = ({ pipelines, named, ask, metrics, ...guarding }: PagesOptions): Pages => {
  const isTrusted = (request: IncomingMessage) => !named && isLocal(request, guarding);
  /** Who may be told of all projects: reasons quote whatever has failed. */
  const maySeeReasons = (request: IncomingMessage) => {
    const caller = isTrusted(request) ? LOCAL : guarding.callerOf(request.headers.authorization);
    return caller?.scopes.has('status') === true && pipelines.every((one) => caller.mayRead(one) === undefined);
  };

  const figures: Page | undefined =
    metrics &&
    (async (request, response) => {
      // Who scrapes asks by address. A page of somebody else's, under whatever name, has no token.
      if (!isLocal(request, guarding)) allowed(callerIn(request, guarding), 'metrics');
      await metrics(request, response);
    });

  return {
    '/healthz': (_, response) => answer(response, 200, TEXT, 'ok\n'),
    '/readyz': (request, response) => {
      const reasons = pipelines.flatMap(troublesOf);
      const told = maySeeReasons(request) ? { reasons } : {};
      answerJson(response, reasons.length > 0 ? 503 : 200, { ready: reasons.length === 0, ...told });
    },
    ...(figures ? { '/metrics': figures } : {}),
    '/status': async (request, response) => {
      const caller = isTrusted(request) ? LOCAL : guard(request, guarding);
      const gone = new AbortController();
      response.on('close', () => gone.abort());
      const all = await Promise.all(
        pipelines.map(async (pipeline) => {
          const status = await ask({ pipeline, caller, signal: gone.signal }, 'status', {});
          const troubles = troublesOf(pipeline);
          const reasons = caller.mayRead(pipeline) ? [] : troubles;
          return { pipeline: pipeline.name, ...status, ready: status.ready && troubles.length === 0, reasons };
        }),
      );
      answerJson(response, 200, { pipelines: all });
    },
  };
};

const allowed = ({ scopes }: Caller, scope: TokenScope): void => {
  if (!scopes.has(scope)) throw new Refusal(403, `this token is not for ${scope}`);
};

const troublesOf = ({ name, flows, dependencies }: Hosted): readonly string[] => {
  const { running, fault } = flows();
  const down = dependencies().filter((one) => one.downSince() !== undefined);
  return [
    ...(fault === undefined ? [] : [`${name}: ${messageOf(fault)}`]),
    ...(running || fault !== undefined ? [] : [`${name}: the flows are not running yet`]),
    ...down.map((one) => `${name}: ${one.name} does not answer`),
  ];
};
