import { BadConfiguration, BadUsage, maskedText, messageOf } from '../../errors.ts';
import type { Hook, HookTarget } from '../../sources/gitlab/hooks.ts';
import { isGitlab, type ManagedGitlab } from '../../sources/gitlab/managed.ts';
import { Refused } from '../../sources/gitlab/requests.ts';
import type { Args, Context, DataCommand } from '../command.ts';
import { EXIT } from '../exit.ts';
import { inLine, type Output } from '../output.ts';

const words = { usage: '[SCOPE...]', min: 0, max: 1_000 };
const shared = {
  instance: { value: 'NAME', description: 'Chooses the GitLab, if the pipeline has several.' },
  url: { value: 'URL', description: 'Names the URL at which GitLab reaches Tidemark; the default is `webhooks.url`.' },
  json: { description: 'Prints one JSON object for each webhook.' },
};
const details =
  'SCOPE is a group or a project; without SCOPE it takes all that the configuration names. The token needs the scope api,\nand its user the role Maintainer of the project or Owner of the group. Webhooks of groups need GitLab Premium; if GitLab\nrefuses them, Tidemark uses webhooks of the projects instead.';

/** Hooks are made on a GitLab, and nothing else that Tidemark reads has any to make. */
const gitlabOf = ({ pipeline: { parts, name } }: Context, args: Args): ManagedGitlab['manage'] => {
  const wanted = args.text('instance');
  const found = [...parts.sources].flatMap(([instance, { port }]) =>
    isGitlab(port) && (wanted === undefined || instance === wanted) ? [{ name: instance, manage: port.manage }] : [],
  );
  const [only] = found;
  if (!only) throw new BadUsage(`pipeline ${name} has no GitLab${wanted === undefined ? '' : ` "${wanted}"`}`);
  if (found.length > 1) throw new BadUsage(`--instance says which: ${found.map((one) => one.name).join(', ')}`);
  return only.manage;
};

const urlOf = ({ webhooks }: ManagedGitlab['manage'], args: Args): string => {
  const url = args.text('url') ?? webhooks.url;
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
  args: Args,
  output: Output,
): AsyncGenerator<HookTarget> {
  const asked: readonly HookTarget[] =
    args.words.length > 0
      ? await Promise.all(args.words.map((word) => hooks.targetOf(word)))
      : [
          ...scope.groups.map((path) => ({ kind: 'groups', path }) as const),
          ...scope.projects.map((path) => ({ kind: 'projects', path }) as const),
        ];
  for (const target of asked) {
    const { targets, because } = await hooks.places(target);
    if (because !== undefined)
      output.note(
        `${target.path}: hooks of groups need GitLab Premium and the role Owner (${because}). Those of its ${targets.length} projects stand for them; one that is new has none until this is run again`,
      );
    yield* targets;
  }
}

export const hooksEnsure: DataCommand = {
  kind: 'data',
  name: 'gitlab hooks ensure',
  summary: 'Makes GitLab announce pushes: creates webhooks, mends them, and enables disabled ones again.',
  details,
  words,
  options: { ...shared, renew: { description: 'Sets the secret again, the first of `webhooks.secrets`.' } },
  async run(context, args) {
    const gitlab = gitlabOf(context, args);
    const [secret] = gitlab.webhooks.secrets;
    if (secret === undefined) throw new BadConfiguration('webhooks.secrets has no secret to give to a hook');
    const wanted = { url: urlOf(gitlab, args), secret, wikis: gitlab.scope.wikis };
    let isWell = true;
    for await (const target of targetsOf(gitlab, args, context.output)) {
      try {
        const { hook, did } = await gitlab.hooks.ensure(target, wanted, args.flag('renew'));
        isWell &&= hook.alert === 'executable';
        const text = `${target.path}: hook ${hook.id} ${did.join(', ') || 'is as it should be'}; ${hook.alert}`;
        await context.output.line(
          args.flag('json') ? JSON.stringify({ ...target, did, ...shown(hook) }) : inLine(text),
        );
      } catch (error) {
        // One that is refused leaves the others to be made.
        if (!(error instanceof Refused)) throw error;
        isWell = false;
        context.output.note(`${target.path}: ${messageOf(error)}`);
      }
    }
    return isWell ? EXIT.success : EXIT.failures;
  },
};

export const hooksList: DataCommand = {
  kind: 'data',
  name: 'gitlab hooks list',
  summary: 'Lists the webhooks of groups and projects, and whether GitLab still calls them.',
  details,
  words,
  options: shared,
  async run(context, args) {
    const gitlab = gitlabOf(context, args);
    for await (const target of targetsOf(gitlab, args, context.output)) {
      for (const hook of await gitlab.hooks.list(target)) {
        const proof = hook.isSigned ? 'signed' : hook.hasToken ? 'with a token' : 'without a secret';
        const until = hook.disabledUntil === null ? '' : ` until ${hook.disabledUntil}`;
        const text = `${target.path}: hook ${hook.id} to ${shown(hook).url}, ${proof}, ${hook.alert}${until}`;
        await context.output.line(args.flag('json') ? JSON.stringify({ ...target, ...shown(hook) }) : inLine(text));
      }
    }
    return EXIT.success;
  },
};

export const hooksRemove: DataCommand = {
  kind: 'data',
  name: 'gitlab hooks remove',
  summary: 'Removes the webhooks that call this Tidemark.',
  details,
  words,
  options: shared,
  async run(context, args) {
    const gitlab = gitlabOf(context, args);
    const url = urlOf(gitlab, args);
    for await (const target of targetsOf(gitlab, args, context.output)) {
      const removed = await gitlab.hooks.remove(target, url);
      const text = `${target.path}: ${removed} hooks removed`;
      await context.output.line(args.flag('json') ? JSON.stringify({ ...target, removed }) : inLine(text));
    }
    return EXIT.success;
  },
};
