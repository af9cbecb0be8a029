/** Runs a command on a host, for whoever typed it here or asks from another process. */
import { z } from 'zod';
import { embedderSchema } from '../config/embedder.ts';
import { BadUsage, messageOf } from '../errors.ts';
import type { ControlOptions, ControlRequest } from '../owner/control.ts';
import type { Host } from '../pipeline/host.ts';
import type { GenerationOptions } from '../records.ts';
import { either } from '../runtime/either.ts';
import { type DataCommand, findCommand, parseCommand } from './command.ts';
import { EXIT, exitCodeOf } from './exit.ts';
import type { Output } from './output.ts';

const shapeSchema = z.object({
  chunk: z.object({ tokens: z.number().int().positive() }),
  embedder: embedderSchema,
});

export const shapeForRequest = ({ chunk, embedder }: GenerationOptions): GenerationOptions => ({ chunk, embedder });

/** Says what went wrong, and resolves to the exit code in any case. */
export const execute = async (
  host: Host,
  commands: readonly DataCommand[],
  { argv, pipeline: name, configured, terminal = false }: ControlRequest,
  output: Output,
  signal: AbortSignal,
): Promise<number> => {
  try {
    const { command, rest } = findCommand(commands, argv);
    const { args } = parseCommand(command, rest);
    const shape = shapeSchema.safeParse(configured);
    if (!shape.success) throw new BadUsage('this command comes from another version of Tidemark: use the same one');
    const pipeline = await host.pipeline(name);
    return await command.run({ host, pipeline, configured: shape.data, output, terminal, signal }, args);
  } catch (error) {
    if (signal.aborted) return EXIT.cancelled;
    output.note(`tidemark: ${messageOf(error)}`);
    return exitCodeOf(error);
  }
};

/** Commands of others, from the moment the host is open until it is to close. */
export const answering = (commands: readonly DataCommand[]) => {
  const out = new Set<Promise<number>>();
  const dismissed = new AbortController();
  let host: Host | undefined;
  const run: ControlOptions['run'] = async (request, reply, signal) => {
    if (!host) return EXIT.tryAgain;
    const output: Output = {
      line: (line) => reply({ line }),
      note: (note) => void reply({ note }),
      progress: (progress) => void reply({ progress }),
    };
    const stop = either([signal, dismissed.signal]);
    const running = execute(host, commands, request, output, stop.signal).finally(() => {
      stop.release();
      out.delete(running);
    });
    out.add(running);
    return running;
  };
  return {
    run,
    taking: () => host !== undefined,
    open(opened: Host) {
      host = opened;
    },
    dismiss: () => dismissed.abort(),
    async drained() {
      host = undefined;
      await Promise.all(out);
    },
  };
};
