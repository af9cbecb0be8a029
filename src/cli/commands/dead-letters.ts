import { BadUsage } from '../../errors.ts';
import type { InputOf } from '../../owner/tasks.ts';
import type { DeadLetterRow } from '../../runs/dead-letters.ts';
import { inLine, printable, quoted } from '../../runtime/printable.ts';
import type { Args, DataCommand, OptionSpec } from '../command.ts';
import { EXIT } from '../exit.ts';

const FILTER: Readonly<Record<string, OptionSpec>> = {
  stage: { value: 'STAGE', description: 'Takes only dead letters of this stage, such as convert.' },
  class: { value: 'CLASS', description: 'Takes only dead letters of this class, such as worker_died.' },
  project: { value: 'PROJECT', description: 'Takes only dead letters of this project, by its path or id.' },
  path: { value: 'GLOB', description: 'Takes only dead letters of files that match, such as docs/**.' },
  run: { value: 'RUN', description: 'Takes only dead letters of this run.' },
  since: {
    value: 'TIME',
    description: 'Takes only dead letters since this time, such as 2026-05-01 or 2026-05-01T12:00Z.',
  },
  before: { value: 'TIME', description: 'Takes only dead letters before this time.' },
};
const RESOLVED: Readonly<Record<string, OptionSpec>> = {
  resolved: { description: 'Includes dead letters that were replayed or discarded.' },
};
const CAREFULLY: Readonly<Record<string, OptionSpec>> = {
  'dry-run': { description: 'Changes nothing, and shows what it would do.' },
  max: { value: 'NUMBER', description: 'Takes at most this many.' },
};
const MANY = 1_000_000_000;

const filterOf = (args: Args): Omit<InputOf<'discard'>['chosen'], 'ids'> => {
  const [stage, kind, project, path, run] = ['stage', 'class', 'project', 'path', 'run'].map((name) => args.text(name));
  const [since, before] = [timeOf(args, 'since'), timeOf(args, 'before')];
  return {
    ...(stage === undefined ? {} : { stage }),
    ...(kind === undefined ? {} : { class: kind }),
    ...(project === undefined ? {} : { project }),
    ...(path === undefined ? {} : { path }),
    ...(run === undefined ? {} : { run }),
    ...(since === undefined ? {} : { since }),
    ...(before === undefined ? {} : { before }),
  };
};

const listedOf = (args: Args) => ({ ...filterOf(args), resolved: args.flag('resolved') });

const timeOf = (args: Args, name: string): number | undefined => {
  const text = args.text(name);
  const at = text === undefined ? undefined : Date.parse(text);
  if (Number.isNaN(at)) throw new BadUsage(`--${name}: expected a time such as 2026-05-01T12:00Z, got ${quoted(text)}`);
  return at;
};

/** Those that are named, those of a filter, or all, and nothing by mistake. */
const chosenOf = (command: string, args: Args): InputOf<'discard'>['chosen'] => {
  const filter = filterOf(args);
  const chosen = args.words.length > 0 || Object.keys(filter).length > 0;
  if (chosen === args.flag('all'))
    throw new BadUsage(`dead-letters ${command} needs ids, a filter, or --all by itself`);
  return args.words.length > 0 ? { ...filter, ids: [...args.words] } : filter;
};

const carefully = (args: Args) => ({
  dryRun: args.flag('dry-run'),
  max: args.whole('max', { min: 1, max: MANY, otherwise: MANY }),
});

export const deadLettersList: DataCommand = {
  kind: 'data',
  name: 'dead-letters list',
  summary: 'Lists dead letters: the records that failed and were set aside, with the reason.',
  options: { json: { description: 'Prints one JSON object a line.' }, ...RESOLVED, ...FILTER },
  async run({ ask, output }, args) {
    const asJson = args.flag('json');
    const remedies = new Map<string, string>();
    await ask('deadLetters', listedOf(args), async (row) => {
      remedies.set(row.class, row.remedy);
      await output.line(asJson ? JSON.stringify(row) : inLine(lineOf(row)));
    });
    // Once for each class, and beside the list, whose lines are a letter each.
    if (!asJson) for (const one of remedies) output.note(printable(adviceOf(one)));
    return EXIT.success;
  },
};

const adviceOf = ([kind, remedy]: readonly [string, string]): string => `what to do: ${kind}: ${remedy}`;

const lineOf = ({ id, at, stage, class: kind, message, document, state }: DeadLetterRow): string =>
  `${at}  ${stage}/${kind}${state === 'open' ? '' : ` (${state})`}  ${document ?? ''}  ${message}  [${id}]`;

