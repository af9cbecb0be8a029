/** The service in the foreground: follows the repositories until it is ended, and says what it leaves. */
import { collectDefaultMetrics, Registry } from 'prom-client';
import { optionsOf } from '../config/pipeline.ts';
import { BadConfiguration, BadUsage, LostLock, messageOf, TryAgain } from '../errors.ts';
import { registerGauges } from '../http/gauges.ts';
import { aboutOwner } from '../owner/ask.ts';
import { type Held, type HoldOptions, holdOrOwner } from '../owner/hold.ts';
import type { Place } from '../owner/place.ts';
import { follow } from '../pipeline/follow.ts';
import type { Hosted } from '../pipeline/host.ts';
import { FLOWS } from '../runs/run-rows.ts';
import { either } from '../runtime/either.ts';
import { logFormatOf, makeLogger } from '../runtime/logs.ts';
import { quoted } from '../runtime/printable.ts';
import { stay, systemTime } from '../runtime/time.ts';
import { lagOf, sumOf } from '../state/lag.ts';
import { type Flow, telemetry } from '../telemetry.ts';
import { SECOND } from '../units.ts';
import type { Args, Around } from './command.ts';
import { EXIT } from './exit.ts';
import { openPorts, type Ports } from './listening.ts';
import { isColoured, loggedOutput, type Output } from './output.ts';

const LOOK_EVERY_MS = 500;
const AGAIN_MS = 60 * SECOND;
/** Another command in the data directory is let finish for so long. */
const WAIT_MS = 60 * SECOND;

export const serve = async (
  { place, output: plainOutput, interrupts: { signal }, stderr, version }: Around,
  args: Args,
): Promise<number> => {
  const only = args.text('pipeline');
  const names = only === undefined ? Object.keys(place.config.pipelines) : [only];
  for (const name of names) optionsOf(place.config, name);
  const flows = flowsOf(args.text('flows'));
  const format = logFormatOf(args.text('log'), stderr);
  const coloured = isColoured(stderr, place.environment);
  const logger = makeLogger({ level: 'info', format, coloured, write: (text) => stderr.write(text) });
  const output = format === 'json' ? loggedOutput(plainOutput, logger, systemTime.now) : plainOutput;
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const told = telemetry(logger, registry);
  let ports: Ports | undefined;
  const held = await becomeOwner(
    { place, telemetry: async () => told, serving: () => ports?.url ?? 'soon', stays: true },
    output,
    signal,
  );
  if (!held) return EXIT.cancelled;
  try {
    const pipelines = await Promise.all(names.map((name) => held.host.pipeline(name)));
    registerGauges(registry, pipelines);
    const opened = await openPorts(place, output, { registry, pipelines, telemetry: told, version });
    ports = opened;
    const stopped = new AbortController();
    const { signal: stop } = either([signal, stopped.signal]);
    signal.addEventListener('abort', () => sayStopping(held, output), { once: true });
    const running = pipelines.map((pipeline) =>
      run({ pipeline, flows, stop, output, begun: () => sayReady(place, opened, output) }),
    );
    // The first that fails ends them all; the others drain.
    const ended = Promise.all(running.map((one) => one.finally(() => stopped.abort()))).finally(() =>
      Promise.allSettled(running),
    );
    await Promise.race([ended, held.lost]);
    for (const pipeline of pipelines) await sayLeft(pipeline, output);
  } finally {
    // Whoever has lost the directory drains nothing: that is the work of whoever has it now.
    if (!held.isLost()) {
      held.dismiss();
      await ports?.close();
      await held.close();
    }
  }
  return EXIT.success;
};

/** `undefined` when it was told to end before it had begun. Throws when another service has the directory. */
const becomeOwner = async (options: HoldOptions, output: Output, signal: AbortSignal): Promise<Held | undefined> => {
  const until = systemTime.now() + WAIT_MS;
  for (let told = false; !signal.aborted; told = true) {
    const taken = await holdOrOwner(options);
    if ('held' in taken) return taken.held;
    const { data } = options.place;
    const { pid } = taken.owner;
    const serving = (await aboutOwner(taken.owner))?.serving;
    if (serving !== undefined)
      throw new TryAgain(`process ${pid} serves ${data} already${serving === 'soon' ? '' : `: see ${serving}`}`);
    if (systemTime.now() > until) throw new TryAgain(`process ${pid} is still at work in ${data}`);
    if (!told) output.note(`waiting for process ${pid}, which is at work in ${data}`);
    await stay(LOOK_EVERY_MS, signal);
  }
  return undefined;
};

