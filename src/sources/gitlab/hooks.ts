/** Webhooks of groups and projects: made, mended, and let run again. Needs a token with the scope `api`. */
import { z } from 'zod';
import { BadUsage } from '../../errors.ts';
import { checked, jsonIn } from './api.ts';
import { Refused, type Requests } from './requests.ts';

const SIGNING = 'whsec_';

export interface Hook {
  readonly id: number;
  readonly url: string;
  readonly pushes: boolean;
  readonly wikis: boolean;
  readonly verifiesTls: boolean;
  readonly hasToken: boolean;
  readonly isSigned: boolean;
  /** `executable`, or why GitLab does not call it. */
  readonly alert: string;
  readonly disabledUntil: string | null;
}

export interface HookTarget {
  readonly kind: 'groups' | 'projects';
  readonly path: string;
}

export type Ensured = { readonly target: HookTarget; readonly hook: Hook; readonly did: readonly string[] };

const hookSchema = z.object({
  id: z.number(),
  url: z.string(),
  push_events: z.boolean().default(false),
  wiki_page_events: z.boolean().default(false),
  enable_ssl_verification: z.boolean().default(true),
  token_present: z.boolean().default(false),
  signing_token_present: z.boolean().default(false),
  alert_status: z.string().default('executable'),
  disabled_until: z.string().nullish(),
});

const projectsSchema = z.array(z.object({ path_with_namespace: z.string() }));

const hookOf = (value: unknown): Hook => {
  const one = checked(hookSchema, 'a hook', value);
  return {
    ...{ id: one.id, url: one.url, pushes: one.push_events, wikis: one.wiki_page_events },
    ...{ verifiesTls: one.enable_ssl_verification, hasToken: one.token_present, isSigned: one.signing_token_present },
    ...{ alert: one.alert_status, disabledUntil: one.disabled_until ?? null },
  };
};

export interface Wanted {
  /** Where GitLab reaches us. */
  readonly url: string;
  readonly secret: string;
  readonly wikis: boolean;
}

export const gitlabHooks = (requests: Pick<Requests, 'ask'>) => {
  const pathOf = ({ kind, path }: HookTarget, rest = '') => `${kind}/${encodeURIComponent(path)}/hooks${rest}`;

  const list = async (target: HookTarget): Promise<readonly Hook[]> => {
    const path = pathOf(target);
    const reply = await requests.ask(path, { query: { perPage: 100 } });
    return checked(z.array(z.unknown()), 'hooks', jsonIn(path, reply)).map(hookOf);
  };

  const write = async (method: 'POST' | 'PUT', path: string, { url, secret, wikis }: Wanted): Promise<Hook> => {
    const proof = secret.startsWith(SIGNING) ? { signing_token: secret } : { token: secret };
    const events = { push_events: true, tag_push_events: false, wiki_page_events: wikis, issues_events: false };
    const body = { url, ...proof, ...events, enable_ssl_verification: url.startsWith('https:') };
    return hookOf(jsonIn(path, await requests.ask(path, { method, body })));
  };

  const drift = (hook: Hook, { url, secret, wikis }: Wanted): readonly string[] => [
    ...(hook.pushes ? [] : ['pushes were not told']),
    ...(hook.wikis === wikis ? [] : [`wiki pages were ${wikis ? 'not ' : ''}told`]),
    ...(hook.verifiesTls === url.startsWith('https:') ? [] : ['certificates were not verified']),
    ...((secret.startsWith(SIGNING) ? hook.isSigned : hook.hasToken) ? [] : ['it had no secret']),
  ];

  const projectsIn = async (group: string): Promise<readonly HookTarget[]> => {
    const found: HookTarget[] = [];
    const path = `groups/${encodeURIComponent(group)}/projects`;
    for (let page = '1'; page !== ''; ) {
      const query = { includeSubgroups: true, withShared: false, archived: false, perPage: 100, page };
      const reply = await requests.ask(path, { query });
      for (const project of checked(projectsSchema, 'projects', jsonIn(path, reply)))
        found.push({ kind: 'projects', path: project.path_with_namespace });
      page = reply.headers.get('x-next-page') ?? '';
    }
    return found;
  };

  return {
    list,

    /** Itself; of a group that has no hooks, or none for this token, its projects, and why. */
    async places(target: HookTarget): Promise<{ readonly targets: readonly HookTarget[]; readonly because?: string }> {
      if (target.kind === 'projects') return { targets: [target] };
      try {
        await list(target);
        return { targets: [target] };
      } catch (error) {
        // A token without the scope would be refused by each project as well.
        if (!(error instanceof Refused) || error.code === 'insufficient_scope') throw error;
        if (error.status !== 403 && error.status !== 404) throw error;
        return { targets: await projectsIn(target.path), because: error.message };
      }
    },

    /** Whether there is a group of that name; else it is a project's. */
    async targetOf(path: string): Promise<HookTarget> {
      for (const kind of ['groups', 'projects'] as const) {
        try {
          await requests.ask(`${kind}/${encodeURIComponent(path)}`);
          return { kind, path };
        } catch (error) {
          if (!(error instanceof Refused) || error.status !== 404) throw error;
        }
      }
      throw new BadUsage(`there is neither a group nor a project ${path}`);
    },

    /** Does nothing where all is well. `renew` sets the secret again, which GitLab never tells. */
    async ensure(target: HookTarget, wanted: Wanted, renew: boolean): Promise<Ensured> {
      const found = (await list(target)).find(({ url }) => url === wanted.url);
      if (!found) {
        const hook = await write('POST', pathOf(target), wanted);
        assertSigned(hook, wanted);
        return { target, hook, did: ['made'] };
      }
      const did = [...drift(found, wanted), ...(renew ? ['its secret was set again'] : [])];
      let hook = did.length > 0 ? await write('PUT', pathOf(target, `/${found.id}`), wanted) : found;
      assertSigned(hook, wanted);
      if (hook.alert !== 'executable') {
        did.push(`it was ${hook.alert.replaceAll('_', ' ')}, and was tried`);
        // A delivery that gets through lets it run again.
        await requests.ask(pathOf(target, `/${found.id}/test/push_events`), { method: 'POST' });
        hook = (await list(target)).find(({ id }) => id === found.id) ?? hook;
      }
      return { target, hook, did };
    },

    async remove(target: HookTarget, url: string): Promise<number> {
      const ours = (await list(target)).filter((hook) => hook.url === url);
      for (const { id } of ours) await requests.ask(pathOf(target, `/${id}`), { method: 'DELETE' });
      return ours.length;
    },
  };
};
export type GitlabHooks = ReturnType<typeof gitlabHooks>;

/** An older server passes over what it does not know, and would send unsigned what we then refuse. */
const assertSigned = (hook: Hook, { secret }: Wanted): void => {
  if (secret.startsWith(SIGNING) && !hook.isSigned)
    throw new BadUsage(
      'this GitLab does not know signing tokens: put a plain secret first into webhooks.secrets, and it is sent as X-Gitlab-Token',
    );
};