export const deadLettersStats: DataCommand = {
  kind: 'data',
  name: 'dead-letters stats',
  summary: 'Counts dead letters by class and by project.',
  options: { json: { description: 'Prints one JSON object.' }, ...RESOLVED, ...FILTER },
  async run({ ask, output }, args) {
    const stats = await ask('deadLetterStats', listedOf(args));
    if (args.flag('json')) {
      await output.line(JSON.stringify(stats));
      return EXIT.success;
    }
    const { total, oldest, newest, byState, byClass, byProject, remedies } = stats;
    await output.line(total === 0 ? 'none' : `${total}, from ${oldest} to ${newest}`);
    for (const [what, counts] of [
      ['state', byState],
      ['class', byClass],
      ['project', byProject],
    ] as const) {
      const most = Object.entries(counts).sort(([, a], [, b]) => b - a);
      for (const [name, count] of most) await output.line(inLine(`  ${what}  ${String(count).padStart(7)}  ${name}`));
    }
    for (const one of Object.entries(remedies)) await output.line(printable(adviceOf(one)));
    return EXIT.success;
  },
};

export const deadLettersShow: DataCommand = {
  kind: 'data',
  name: 'dead-letters show',
  summary: 'Shows one dead letter with the record that failed.',
  words: { usage: 'ID', min: 1, max: 1 },
  options: { json: { description: 'Prints one JSON object in one line.' } },
  async run({ ask, output }, args) {
    const [id = ''] = args.words;
    const found = await ask('deadLetter', { id });
    if (!found) {
      output.note(`there is no dead letter ${quoted(id)}: tidemark dead-letters list has them`);
      return EXIT.failures;
    }
    await output.line(args.flag('json') ? JSON.stringify(found) : printable(JSON.stringify(found, undefined, 2)));
    return EXIT.success;
  },
};

export const deadLettersReplay: DataCommand = {
  kind: 'data',
  name: 'dead-letters replay',
  summary: 'Tries dead letters again: those with these IDs, those that match a filter, or --all.',
  details:
    'It looks again at the files and plans them anew, so that no old version comes back. If it is interrupted, run it again\nfor the rest.',
  words: { usage: '[ID...]', min: 0, max: 1_000 },
  options: {
    json: { description: 'Prints one JSON object.' },
    all: { description: 'Takes every dead letter.' },
    quarantined: { description: 'Includes dead letters that failed again after three replays.' },
    rate: { value: 'NUMBER', description: 'Replays at most this many a second; the default is 100.' },
    ...CAREFULLY,
    ...FILTER,
  },
  async run({ ask, output }, args) {
    const { replayed, stopped } = await ask('replay', {
      chosen: chosenOf('replay', args),
      ...carefully(args),
      rate: args.whole('rate', { min: 1, max: MANY, otherwise: 100 }),
      quarantined: args.flag('quarantined'),
    });
    const { looks, reinjected, refused, quarantined } = replayed;
    const would = args.flag('dry-run') ? 'would be ' : '';
    if (args.flag('json')) await output.line(JSON.stringify({ ...replayed, dryRun: args.flag('dry-run') }));
    else
      await output.line(
        `${would}looked at again ${looks}, ${would}put back as they were ${reinjected}, not held ${refused}, left in quarantine ${quarantined}`,
      );
    if (stopped) return EXIT.cancelled;
    return refused > 0 ? EXIT.failures : EXIT.success;
  },
};

export const deadLettersDiscard: DataCommand = {
  kind: 'data',
  name: 'dead-letters discard',
  summary: 'Takes dead letters off the list: those with these IDs, those that match a filter, or --all.',
  details: 'It leaves the index as it is. A file that fails again makes a new dead letter.',
  words: { usage: '[ID...]', min: 0, max: 1_000 },
  options: {
    json: { description: 'Prints one JSON object.' },
    all: { description: 'Takes every dead letter.' },
    ...CAREFULLY,
    ...FILTER,
  },
  async run({ ask, output }, args) {
    const dryRun = args.flag('dry-run');
    const { discarded, stopped } = await ask('discard', { chosen: chosenOf('discard', args), ...carefully(args) });
    if (args.flag('json')) await output.line(JSON.stringify({ discarded, dryRun }));
    else await output.line(`${dryRun ? 'would be ' : ''}discarded ${discarded}`);
    return stopped ? EXIT.cancelled : EXIT.success;
  },
};
