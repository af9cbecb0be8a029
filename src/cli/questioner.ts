/** The questions to the data directory, whoever holds it: each is a command, and what it prints is the answer. */
import type { AnswerOf, Question } from '../api/questions.ts';
import { BadConfiguration, BadUsage, LostLock, NotFound, TryAgain, Unavailable } from '../errors.ts';
import type { ControlRequest } from '../owner/control.ts';
import type { DataAccess } from './data-access.ts';
import { EXIT } from './exit.ts';
import type { Output } from './output.ts';

export type Commanding = Pick<ControlRequest, 'pipeline' | 'configured'>;

export const questioner =
  (access: DataAccess, commanding: Commanding, signal: AbortSignal) =>
  async <Q extends Question>(question: Q, request: unknown): Promise<AnswerOf<Q>> => {
    const { printed } = await command(
      access,
      { ...commanding, argv: ['api', question, JSON.stringify(request)] },
      signal,
    );
    return JSON.parse(printed) as AnswerOf<Q>;
  };

/** What the command prints. Rejects with what it says where it ends otherwise than well, or in part. */
export const command = async (
  access: DataAccess,
  request: ControlRequest,
  signal: AbortSignal,
): Promise<{ readonly printed: string }> => {
  const lines: string[] = [];
  const notes: string[] = [];
  const output: Output = {
    async line(text) {
      lines.push(text);
    },
    note: (text) => void notes.push(text),
    progress: () => undefined,
  };
  const exit = await access.run(request, output, signal).catch((error: unknown) => {
    // The process stays, and the same question goes to whoever has the directory now.
    throw error instanceof LostLock ? new TryAgain(error.message, { cause: error }) : error;
  });
  const printed = lines.join('\n');
  if (exit === EXIT.success || (exit === EXIT.failures && printed !== '')) return { printed };
  throw errorOf(exit, notes.at(-1)?.replace(/^tidemark: /, '') ?? `the command ended with ${exit}`);
};

const errorOf = (exit: number, message: string): Error => {
  if (exit === EXIT.failures) return new NotFound(message);
  if (exit === EXIT.usage) return new BadUsage(message);
  if (exit === EXIT.configuration) return new BadConfiguration(message);
  if (exit === EXIT.tryAgain) return new TryAgain(message);
  if (exit === EXIT.unavailable) return new Unavailable(message);
  return new Error(message);
};
