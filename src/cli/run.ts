/** From the words on the command line to an exit code. */
import { optionsOf } from '../config/pipeline.ts';
import { LostLock, messageOf } from '../errors.ts';
import { systemTime } from '../runtime/time.ts';
import { findCommand, findGroup, parseCommand, withLeading } from './command.ts';
import { commands, dataCommands } from './commands.ts';
import { dataAccess } from './data-access.ts';
import { shapeForRequest } from './execute.ts';
import { EXIT, exitCodeOf } from './exit.ts';
import { commandHelp, groupHelp, overview } from './help.ts';
import { isColoured, type Streams, streamOutput } from './output.ts';
import { findPlace, type Surroundings } from './place.ts';
import { quietTelemetry } from './quiet.ts';
import type { Interrupts } from './signals.ts';

export interface Invocation extends Streams, Surroundings {
  readonly argv: readonly string[];
  readonly version: string;
  readonly interrupts: Interrupts;
  /** Ends the process, whatever it has begun. */
  endNow(exit: number): void;
}

export const runCommandLine = async (invocation: Invocation): Promise<number> => {
  const { env, cwd, engines, version, interrupts, stdout, stderr } = invocation;
  const { leading, words: argv } = withLeading(invocation.argv);
  const terminal = isColoured(stdout, env);
  const output = streamOutput(invocation, systemTime.now, terminal);
  try {
    const [first] = argv;
    if (first === '--version' || first === 'version') {
      await output.line(version);
      return EXIT.success;
    }
    if (first === '--help' || first === '-h' || (first === 'help' && argv.length === 1)) {
      await output.line(overview(commands));
      return EXIT.success;
    }
    if (first === undefined) return unfinished(stderr, overview(commands));
    const words = first === 'help' ? [...argv.slice(1), '--help'] : argv;
    const found = findGroup(commands, words);
    if (found && !found.help) return unfinished(stderr, groupHelp(found.group));
    if (found) {
      await output.line(groupHelp(found.group));
      return EXIT.success;
    }
    const { command, rest } = findCommand(commands, words);
    const given = [...leading, ...rest];
    const { args, help } = parseCommand(command, given);
    if (help) {
      await output.line(commandHelp(command, commands));
      return EXIT.success;
    }
    const around = { output, interrupts, stderr, version };
    const config = args.text('config');
    const surroundings = {
      env,
      cwd,
      engines,
      named: config === undefined ? undefined : { file: config, by: '--config' },
    };
    if (command.kind === 'free') return await command.run({ ...around, ...surroundings }, args);
    const place = await findPlace(surroundings);
    if (command.kind === 'own') return await command.run({ ...around, place }, args);
    const pipeline = args.text('pipeline') ?? 'default';
    const configured = shapeForRequest(optionsOf(place.config, pipeline));
    const access = dataAccess({ place, telemetry: () => quietTelemetry(stderr), commands: dataCommands, keepMs: 0 });
    const asked = { argv: [...command.name.split(' '), ...given], pipeline, configured, terminal };
    return await access.run(asked, output, interrupts.signal);
  } catch (error) {
    if (interrupts.signal.aborted) return EXIT.cancelled;
    output.note(`tidemark: ${messageOf(error)}`);
    if (error instanceof LostLock) invocation.endNow(exitCodeOf(error));
    return exitCodeOf(error);
  }
};

/** No command was named: what there is goes where errors go, so that a script does not take it for an answer. */
const unfinished = (stderr: Streams['stderr'], help: string): number => {
  stderr.write(`${help}\n`);
  return EXIT.usage;
};
