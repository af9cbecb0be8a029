import { BadConfiguration, BadUsage } from '../errors.ts';
import type { HookTarget } from '../sources/gitlab-hooks.ts';
import type { GitlabInstance } from '../sources/gitlab-instance.ts';
import type { Args, Context, DataCommand } from './command.ts';
import { EXIT } from './exit.ts';
import { printable } from './output.ts';

const words = { usage: '[SCOPE...]', min: 0, max: 1_000 };
const shared = {
  instance: { value: 'NAME', description: 'Which GitLab, where the pipeline has several.' },
  url: { value: 'URL', description: 'Where GitLab reaches Tidemark; `webhooks.url` where it is not given.' },
  json: { description: 'One object for each hook.' },
};
const details =
  'SCOPE is a group or a project; without one it is what the configuration names. The token needs the scope api, and its\nuser the role Maintainer of a project or Owner of a group. Hooks of groups need GitLab Premium.';

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

const targetsOf = async ({ hooks, scope }: GitlabInstance, args: Args): Promise<readonly HookTarget[]> => {
  if (args.words.length > 0) return Promise.all(args.words.map((word) => hooks.targetOf(word)));
  return [
    ...scope.groups.map((path) => ({ kind: 'groups', path }) as const),
    ...scope.projects.map((path) => ({ kind: 'projects', path }) as const),
  ];
};

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
    for (const target of await targetsOf(instance, args)) {
      const { hook, did } = await instance.hooks.ensure(target, wanted, args.flag('renew'));
      isWell &&= hook.alert === 'executable';
      const text = `${target.path}: hook ${hook.id} ${did.join(', ') || 'is as it should be'}; ${hook.alert}`;
      await context.output.line(args.flag('json') ? JSON.stringify({ ...target, did, ...hook }) : printable(text));
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
    for (const target of await targetsOf(instance, args)) {
      for (const hook of await instance.hooks.list(target)) {
        const proof = hook.isSigned ? 'signed' : hook.hasToken ? 'with a token' : 'without a secret';
        const until = hook.disabledUntil === null ? '' : ` until ${hook.disabledUntil}`;
        const text = `${target.path}: hook ${hook.id} to ${hook.url}, ${proof}, ${hook.alert}${until}`;
        await context.output.line(args.flag('json') ? JSON.stringify({ ...target, ...hook }) : printable(text));
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
    for (const target of await targetsOf(instance, args)) {
      const removed = await instance.hooks.remove(target, url);
      const text = `${target.path}: ${removed} hooks removed`;
      await context.output.line(args.flag('json') ? JSON.stringify({ ...target, removed }) : printable(text));
    }
    return EXIT.success;
  },
};
