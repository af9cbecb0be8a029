import { BadUsage } from '../../errors.ts';
import type { ToldOf } from '../../owner/tasks.ts';
import type { Report } from '../../records.ts';
import type { Progress } from '../../runs/backfill.ts';
import type { Estimate } from '../../runs/estimate.ts';
import type { Bounds } from '../../runs/trial.ts';
import { inLine } from '../../runtime/printable.ts';
import { MINUTE, SECOND } from '../../units.ts';
import type { Args, DataCommand } from '../command.ts';
import { EXIT } from '../exit.ts';
import type { Output } from '../output.ts';

/** Before that a rate says nothing about what is to come. */
const RATE_AFTER_MS = 2 * SECOND;

export const backfill: DataCommand = {
  kind: 'data',
  name: 'backfill',
  summary: 'Indexes whole projects now and prints a report. A second run finds nothing to do.',
  details:
    'SCOPE is a project, by path or id, or project:branch; without SCOPE it indexes everything. Ctrl-C leaves the run open,\nand tidemark serve finishes it. With --max-projects or --max-files it is a trial of some whole projects, before a\nservice indexes all of them.',
  words: { usage: '[SCOPE...]', min: 0, max: 1_000 },
  options: {
    json: { description: 'Prints the report as one JSON object.' },
    'dry-run': {
      description: 'Writes nothing, and estimates the work from the trees and a sample of the files.',
    },
    standalone: { description: 'Does the work in this process as well, where services share the log and the store.' },
    'max-projects': {
      value: 'N',
      description: 'Indexes at most this many projects, as a trial.',
    },
    'max-files': {
      value: 'N',
      description: 'Indexes projects until they would have more than this many files, as a trial.',
    },
    cancel: { value: 'RUN', description: 'Ends this run where it is, and prints its report.' },
  },
  async run({ ask, output, pipeline }, args) {
    const [bounds, cancelled, scope] = [boundsOf(args), args.text('cancel'), [...args.words]];
    if (args.flag('dry-run')) {
      if (bounds) throw new BadUsage('--dry-run does nothing, so that it has no bounds');
      const estimate = await ask('estimate', { scope });
      await output.line(args.flag('json') ? JSON.stringify(estimate) : estimateText(estimate));
      return EXIT.success;
    }
    if (cancelled !== undefined) {
      const ended = await ask('cancelRun', { run: cancelled });
      return ended ? report(output, ended, args.flag('json')) : EXIT.success;
    }
    const input = { scope, standalone: args.flag('standalone'), ...(bounds ? { bounds } : {}) };
    const backfilled = await ask('backfill', input, (told) => say(told, output));
    if (backfilled.is === 'ended') return report(output, backfilled.report, args.flag('json'));
    if (backfilled.is === 'idle') {
      output.note(backfilled.reason);
      return EXIT.unavailable;
    }
    // What stopped the flows is said by whoever runs them.
    if (!backfilled.stopped) return EXIT.internal;
    output.note(whatNow(pipeline, backfilled.run));
    return EXIT.cancelled;
  },
};

const say = async (told: ToldOf<'backfill'>, output: Output): Promise<void> => {
  if (told.is === 'progress') output.progress(progressText(told.progress));
  else if (told.is === 'begun')
    output.note(told.joined ? `following run ${told.run}, which is open` : `run ${told.run}`);
  else if (told.is === 'joinedEnded') await report(noted(output), told.report, false);
  else {
    const { projects, files, leftOut } = told.trial;
    output.note(`a trial of ${projects} projects with ${files} files; ${leftOut} projects are left out`);
  }
};

const MANY = Number.MAX_SAFE_INTEGER;

const boundsOf = (args: Args): Bounds | undefined => {
  if (args.text('max-projects') === undefined && args.text('max-files') === undefined) return undefined;
  const of = (name: string) => args.whole(name, { min: 1, max: MANY, otherwise: MANY });
  return { projects: of('max-projects'), files: of('max-files') };
};

const estimateText = ({ files, unchanged, sampled, chunks, tokens, seconds, cost }: Estimate): string => {
  const known = sampled === files ? '' : `, from a sample of ${sampled}`;
  const money =
    cost === null
      ? 'of unknown price'
      : cost.amount === 0
        ? 'free of charge'
        : `${cost.amount.toFixed(2)} ${cost.currency}`;
  return [
    `${files} files to index, ${unchanged} unchanged`,
    `about ${chunks} chunks to embed, at most ${tokens} tokens${known}: ${money}`,
    ...(seconds === null ? [] : [`about ${timeText(seconds * SECOND)} on this machine`]),
  ].join('\n');
};

const noted = (output: Output): Output => ({ ...output, line: async (text) => output.note(text) });

const whatNow = (name: string, run: string): string => {
  const on = name === 'default' ? '' : ` --pipeline ${name}`;
  return `left run ${run}: it goes on with tidemark serve, and tidemark backfill${on} follows it again; tidemark backfill${on} --cancel ${run} ends it`;
};

const report = async (output: Output, of: Report, asJson: boolean): Promise<number> => {
  await output.line(asJson ? JSON.stringify(of) : readable(of));
  if (of.planned + of.unchanged + of.unplanned.length === 0)
    output.note('nothing was there to index: no branch that is followed has a file that is selected');
  if (of.status === 'cancelled') return EXIT.cancelled;
  return of.status === 'success' ? EXIT.success : EXIT.failures;
};

const readable = (of: Report): string => {
  const lines = [
    `run ${of.run}: ${of.status.replaceAll('_', ' ')} in ${timeText(of.durationMs)}`,
    `  planned ${of.planned}: indexed ${of.indexed}, skipped ${of.skipped}, deleted ${of.deleted}, failed ${of.failed}, superseded ${of.superseded}`,
    `  unchanged ${of.unchanged}`,
    `  chunks ${of.chunks}: embedded ${of.embedded}, reused ${of.reused}`,
    ...of.unplanned.map(({ project, ref }) => inLine(`  not looked at: ${project} ${ref}`)),
  ];
  if (of.failed > 0) lines.push(`\`tidemark dead-letters stats --run ${of.run}\` says why, and what to do`);
  return lines.join('\n');
};

export const timeText = (ms: number): string => {
  if (ms < MINUTE) return `${(ms / SECOND).toFixed(1)} s`;
  return `${Math.floor(ms / MINUTE)} min ${Math.round((ms % MINUTE) / SECOND)} s`;
};

/** Flows begin together and each hands on to the next, so what is indexed tells the rate and what is planned the rest. */
export const progressText = ({ flows, elapsedMs, waitsFor }: Omit<Progress, 'run'>): string => {
  const { plan, collect, index } = flows;
  const stages = `plan ${plan.done}/${plan.of}, collect ${collect.done}/${collect.of}, index ${index.done}/${index.of}`;
  const perSecond = (index.done / elapsedMs) * SECOND;
  if (elapsedMs < RATE_AFTER_MS || perSecond === 0) return `${stages}, waits for ${waitsFor}`;
  const left = Math.max(index.of, collect.of) - index.done;
  const eta = plan.done < plan.of ? '' : `, about ${timeText((left / perSecond) * SECOND)} left`;
  return `${stages}, ${perSecond.toFixed(0)} documents/s${eta}`;
};
