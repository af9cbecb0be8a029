import { z } from 'zod';
import { type AnswerOf, answerTo, type Question, questions, type RequestOf } from '../../api/questions.ts';
import { type User, userOf } from '../../config/user.ts';
import { BadUsage, messageOf } from '../../errors.ts';
import type { Parts } from '../../parts.ts';
import { mayReadAs } from '../../search/access-as.ts';
import { type Doing, type Task, task } from '../task.ts';

type QuestionTasks = { readonly [Q in Question]: Task<z.ZodType<RequestOf<Q>, RequestOf<Q>>, never, AnswerOf<Q>> };

const asked = <Q extends Question>(name: Q) =>
  task({
    // A question checks its requests itself.
    input: z.custom<RequestOf<Q>>(),
    run: ({ pipeline, signal }: Doing, request) => answerTo(name, { pipeline, signal }, request),
  });

export const questionTasks = Object.fromEntries(
  (Object.keys(questions) as Question[]).map((name) => [name, asked(name)]),
) as unknown as QuestionTasks;

/** A search as a person makes it at a terminal, for a user where one is named, with where the files of a hit stand. */
export const searchAs = task({
  input: z.strictObject({ request: z.custom<RequestOf<'search'>>(), as: z.string().exactOptional() }),
  async run({ pipeline, signal }: Doing, { request, as }) {
    const mayRead = as === undefined ? undefined : mayReadAs(pipeline.parts, userCalled(as, pipeline.parts));
    const found = await answerTo('search', { pipeline, mayRead, signal }, request);
    return { found, folders: foldersOf(pipeline.parts) };
  },
});

/** How far behind the index is, with all that is known: whoever asks the owner may hear everything. */
export const status = task({ input: z.strictObject({}), run: ({ pipeline }: Doing) => pipeline.status() });

const userCalled = (written: string, { sources }: Parts): User => {
  const servers = [...sources].flatMap(([name, { port }]) =>
    port.server === undefined ? [] : [{ name, url: port.server }],
  );
  try {
    return userOf(written, servers);
  } catch (cause) {
    throw new BadUsage(`--as: ${messageOf(cause)}`, { cause });
  }
};

/** By project, where its files stand on this machine, of those that do. */
const foldersOf = ({ sources }: Parts): readonly (readonly [project: string, folder: string])[] =>
  [...sources.values()].flatMap(({ port }) => [...port.folders]);
