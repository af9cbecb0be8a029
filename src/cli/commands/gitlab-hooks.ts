import { BadConfiguration, BadUsage, maskedText, messageOf } from '../../errors.ts';
import { inLine } from '../../runtime/printable.ts';
import type { Hook, HookTarget } from '../../sources/gitlab/hooks.ts';
import type { GitlabInstance } from '../../sources/gitlab/instance.ts';
import { Refused } from '../../sources/gitlab/requests.ts';
import type { Args, Context, DataCommand } from '../command.ts';
import { EXIT } from '../exit.ts';
import type { Output } from '../output.ts';

const words = { usage: '[SCOPE...]', min: 0, max: 1_000 };
const shared = {
  instance: { value: 'NAME', description: 'Which GitLab, where the pipeline has several.' },
  url: { value: 'URL', description: 'Where GitLab reaches Tidemark; `webhooks.url` where it is not given.' },
  json: { description: 'One object for each hook.' },
};
const details =
  'SCOPE is a group or a project; without one it is what the configuration names. The token needs the scope api, and its\nuser the role Maintainer of a project or Owner of a group. Hooks of groups need GitLab Premium;\nwhere they are refused, those of the projects stand for them.';

const instanceOf = ({ pipeline: { gitlabs, name } }: Context, args: Args): GitlabInstance => {
  const wanted = args.text('instance');
  const found = gitlabs.filter((one) => wanted === undefined || one.name === wanted);
  const [only] = found;
  if (!only) throw new BadUsage(`pipeline ${name} has no GitLab${wanted === undefined ? '' : ` "${wanted}"`}`);
  if (found.length > 1) throw new BadUsage(`--instance says which: ${found.map((one) => one.name).join(', ')}`);
  return only;
};

const urlOf = ({ webhooks }: GitlabInstance, args: Args): string => {
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
async function* targetsOf({ hooks, scope }: GitlabInstance, args: Args, output: Output): AsyncGenerator<HookTarget> {
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
  summary: 'Sees to it that GitLab tells of pushes: makes hooks, mends them, and lets disabled ones run again.',
  details,
  words,
  options: { ...shared, renew: { description: 'Sets the secret again, the first of `webhooks.secrets`.' } },
  async run(context, args) {
    const instance = instanceOf(context, args);
    const [secret] = instance.webhooks.secrets;
    if (secret === undefined) throw new BadConfiguration('webhooks.secrets has no secret to give to a hook');
    const wanted = { url: urlOf(instance, args), secret, wikis: instance.scope.wikis };
    let isWell = true;
    for await (const target of targetsOf(instance, args, context.output)) {
      try {
        const { hook, did } = await instance.hooks.ensure(target, wanted, args.flag('renew'));
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
  summary: 'Lists the hooks of groups and projects, and whether GitLab still calls them.',
  details,
  words,
  options: shared,
  async run(context, args) {
    const instance = instanceOf(context, args);
    for await (const target of targetsOf(instance, args, context.output)) {
      for (const hook of await instance.hooks.list(target)) {
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
  summary: 'Removes the hooks that lead here.',
  details,
  words,
  options: shared,
  async run(context, args) {
    const instance = instanceOf(context, args);
    const url = urlOf(instance, args);
    for await (const target of targetsOf(instance, args, context.output)) {
      const removed = await instance.hooks.remove(target, url);
      const text = `${target.path}: ${removed} hooks removed`;
      await context.output.line(args.flag('json') ? JSON.stringify({ ...target, removed }) : inLine(text));
    }
    return EXIT.success;
  },
};
