/** From the words on the command line to an exit code. */
import { optionsOf } from '../config/pipeline.ts';
import { messageOf, TryAgain } from '../errors.ts';
import type { ControlRequest } from '../http/control.ts';
import type { Telemetry } from '../telemetry.ts';
import { stay, systemTime } from '../time.ts';
import { askOwner } from './ask.ts';
import { findCommand, parseCommand } from './command.ts';
import { commands, dataCommands } from './commands.ts';
import { execute, shapeForRequest } from './execute.ts';
import { EXIT, exitCodeOf } from './exit.ts';
import { commandHelp, overview } from './help.ts';
import { holdOrOwner } from './holding.ts';
import { type Output, type Streams, streamOutput } from './output.ts';
import { findPlace, type Place, type Surroundings } from './place.ts';
import type { Interrupts } from './signals.ts';

const SECOND = 1_000;
const LOOK_EVERY_MS = 200;
/** An owner that ends takes no more commands for a moment, and then the lock is free. */
const OWNER_ENDS_MS = 60 * SECOND;

export interface Invocation extends Streams, Surroundings {
  readonly argv: readonly string[];
  readonly version: string;
  readonly interrupts: Interrupts;
}

export const runCommandLine = async (invocation: Invocation): Promise<number> => {
  const { argv, version, interrupts } = invocation;
  const output = streamOutput(invocation, systemTime.now);
  try {
    const [first] = argv;
    if (first === '--version' || first === 'version') {
      await output.line(version);
      return EXIT.success;
    }
    if (first === undefined || first === '--help' || first === '-h' || (first === 'help' && argv.length === 1)) {
      await output.line(overview(commands));
      return first === undefined ? EXIT.usage : EXIT.success;
    }
    const words = first === 'help' ? [...argv.slice(1), '--help'] : argv;
    const { command, rest } = findCommand(commands, words);
    const { args, help } = parseCommand(command, rest);
    if (help) {
      await output.line(commandHelp(command));
      return EXIT.success;
    }
    const place = await findPlace(invocation);
    if (command.kind === 'own')
      return await command.run({ place, output, interrupts, stderr: invocation.stderr }, args);
    const pipeline = args.text('pipeline') ?? 'default';
    const configured = shapeForRequest(optionsOf(place.config, pipeline));
    return await runOnData(invocation, place, { argv: [...words], pipeline, configured }, output);
  } catch (error) {
    if (interrupts.signal.aborted) return EXIT.cancelled;
    output.note(`tidemark: ${messageOf(error)}`);
    return exitCodeOf(error);
  }
};

/** In this process if nobody holds the data directory, else in the one that does. */
const runOnData = async (
  { interrupts: { signal }, stderr }: Invocation,
  place: Place,
  request: ControlRequest,
  output: Output,
): Promise<number> => {
  const options = {
    place,
    telemetry: () => quietTelemetry(stderr),
    commands: dataCommands,
    serving: () => undefined,
    stays: false,
  };
  const until = systemTime.now() + OWNER_ENDS_MS;
  while (systemTime.now() < until) {
    const taken = await holdOrOwner(options);
    if ('owner' in taken) {
      const exit = await askOwner(taken.owner, request, output, signal);
      if (exit !== undefined) return exit;
      if (signal.aborted) return EXIT.cancelled;
      await stay(LOOK_EVERY_MS, signal);
      continue;
    }
    try {
      return await execute(taken.held.host, dataCommands, request, output, signal);
    } finally {
      await taken.held.close();
    }
  }
  throw new TryAgain(`the process that holds ${place.data} takes no commands, and does not end`);
};

/** Of a process that is over soon: nobody asks it for figures, and it speaks up when something is wrong. */
const quietTelemetry = async (stderr: Streams['stderr']): Promise<Telemetry> => {
  const [{ Registry }, { telemetry }, { makeLogger }] = await Promise.all([
    import('prom-client'),
    import('../telemetry.ts'),
    import('./logs.ts'),
  ]);
  return telemetry(makeLogger({ level: 'warn', readable: true, write: (text) => stderr.write(text) }), new Registry());
};
