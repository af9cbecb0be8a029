/** Asks a running service as its own command line does, without starting a process for each question. */
import { parseCommand } from '../src/cli/command.ts';
import { search } from '../src/cli/commands/search.ts';
import { configSchema } from '../src/config/schema.ts';
import { TryAgain } from '../src/errors.ts';
import { asking } from '../src/owner/access.ts';
import { askOwner } from '../src/owner/ask.ts';
import { lockOwner } from '../src/owner/lock.ts';
import type { Found } from '../src/search/search.ts';

export type Search = (question: string, ...flags: readonly string[]) => Promise<Found>;

export const searching = async (data: string): Promise<Search> => {
  const owner = await lockOwner(data);
  if (!owner) throw new Error(`nobody serves ${data}`);
  const { signal } = new AbortController();
  const run: Parameters<typeof asking>[0] = async (...asked) => {
    const answer = await askOwner(owner, ...asked);
    if (!answer) throw new TryAgain(`the service of ${data} takes no tasks`);
    return answer.result;
  };
  const pipeline = 'default';
  const ask = asking(run, configSchema.parse({}), pipeline, signal);
  return async (question, ...flags) => {
    const lines: string[] = [];
    const output = {
      line: async (line: string) => void lines.push(line),
      note: (note: string) => void lines.push(note),
      progress: () => undefined,
    };
    const { args } = parseCommand(search, [question, '--json', ...flags]);
    await search.run({ ask, pipeline, output, terminal: false, signal }, args);
    return JSON.parse(lines.join('\n'));
  };
};
