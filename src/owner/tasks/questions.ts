import { isAbsolute } from 'node:path';
import { z } from 'zod';
import { type AnswerOf, answerTo, type Question, questions, type RequestOf } from '../../api/questions.ts';
import { type GitlabUser, gitlabUser } from '../../config/gitlab-user.ts';
import { BadUsage, messageOf } from '../../errors.ts';
import type { Hosted } from '../../pipeline/host.ts';
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
    const mayRead = as === undefined ? undefined : mayReadAs(pipeline, userOf(as, pipeline));
    const found = await answerTo('search', { pipeline, mayRead, signal }, request);
    return { found, folders: foldersOf(pipeline) };
  },
});

const userOf = (written: string, { gitlabs }: Hosted): GitlabUser => {
  try {
    return gitlabUser(written, gitlabs);
  } catch (cause) {
    throw new BadUsage(`--as: ${messageOf(cause)}`, { cause });
  }
};

/** By project, where its files stand on this machine, of those that do. */
const foldersOf = ({ repositories }: Hosted): readonly (readonly [project: string, folder: string])[] =>
  repositories.filter(({ path }) => isAbsolute(path)).map(({ name, path }) => [name, path]);
