import type { Status } from '../../runs/status.ts';
import { inLine } from '../../runtime/printable.ts';
import type { DataCommand } from '../command.ts';
import { EXIT } from '../exit.ts';

const COMMIT_CHARS = 10;

export const status: DataCommand = {
  kind: 'data',
  name: 'status',
  summary: 'Shows how far the index is behind, what waits, and why.',
  options: { json: { description: 'Prints one JSON object with everything.' } },
  async run({ ask, output }, args) {
    const now = await ask('status', {});
    await output.line(args.flag('json') ? JSON.stringify(now) : readable(now));
    return EXIT.success;
  },
};

const readable = (now: Status): string => {
  const { plan, collect, index } = now.lag;
  const projects = now.projects.map(({ path, ref, planned, head, documents, pending, failed, blocked }) => {
    const at = planned === head ? `at ${short(planned)}` : `at ${short(planned)} of ${short(head)}`;
    const why = blocked === null ? '' : `, blocked: ${blocked}`;
    return `${path} ${ref}: ${at}, ${documents} documents, ${pending} pending, ${failed} failed${why}`;
  });
  const waits = now.waits.map(
    ({ on, name, reason, since }) => `waits: ${on} ${name}, ${reason}${since ? ` (${since})` : ''}`,
  );
  return [
    now.ready ? 'ready' : 'not ready',
    ...projects,
    ...now.webhooks.map(heard),
    `generation ${now.generation ?? 'none'}: ${now.store.documents ?? 0} documents, ${now.store.points ?? 0} chunks`,
    ...(now.building ? [`building ${now.building}`] : []),
    ...(now.previous ? [`previous ${now.previous}`] : []),
    `on the way: ${plan.records} events, ${collect.records} changes, ${index.records} documents`,
    `dead letters: ${now.deadLetters}`,
    ...now.runs.map(({ id }) => `run ${id} is open`),
    ...waits,
  ]
    .map(inLine)
    .join('\n');
};

const heard = ({ instance, heardAt }: Status['webhooks'][number]): string =>
  heardAt === null
    ? `${instance}: no webhook was ever heard, so that pushes are found by the resync, within five minutes`
    : `${instance}: last webhook ${heardAt}`;

const short = (commit: string | null): string => commit?.slice(0, COMMIT_CHARS) ?? 'nothing';
