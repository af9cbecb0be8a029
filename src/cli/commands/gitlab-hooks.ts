import type { InputOf, ToldOf } from '../../owner/tasks.ts';
import { inLine } from '../../runtime/printable.ts';
import type { Args, DataCommand } from '../command.ts';
import { EXIT } from '../exit.ts';

const words = { usage: '[SCOPE...]', min: 0, max: 1_000 };
const shared = {
  instance: { value: 'NAME', description: 'Chooses the GitLab, if the pipeline has several.' },
  url: { value: 'URL', description: 'Names the URL at which GitLab reaches Tidemark; the default is `webhooks.url`.' },
  json: { description: 'Prints one JSON object for each webhook.' },
};
const details =
  'SCOPE is a group or a project; without SCOPE it takes all that the configuration names. The token needs the scope api,\nand its user the role Maintainer of the project or Owner of the group. Webhooks of groups need GitLab Premium; if GitLab\nrefuses them, Tidemark uses webhooks of the projects instead.';

const askedOf = (args: Args): InputOf<'listHooks'> => {
  const [instance, url] = [args.text('instance'), args.text('url')];
  return {
    scope: [...args.words],
    ...(instance === undefined ? {} : { instance }),
    ...(url === undefined ? {} : { url }),
  };
};

const standInsText = ({ group, because, projects }: Extract<ToldOf<'listHooks'>, { is: 'standIns' }>): string =>
  `${group}: hooks of groups need GitLab Premium and the role Owner (${because}). Those of its ${projects} projects stand for them; one that is new has none until this is run again`;

export const hooksEnsure: DataCommand = {
  kind: 'data',
  name: 'gitlab hooks ensure',
  summary: 'Makes GitLab announce pushes: creates webhooks, mends them, and enables disabled ones again.',
  details,
  words,
  options: { ...shared, renew: { description: 'Sets the secret again, the first of `webhooks.secrets`.' } },
  async run({ ask, output }, args) {
    let isWell = true;
    await ask('ensureHooks', { ...askedOf(args), renew: args.flag('renew') }, async (one) => {
      if (one.is === 'standIns') return output.note(standInsText(one));
      const { path } = one.target;
      isWell &&= one.is === 'ensured' && one.hook.alert === 'executable';
      if (one.is === 'refused') return output.note(`${path}: ${one.reason}`);
      const { target, did, hook } = one;
      const text = `${path}: hook ${hook.id} ${did.join(', ') || 'is as it should be'}; ${hook.alert}`;
      await output.line(args.flag('json') ? JSON.stringify({ ...target, did, ...hook }) : inLine(text));
    });
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
  async run({ ask, output }, args) {
    await ask('listHooks', askedOf(args), async (one) => {
      if (one.is === 'standIns') return output.note(standInsText(one));
      const { target, hook } = one;
      const proof = hook.isSigned ? 'signed' : hook.hasToken ? 'with a token' : 'without a secret';
      const until = hook.disabledUntil === null ? '' : ` until ${hook.disabledUntil}`;
      const text = `${target.path}: hook ${hook.id} to ${hook.url}, ${proof}, ${hook.alert}${until}`;
      await output.line(args.flag('json') ? JSON.stringify({ ...target, ...hook }) : inLine(text));
    });
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
  async run({ ask, output }, args) {
    await ask('removeHooks', askedOf(args), async (one) => {
      if (one.is === 'standIns') return output.note(standInsText(one));
      const { target, removed } = one;
      const text = `${target.path}: ${removed} hooks removed`;
      await output.line(args.flag('json') ? JSON.stringify({ ...target, removed }) : inLine(text));
    });
    return EXIT.success;
  },
};