interface Serving {
  readonly pipeline: Hosted;
  readonly flows: readonly Flow[];
  readonly stop: AbortSignal;
  readonly output: Output;
  readonly begun: () => Promise<void>;
}

/**
 * A fault ends the flows, and with them a process that has nothing else to do. One that takes webhooks goes on taking
 * them, and begins the flows again every minute: a token that was replaced, or a disk that has room again, mends itself.
 */
const run = async (serving: Serving): Promise<void> => {
  const { pipeline, stop, output } = serving;
  if ([...pipeline.parts.sources.values()].every(({ port }) => !port.hooks)) return runFlows(serving);
  while (!stop.aborted) {
    try {
      await runFlows(serving);
    } catch (error) {
      if (error instanceof BadConfiguration || error instanceof LostLock) throw error;
      output.note(`${pipeline.name}: the flows have stopped, and begin again in a minute: ${messageOf(error)}`);
      await stay(AGAIN_MS, stop);
    }
  }
};

const runFlows = ({ pipeline, flows, stop, output, begun }: Serving): Promise<void> =>
  pipeline.withFlows(
    async (running) => {
      await begun();
      // What is found in a repository is an event for plan.
      const followed = flows.includes('plan') ? [follow(pipeline, running)] : [];
      await Promise.all([...followed, sayInStep(pipeline, output, running)]);
    },
    { stop, flows },
  );

const flowsOf = (list: string | undefined): readonly Flow[] => {
  if (list === undefined) return FLOWS;
  return list.split(',').map((name) => {
    const flow = FLOWS.find((known) => known === name.trim());
    if (!flow)
      throw new BadUsage(`--flows: expected some of ${FLOWS.join(', ')} with commas between, got ${quoted(name)}`);
    return flow;
  });
};

const sayReady = async ({ data }: Place, { url, metrics }: Ports, output: Output): Promise<void> => {
  await output.line(`ready: ${url}/status says how it is, ${metrics} has figures; the index is in ${data}`);
  await output.line('in another terminal: npx tidemark search "how are offsets committed"');
};

/** Once for each time that the index has caught up. */
const sayInStep = async ({ name, parts }: Hosted, output: Output, signal: AbortSignal): Promise<void> => {
  let behind = true;
  let since = parts.time.now();
  let warm = false;
  while (!signal.aborted) {
    await parts.time.sleep(LOOK_EVERY_MS, signal);
    const left = sumOf(await lagOf(parts));
    if (left > 0) {
      if (!behind) since = parts.time.now();
      behind = true;
      output.progress(`${name}: ${left} on the way`);
    } else if (behind) {
      const took = ((parts.time.now() - since) / SECOND).toFixed(1);
      const active = await parts.store.active();
      const counts = active === undefined ? undefined : await parts.store.generation(active).counts();
      output.note(`${name}: in step, ${counts?.documents ?? 0} documents, ${counts?.points ?? 0} chunks (${took} s)`);
      behind = false;
      if (active === undefined) continue;
      const seconds = await warmUp(parts, active);
      if (!warm) parts.telemetry.searchReady({ pipeline: name, seconds });
      warm = true;
    }
  }
};

/** The embedded store reads its index for search at the first question, which is not to be somebody's who waits. */
const warmUp = async ({ store, time }: Hosted['parts'], active: string): Promise<number> => {
  const beganAt = time.now();
  await store.generation(active).search({ mode: 'lexical', text: 'warm', limit: 1 });
  return (time.now() - beganAt) / SECOND;
};

const sayStopping = (held: Held, output: Output): void => {
  output.note('stopping: what was begun is finished; Ctrl-C again ends at once');
  held.dismiss();
};

const sayLeft = async ({ name, parts }: Hosted, output: Output): Promise<void> => {
  const { events, changes, documents } = await lagOf(parts);
  const left = sumOf({ events, changes, documents });
  output.note(
    left === 0
      ? `${name}: nothing is left, all is committed`
      : `${name}: left in the log: ${events} events, ${changes} changes, ${documents} documents; the next start goes on there`,
  );
};
