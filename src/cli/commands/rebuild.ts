/** The one remedy for what is damaged in the data directory: it is set aside, and made again from what the sources have. */
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { names as namesOf } from '../../config/names.ts';
import { optionsOf } from '../../config/pipeline.ts';
import { isShared } from '../../config/shared.ts';
import { BadUsage, TryAgain } from '../../errors.ts';
import { asking } from '../../owner/access.ts';
import { type Held, holdOrOwner } from '../../owner/hold.ts';
import { perform } from '../../owner/perform.ts';
import { quietTelemetry } from '../../owner/quiet.ts';
import type { Damage } from '../../pipeline/damage.ts';
import type { Hold } from '../../runtime/fence.ts';
import { printable } from '../../runtime/printable.ts';
import { systemTime } from '../../runtime/time.ts';
import { type Around, type OwnCommand, parseCommand } from '../command.ts';
import { EXIT, sayFailure } from '../exit.ts';
import { backfill } from './backfill.ts';

/** What the sources do not have, and who may miss it. */
const LOST: Readonly<Record<Damage['part'], string>> = {
  store:
    'vectors, which are embedded again; reports of runs; which dead letters were replayed or discarded; the previous index',
  log: 'changes that were on their way, which are planned again; dead letters, unless all of them can be read',
};

export const rebuild: OwnCommand = {
  kind: 'own',
  name: 'rebuild',
  summary: 'Finds damaged files in the data directory, sets them aside, and indexes anew from the repositories.',
  details:
    'It deletes nothing: it moves damaged files to damaged-TIME in the data directory, and asks first. If nothing is\ndamaged it does nothing; tidemark verify --repair mends what differs from the repositories.',
  options: { yes: { description: 'Sets damaged files aside without asking.' } },
  async run(around, args) {
    const { place, output, stderr } = around;
    const { config, data } = place;
    if (isShared(config))
      throw new BadUsage('log and store are on servers, so that nothing in the data directory can be rebuilt');
    const only = args.text('pipeline');
    const pipelines = only === undefined ? Object.keys(config.pipelines) : [only];
    let rebuilt: readonly string[] | undefined;
    const telemetry = () => quietTelemetry(stderr);
    const before = async (lock: Hold) => {
      rebuilt = await setDamageAside(around, pipelines, { lock, ask: !args.flag('yes') });
    };
    const taken = await holdOrOwner({ place, telemetry, serving: () => undefined, stays: false, before });
    if ('owner' in taken) throw new TryAgain(`process ${taken.owner.pid} is at work in ${data}: stop it first`);
    try {
      if (rebuilt === undefined) return EXIT.cancelled;
      if (rebuilt.length === 0) {
        await output.line(`nothing is damaged in ${data}; tidemark verify compares it with the sources`);
        return EXIT.success;
      }
      return await indexAnew(around, rebuilt, taken.held);
    } finally {
      await taken.held.close();
    }
  },
};

/** The pipelines that have lost something by it; `undefined` where the answer was no. */
const setDamageAside = async (
  { place: { config, data }, output, stderr, interrupts: { signal } }: Around,
  pipelines: readonly string[],
  { lock, ask }: { readonly lock: Hold; readonly ask: boolean },
): Promise<readonly string[] | undefined> => {
  const { asideAt, damageOf, setAside } = await import('../../pipeline/damage.ts');
  const telemetry = await quietTelemetry(stderr);
  const damaged = new Map<string, readonly Damage[]>();
  const optionsFor = (name: string) => ({
    ...{ config, names: namesOf(name, optionsOf(config, name)), directory: join(data, name) },
    ...{ lock, time: systemTime, telemetry },
  });
  for (const name of pipelines) {
    const damage = await damageOf(optionsFor(name));
    if (damage.length > 0) damaged.set(name, damage);
    for (const { part, finding } of damage) await output.line(printable(`damaged  ${name} ${part}: ${finding}`));
  }
  if (damaged.size === 0) return [];
  const aside = join(data, asideAt(systemTime.now()));
  output.note(`it is moved to ${aside}, and made again from what the sources have. What they do not have is lost:`);
  for (const part of new Set([...damaged.values()].flat().map((one) => one.part)))
    output.note(`  with the ${part}: ${LOST[part]}`);
  if (ask && !(await agreed(stderr, signal))) return undefined;
  for (const [name, damage] of damaged) await setAside(optionsFor(name), damage, join(aside, name));
  return [...damaged.keys()];
};

const agreed = async (output: NodeJS.WritableStream, signal: AbortSignal): Promise<boolean> => {
  if (process.stdin.isTTY !== true)
    throw new BadUsage('there is no terminal to ask at: tidemark rebuild --yes goes on without');
  const terminal = createInterface({ input: process.stdin, output });
  try {
    return /^y(es)?$/i.test((await terminal.question('Go on? [no] ', { signal })).trim());
  } finally {
    terminal.close();
  }
};

const indexAnew = async (
  { place: { config }, output, interrupts: { signal } }: Around,
  pipelines: readonly string[],
  { host }: Held,
): Promise<number> => {
  const { args } = parseCommand(backfill, []);
  let worst: number = EXIT.success;
  for (const pipeline of pipelines) {
    const ask = asking((...asked) => perform(host, ...asked), config, pipeline, signal);
    const exit = await backfill
      .run({ ask, pipeline, output, terminal: false, signal }, args)
      .catch((error: unknown) => sayFailure(error, output, signal));
    if (worst === EXIT.success) worst = exit;
    if (signal.aborted) break;
  }
  return worst;
};
