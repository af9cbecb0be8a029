import { BadUsage } from '../errors.ts';
import type { DeadLetterFilter, DeadLetterRow } from '../runs/dead-letters.ts';
import type { Args, DataCommand, OptionSpec } from './command.ts';
import { EXIT } from './exit.ts';
import { printable } from './output.ts';

const FILTER: Readonly<Record<string, OptionSpec>> = {
  stage: { value: 'STAGE', description: 'Only of this stage, such as convert.' },
  class: { value: 'CLASS', description: 'Only of this class, such as worker_died.' },
  project: { value: 'PROJECT', description: 'Only of this project, by its path or id.' },
  path: { value: 'GLOB', description: 'Only of files such as docs/**.' },
  since: { value: 'TIME', description: 'Only since then, such as 2026-05-01 or 2026-05-01T12:00Z.' },
};

const filterOf = (args: Args): DeadLetterFilter => {
  const [stage, kind, project, path, since] = ['stage', 'class', 'project', 'path', 'since'].map((name) =>
    args.text(name),
  );
  const at = since === undefined ? undefined : Date.parse(since);
  if (Number.isNaN(at)) throw new BadUsage(`--since: expected a time such as 2026-05-01T12:00Z, got "${since}"`);
  return {
    ...(stage === undefined ? {} : { stage }),
    ...(kind === undefined ? {} : { class: kind }),
    ...(project === undefined ? {} : { project }),
    ...(path === undefined ? {} : { path }),
    ...(at === undefined ? {} : { since: at }),
  };
};

export const deadLettersList: DataCommand = {
  kind: 'data',
  name: 'dead-letters list',
  summary: 'Lists what was set aside, and why.',
  options: { json: { description: 'An object a line.' }, ...FILTER },
  async run({ pipeline, output, signal }, args) {
    const { listDeadLetters } = await import('../runs/dead-letters.ts');
    for await (const row of listDeadLetters(pipeline.parts, filterOf(args))) {
      if (signal.aborted) return EXIT.cancelled;
      await output.line(args.flag('json') ? JSON.stringify(row) : printable(lineOf(row)));
    }
    return EXIT.success;
  },
};

const lineOf = ({ id, at, stage, class: kind, message, document }: DeadLetterRow): string =>
  `${at}  ${stage}/${kind}  ${document ?? ''}  ${message}  [${id}]`;

export const deadLettersShow: DataCommand = {
  kind: 'data',
  name: 'dead-letters show',
  summary: 'Shows one of them, with the record as it was.',
  words: { usage: 'ID', min: 1, max: 1 },
  options: { json: { description: 'One object in one line.' } },
  async run({ pipeline, output }, args) {
    const { showDeadLetter } = await import('../runs/dead-letters.ts');
    const [id = ''] = args.words;
    const found = await showDeadLetter(pipeline.parts, id);
    if (!found) {
      output.note(`there is no dead letter ${printable(id)}: tidemark dead-letters list has them`);
      return EXIT.failures;
    }
    await output.line(args.flag('json') ? JSON.stringify(found) : printable(JSON.stringify(found, undefined, 2)));
    return EXIT.success;
  },
};

export const deadLettersReplay: DataCommand = {
  kind: 'data',
  name: 'dead-letters replay',
  summary: 'Tries them again: those that are named, those of a filter, or --all.',
  details: 'What they were about is looked at and planned anew, so that nothing old comes back.',
  words: { usage: '[ID...]', min: 0, max: 1_000 },
  options: { json: { description: 'One object.' }, all: { description: 'Every one of them.' }, ...FILTER },
  async run({ pipeline, output }, args) {
    const { replayDeadLetters } = await import('../runs/dead-letters.ts');
    const filter = filterOf(args);
    const chosen = args.words.length > 0 || Object.keys(filter).length > 0;
    if (chosen === args.flag('all')) throw new BadUsage('dead-letters replay needs ids, a filter, or --all by itself');
    const ids = args.words.length > 0 ? { ids: args.words } : {};
    const replayed = await replayDeadLetters(pipeline.parts, { ...filter, ...ids });
    const { looks, reinjected, refused } = replayed;
    if (args.flag('json')) await output.line(JSON.stringify(replayed));
    else await output.line(`looked at again ${looks}, put back as they were ${reinjected}, not held ${refused}`);
    return refused > 0 ? EXIT.failures : EXIT.success;
  },
};
