/** What a token may do, before anybody waits for what it may not: each finding with what to do about it. */
import { z } from 'zod';
import { messageOf } from '../../errors.ts';
import type { Time } from '../../ports.ts';
import { DAY } from '../../units.ts';
import { checked, jsonIn } from './api.ts';
import type { GitlabHooks, HookTarget } from './hooks.ts';
import type { Scope } from './projects.ts';
import { Refused, type Requests } from './requests.ts';

const REPORTER = 20;
const EXPIRES_SOON_MS = 14 * DAY;

export interface GitlabFinding {
  readonly level: 'ok' | 'warning' | 'error';
  readonly finding: string;
  /** Empty where there is nothing to do. */
  readonly remedy: string;
}

export interface ChecksOptions {
  readonly requests: Pick<Requests, 'ask'>;
  readonly token: () => Promise<string | undefined>;
  readonly scope: Pick<Scope, 'groups' | 'projects'>;
  readonly time: Pick<Time, 'now'>;
  /** Where hooks are to lead; without it nobody looks for them. */
  readonly hooks?: { readonly port: Pick<GitlabHooks, 'list'>; readonly url: string };
}

const tokenSchema = z.object({ scopes: z.array(z.string()), expires_at: z.string().nullish() });
const userSchema = z.object({ id: z.number(), username: z.string(), is_admin: z.boolean().default(false) });
const placeSchema = z.object({ visibility: z.string().default('private') });
const memberSchema = z.object({ access_level: z.number() });

type User = z.infer<typeof userSchema>;

const ROLES: readonly (readonly [number, string])[] = [
  [50, 'Owner'],
  [40, 'Maintainer'],
  [30, 'Developer'],
  [REPORTER, 'Reporter'],
  [15, 'Planner'],
  [10, 'Guest'],
];
const roleOf = (level: number) => ROLES.find(([from]) => level >= from)?.[1] ?? `of level ${level}`;

const ok = (finding: string): GitlabFinding => ({ level: 'ok', finding, remedy: '' });
const warning = (finding: string, remedy: string): GitlabFinding => ({ level: 'warning', finding, remedy });
const error = (finding: string, remedy: string): GitlabFinding => ({ level: 'error', finding, remedy });

export const gitlabChecks = ({ requests, token, scope, time, hooks }: ChecksOptions) => {
  /** `undefined` for what is refused or not there. */
  const ask = async <T>(schema: z.ZodType<T>, path: string): Promise<T | undefined> => {
    try {
      return checked(schema, path, jsonIn(path, await requests.ask(path, { tries: 1 })));
    } catch (refusal) {
      if (refusal instanceof Refused && refusal.status !== 401) return undefined;
      throw refusal;
    }
  };

  const tokenFindings = async (): Promise<readonly GitlabFinding[]> => {
    const known = await ask(tokenSchema, 'personal_access_tokens/self');
    if (!known) return [warning('what the token may do cannot be told', 'Look at its scopes in GitLab: read_api.')];
    const { scopes, expires_at: expires } = known;
    const said = `the token has the scopes ${scopes.join(', ') || 'none'}`;
    const remedy = 'Make a token with the scopes read_api and read_repository.';
    const has = (name: string) => scopes.includes(name) || scopes.includes('api');
    const lacks = ['read_api', 'read_repository'].filter((name) => !has(name));
    const ofScopes = lacks.includes('read_api')
      ? error(`${said}, and not read_api: nothing can be listed`, remedy)
      : lacks.length > 0
        ? warning(`${said}, and not ${lacks.join()}`, remedy)
        : ok(said);
    const leftMs = typeof expires === 'string' ? Date.parse(expires) - time.now() : Number.POSITIVE_INFINITY;
    if (leftMs > EXPIRES_SOON_MS) return [ofScopes];
    return [
      ofScopes,
      warning(`the token expires on ${expires}`, 'Make a new one; tokenFile may be replaced at any time.'),
    ];
  };

  const placeFinding = async ({ kind, path }: HookTarget, user: User | undefined): Promise<GitlabFinding> => {
    const at = `${kind}/${encodeURIComponent(path)}`;
    const what = `${kind.slice(0, -1)} ${path}`;
    const place = await ask(placeSchema, at);
    if (!place)
      return error(
        `${what} is not there, or not for this token`,
        `Look at its path, and let the token's user into it as Reporter.`,
      );
    if (!user || user.is_admin) return ok(`${what} is there`);
    const level = (await ask(memberSchema, `${at}/members/all/${user.id}`))?.access_level;
    if (level !== undefined && level >= REPORTER) return ok(`${user.username} is ${roleOf(level)} of ${what}`);
    const said =
      level === undefined
        ? `${user.username} is no member of ${what}`
        : `${user.username} is ${roleOf(level)} of ${what}`;
    const remedy = `Let ${user.username} into it as Reporter.`;
    if (kind === 'groups') return warning(`${said}: of its private projects nothing is indexed`, remedy);
    if (place.visibility === 'private') return error(`${said}, whose code is not for it`, remedy);
    return ok(`${what} is ${place.visibility}`);
  };

  const hookFinding = async (target: HookTarget, { port, url }: NonNullable<ChecksOptions['hooks']>) => {
    const what = `${target.kind.slice(0, -1)} ${target.path}`;
    try {
      const hook = (await port.list(target)).find((one) => one.url === url);
      const remedy = `tidemark gitlab hooks ensure ${target.path}, with a token that has the scope api.`;
      if (!hook) return [warning(`no hook of ${what} leads to ${url}`, remedy)];
      if (hook.alert !== 'executable')
        return [error(`the hook of ${what} is ${hook.alert.replaceAll('_', ' ')}`, remedy)];
      return [ok(`the hook of ${what} is called`)];
    } catch (refusal) {
      // To read code needs less than to see hooks, and is enough.
      if (refusal instanceof Refused) return [];
      throw refusal;
    }
  };

  return async (): Promise<readonly GitlabFinding[]> => {
    const targets: readonly HookTarget[] = [
      ...scope.groups.map((path) => ({ kind: 'groups', path }) as const),
      ...scope.projects.map((path) => ({ kind: 'projects', path }) as const),
    ];
    const findings: GitlabFinding[] = [];
    try {
      const isKnown = (await token()) !== undefined;
      if (isKnown) findings.push(...(await tokenFindings()));
      else findings.push(warning('there is no token: public projects alone are found', 'Set token or tokenFile.'));
      const user = isKnown ? await ask(userSchema, 'user') : undefined;
      for (const target of targets) {
        findings.push(await placeFinding(target, user));
        if (hooks) findings.push(...(await hookFinding(target, hooks)));
      }
    } catch (failure) {
      const isRefused = failure instanceof Refused;
      const remedy = isRefused
        ? 'Give it a token that is good on this server.'
        : 'Look at its address, and whether it can be reached from here.';
      findings.push(
        error(
          isRefused ? "the token is refused: it was revoked, has expired, or is another server's" : messageOf(failure),
          remedy,
        ),
      );
    }
    return findings;
  };
};
