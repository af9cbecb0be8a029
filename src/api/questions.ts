/** The questions that Tidemark answers, by name. HTTP, MCP, the library and the command line all go through here. */
import { z } from 'zod';
import { BadUsage } from '../errors.ts';
import type { Hosted } from '../pipeline/host.ts';
import { projectKey } from '../records.ts';
import type { Status } from '../runs/status.ts';
import type { MayRead, ReadableProject } from '../search/access.ts';
import { untilFresh } from '../search/freshness.ts';
import { read } from '../search/read.ts';
import { projectsFor, scopeOf } from '../search/scope.ts';
import { search } from '../search/search.ts';
import { similar } from '../search/similar.ts';
import { SECOND } from '../units.ts';
import {
  readAnswer,
  readRequest,
  searchAnswer,
  searchRequest,
  similarAnswer,
  similarRequest,
  statusAnswer,
  statusRequest,
} from './schemas.ts';

export const FRESH_MS = 30 * SECOND;

export interface Asking {
  readonly pipeline: Pick<Hosted, 'parts' | 'status' | 'withFlows'>;
  /** Everything without. */
  readonly mayRead?: MayRead | undefined;
  readonly signal: AbortSignal;
}

const question = <Request extends z.ZodType, Answer extends z.ZodType>(of: {
  readonly summary: string;
  readonly request: Request;
  readonly answer: Answer;
  readonly ask: (asking: Asking, request: z.output<Request>) => Promise<z.input<Answer>>;
}) => of;

export const questions = {
  search: question({
    summary: 'Finds the places that are about something.',
    request: searchRequest,
    answer: searchAnswer,
    async ask({ pipeline, mayRead, signal }, { query: text, fresh, ...filters }) {
      const { parts } = pipeline;
      const asked = { text, ...filters, mayRead };
      if (fresh)
        await pipeline.withFlows(
          async (stop) => untilFresh(parts, await scopeOf(parts, asked), { stop, waitMs: FRESH_MS }),
          { stop: signal },
        );
      return search(parts, asked);
    },
  }),
  similar: question({
    summary: 'Finds what is like a place or a text, by meaning.',
    request: similarRequest,
    answer: similarAnswer,
    ask: ({ pipeline: { parts }, mayRead }, asked) => similar(parts, { ...asked, mayRead }),
  }),
  read: question({
    summary: 'Reads a document, or lines of it, as it is indexed.',
    request: readRequest,
    answer: readAnswer,
    ask: ({ pipeline: { parts }, mayRead }, asked) => read(parts, { ...asked, mayRead }),
  }),
  status: question({
    summary: 'Says how far the index is behind, what waits, and why.',
    request: statusRequest,
    answer: statusAnswer,
    async ask({ pipeline, mayRead }) {
      const status = await pipeline.status();
      if (!mayRead) return status;
      return readable(status, (await projectsFor(pipeline.parts, { mayRead })) ?? []);
    },
  }),
} as const;

export type Question = keyof typeof questions;
export type RequestOf<Q extends Question> = z.input<(typeof questions)[Q]['request']>;
export type AnswerOf<Q extends Question> = z.output<(typeof questions)[Q]['answer']>;

export const isQuestion = (name: string): name is Question => Object.hasOwn(questions, name);

/** Throws `BadUsage` for a request that is none. */
export const answerTo = async <Q extends Question>(name: Q, asking: Asking, request: unknown): Promise<AnswerOf<Q>> => {
  const { request: schema, ask } = questions[name];
  const checked = schema.safeParse(request);
  if (!checked.success) throw new BadUsage(`${name}: ${z.prettifyError(checked.error)}`);
  // Each question parses its own requests, which the compiler cannot follow through the table.
  return (ask as (asking: Asking, request: unknown) => Promise<AnswerOf<Q>>)(asking, checked.data);
};

/** Without what names projects that whoever asks may not read, of which another GitLab may have one of the same path. */
const readable = (status: Status, mine: readonly ReadableProject[]): Status => {
  const [keys, instances] = [new Set(mine.map(projectKey)), new Set(mine.map(({ instance }) => instance))];
  return {
    ...status,
    projects: status.projects.filter((project) => keys.has(projectKey(project))),
    webhooks: status.webhooks.filter(({ instance }) => instances.has(instance)),
    runs: [],
    waits: status.waits.filter(({ of }) => of === undefined || keys.has(projectKey(of))),
  };
};
