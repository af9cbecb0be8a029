/** Does a task on a host, for whoever asks in this process or from another one. */
import { z } from 'zod';
import { embedderSchema } from '../config/embedder.ts';
import { BadUsage, Cancelled, TryAgain } from '../errors.ts';
import type { Host } from '../pipeline/host.ts';
import { either } from '../runtime/either.ts';
import type { Told } from './ask.ts';
import type { ControlOptions } from './control.ts';
import type { TaskRequest } from './protocol.ts';
import type { Task } from './task.ts';

const shapeSchema = z.object({
  chunk: z.object({ tokens: z.number().int().positive() }),
  embedder: embedderSchema,
});

export const perform = async (
  host: Host,
  { task: name, input, pipeline, configured }: TaskRequest,
  told: Told,
  signal: AbortSignal,
): Promise<unknown> => {
  try {
    const { tasks } = await import('./tasks.ts');
    const known: Readonly<Record<string, unknown>> = tasks;
    if (!Object.hasOwn(tasks, name)) throw new BadUsage(`there is no task "${name}" in this version of Tidemark`);
    // Its own schema says what its input is, which the compiler cannot follow through the table.
    const task = known[name] as Task<z.ZodType, unknown, unknown>;
    const checked = task.input.safeParse(input);
    if (!checked.success) throw new BadUsage(`${name}: ${z.prettifyError(checked.error)}`);
    const shape = shapeSchema.parse(configured);
    const tell = async (event: unknown) => told(event);
    return await task.run({ pipeline: await host.pipeline(pipeline), configured: shape, signal, tell }, checked.data);
  } catch (cause) {
    throw signal.aborted ? new Cancelled(`${name} was asked to stop`, { cause }) : cause;
  }
};

/** Tasks of others, from the moment the host is open until it is to close. */
export const answering = () => {
  const out = new Set<Promise<unknown>>();
  const dismissed = new AbortController();
  let host: Host | undefined;
  const run: ControlOptions['run'] = async (request, tell, signal) => {
    if (!host) throw new TryAgain('the process that holds the data directory is about to end');
    const stop = either([signal, dismissed.signal]);
    const running = perform(host, request, tell, stop.signal).finally(() => {
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
      await Promise.allSettled(out);
    },
  };
};
