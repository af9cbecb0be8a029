/** From the words on the command line to an exit code. */
import { LostLock } from '../errors.ts';
import { asking, dataAccess } from '../owner/access.ts';
import { findPlace, type Surroundings } from '../owner/place.ts';
import { quietTelemetry } from '../owner/quiet.ts';
import { systemTime } from '../runtime/time.ts';
import { findCommand, findGroup, parseCommand, withLeading } from './command.ts';
import { commands } from './commands.ts';
import { EXIT, sayFailure } from './exit.ts';
import { commandHelp, groupHelp, overview } from './help.ts';
import { isColoured, type Streams, streamOutput } from './output.ts';
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
    const { signal } = interrupts;
    const pipeline = args.text('pipeline') ?? 'default';
    const access = dataAccess({ place, telemetry: () => quietTelemetry(stderr) });
    const ask = asking(access.run, place.config, pipeline, signal);
    try {
      return await command.run({ ask, pipeline, output, terminal, signal }, args);
    } catch (error) {
      // Whoever has lost the directory ends at once; anybody else lets go of it, which may take as long as others ask.
      if (error instanceof LostLock) throw error;
      return sayFailure(error, output, signal);
    } finally {
      await access.close();
    }
  } catch (error) {
    const exit = sayFailure(error, output, interrupts.signal);
    if (error instanceof LostLock && exit !== EXIT.cancelled) invocation.endNow(exit);
    return exit;
  }
};

/** No command was named: what there is goes where errors go, so that a script does not take it for an answer. */
const unfinished = (stderr: Streams['stderr'], help: string): number => {
  stderr.write(`${help}\n`);
  return EXIT.usage;
};
