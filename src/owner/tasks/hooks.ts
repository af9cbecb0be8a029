import { z } from 'zod';
import { BadConfiguration, BadUsage, maskedText, messageOf } from '../../errors.ts';
import type { Hook, HookTarget } from '../../sources/gitlab/hooks.ts';
import { isGitlab, type ManagedGitlab } from '../../sources/gitlab/managed.ts';
import { Refused } from '../../sources/gitlab/requests.ts';
import { type Doing, task } from '../task.ts';

const which = {
  /** Groups or projects; what the configuration names where there are none. */
  scope: z.array(z.string()),
  instance: z.string().exactOptional(),
  url: z.string().exactOptional(),
};
const asked = z.strictObject(which);
type Asked = z.output<typeof asked>;

/** Of a group that may have no hooks: those of its projects stand for them. */
export interface StandIns {
  readonly is: 'standIns';
  readonly group: string;
  readonly because: string;
  readonly projects: number;
}

/** Hooks are made on a GitLab, and nothing else that Tidemark reads has any to make. */
const gitlabOf = ({ parts, name }: Doing['pipeline'], { instance: wanted }: Asked): ManagedGitlab['manage'] => {
  const found = [...parts.sources].flatMap(([instance, { port }]) =>
    isGitlab(port) && (wanted === undefined || instance === wanted) ? [{ name: instance, manage: port.manage }] : [],
  );
  const [only] = found;
  if (!only) throw new BadUsage(`pipeline ${name} has no GitLab${wanted === undefined ? '' : ` "${wanted}"`}`);
  if (found.length > 1) throw new BadUsage(`--instance says which: ${found.map((one) => one.name).join(', ')}`);
  return only.manage;
};

const urlOf = ({ webhooks }: ManagedGitlab['manage'], given: Asked): string => {
  const url = given.url ?? webhooks.url;
  if (url === undefined)
    throw new BadConfiguration(
      'webhooks.url says where GitLab reaches Tidemark, such as https://tidemark.example.com/webhooks/gitlab; or --url does',
    );
  return url;
};

/** Hooks of others lead elsewhere, with a password or a token in the URL. */
const shown = (hook: Hook): Hook => ({ ...hook, url: maskedText(hook.url) });

/** What was asked for; of a group without hooks its projects, one by one. */
async function* targetsOf(
  { hooks, scope }: ManagedGitlab['manage'],
  words: readonly string[],
  tell: (told: StandIns) => Promise<void>,
): AsyncGenerator<HookTarget> {
  const wanted: readonly HookTarget[] =
    words.length > 0
      ? await Promise.all(words.map((word) => hooks.targetOf(word)))
      : [
          ...scope.groups.map((path) => ({ kind: 'groups', path }) as const),
          ...scope.projects.map((path) => ({ kind: 'projects', path }) as const),
        ];
  for (const target of wanted) {
    const { targets, because } = await hooks.places(target);
    if (because !== undefined) await tell({ is: 'standIns', group: target.path, because, projects: targets.length });
    yield* targets;
  }
}

type Ensured =
  | { readonly is: 'ensured'; readonly target: HookTarget; readonly did: readonly string[]; readonly hook: Hook }
  | { readonly is: 'refused'; readonly target: HookTarget; readonly reason: string };

export const ensureHooks = task({
  input: z.strictObject({ ...which, renew: z.boolean() }),
  async run({ pipeline, tell }: Doing<Ensured | StandIns>, { renew, ...given }) {
    const gitlab = gitlabOf(pipeline, given);
    const [secret] = gitlab.webhooks.secrets;
    if (secret === undefined) throw new BadConfiguration('webhooks.secrets has no secret to give to a hook');
    const wanted = { url: urlOf(gitlab, given), secret, wikis: gitlab.scope.wikis };
    for await (const target of targetsOf(gitlab, given.scope, tell)) {
      try {
        const { hook, did } = await gitlab.hooks.ensure(target, wanted, renew);
        await tell({ is: 'ensured', target, did, hook: shown(hook) });
      } catch (error) {
        // One that is refused leaves the others to be made.
        if (!(error instanceof Refused)) throw error;
        await tell({ is: 'refused', target, reason: messageOf(error) });
      }
    }
  },
});

export const listHooks = task({
  input: asked,
  async run({ pipeline, tell }: Doing<{ is: 'hook'; target: HookTarget; hook: Hook } | StandIns>, given) {
    const gitlab = gitlabOf(pipeline, given);
    for await (const target of targetsOf(gitlab, given.scope, tell))
      for (const hook of await gitlab.hooks.list(target)) await tell({ is: 'hook', target, hook: shown(hook) });
  },
});

export const removeHooks = task({
  input: asked,
  async run({ pipeline, tell }: Doing<{ is: 'removed'; target: HookTarget; removed: number } | StandIns>, given) {
    const gitlab = gitlabOf(pipeline, given);
    const url = urlOf(gitlab, given);
    for await (const target of targetsOf(gitlab, given.scope, tell))
      await tell({ is: 'removed', target, removed: await gitlab.hooks.remove(target, url) });
  },
});
