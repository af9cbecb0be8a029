/** Asks a running service as its own command line does, without starting a process for each question. */
import { askOwner } from '../src/cli/ask.ts';
import { shapeForRequest } from '../src/cli/execute.ts';
import { optionsOf } from '../src/config/pipeline.ts';
import { configSchema } from '../src/config/schema.ts';
import { lockOwner } from '../src/owner/lock.ts';
import type { Found } from '../src/search/search.ts';

export type Search = (question: string, ...flags: readonly string[]) => Promise<Found>;

export const searching = async (data: string): Promise<Search> => {
  const owner = await lockOwner(data);
  if (!owner) throw new Error(`nobody serves ${data}`);
  const configured = shapeForRequest(optionsOf(configSchema.parse({}), 'default'));
  const { signal } = new AbortController();
  return async (question, ...flags) => {
    const lines: string[] = [];
    const output = {
      line: async (line: string) => void lines.push(line),
      note: (note: string) => void lines.push(note),
      progress: () => undefined,
    };
    const argv = ['search', question, '--json', ...flags];
    const exit = await askOwner(owner, { argv, pipeline: 'default', configured }, output, signal);
    if (exit !== 0) throw new Error(`search ended with ${exit}: ${lines.join('\n')}`);
    return JSON.parse(lines.join('\n'));
  };
};
