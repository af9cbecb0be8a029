/**
 * What can be asked and what comes back, once for all who ask: HTTP, MCP, the library and the command line. Descriptions
 * are read by people in the OpenAPI file, and by agents in the tools.
 */
import { z } from 'zod';
import { FILE_KINDS } from '../converters/format.ts';
import { globProblem, MAX_GLOB_CHARS } from '../paths/glob.ts';
import type { Status } from '../runs/status.ts';
import type { DocumentText } from '../search/read.ts';
import type { Found } from '../search/search.ts';
import type { Similar } from '../search/similar.ts';

export const MODES = ['hybrid', 'dense', 'lexical'] as const;
export const DEFAULT_LIMIT = 10;
export const MAX_LIMIT = 100;
export const MAX_OFFSET = 1_000;
const MAX_QUERY_CHARS = 10_000;
const MAX_TEXT_CHARS = 100_000;
const MAX_NAME_CHARS = 4_096;
export const DEFAULT_LINES = 200;
const MAX_LINES = 2_000;

const SHOWN_KEYS = 3;
const SHOWN_CHARS = 60;

/** What is not known is named, and not repeated at whatever length it has. */
const strict = <Shape extends z.core.$ZodLooseShape>(shape: Shape) =>
  z.strictObject(shape, {
    error: (issue) => {
      if (issue.code !== 'unrecognized_keys') return undefined;
      const shown = issue.keys.slice(0, SHOWN_KEYS).map((key) => `"${key.slice(0, SHOWN_CHARS)}"`);
      return `expected no ${shown.join(', ')}${issue.keys.length > SHOWN_KEYS ? ' and others' : ''}; there are ${Object.keys(shape).join(', ')}`;
    },
  });

const name = () => z.string().min(1).max(MAX_NAME_CHARS);

const glob = () =>
  z
    .string()
    .min(1)
    .max(MAX_GLOB_CHARS + 2)
    .refine((text) => globProblem(text) === undefined, { error: ({ input }) => globProblem(String(input)) });

const oneOrMore = <T extends z.ZodType>(schema: T) => z.union([schema, z.array(schema).min(1).max(100)]);

const filters = {
  project: oneOrMore(name()).exactOptional().describe('Only in these projects, by path (group/name) or id.'),
  group: oneOrMore(name()).exactOptional().describe('Only in projects of these groups and of their subgroups.'),
  ref: name().exactOptional().describe('Only on this branch.'),
  path: glob().exactOptional().describe('Only in files of this glob, such as docs/** or *.ts.'),
  language: oneOrMore(name()).exactOptional().describe('Only in these languages, such as typescript or markdown.'),
  kind: oneOrMore(z.enum(FILE_KINDS)).exactOptional().describe('Only in files of these kinds.'),
};

const file = {
  path: name().describe('A file, as a hit names it.'),
  pathBytes: name().exactOptional().describe('In base64, where the hit has it: then it goes before `path`.'),
  project: name().exactOptional().describe('Where several projects have the file.'),
  ref: name().exactOptional().describe('Where several branches have it.'),
};

const page = {
  limit: z.int().min(1).max(MAX_LIMIT).default(DEFAULT_LIMIT).describe('How many hits.'),
  offset: z.int().min(0).max(MAX_OFFSET).default(0).describe('How many hits to leave out: `next` of the page before.'),
};

const fresh = z
  .boolean()
  .default(false)
  .describe('Wait, for half a minute at most, until all that stands in the repositories now can be found.');

export const searchRequest = strict({
  query: z
    .string()
    .min(1)
    .max(MAX_QUERY_CHARS)
    .describe('What to look for: a question in plain words, or an identifier, a file name, a message.'),
  mode: z
    .enum(MODES)
    .default('hybrid')
    .describe('hybrid: by meaning and by words. dense: by meaning alone. lexical: by words alone.'),
  ...filters,
  ...page,
  fresh,
});

export const similarRequest = strict({
  of: strict({
    ...file,
    line: z.int().min(1).default(1).describe('A line in it.'),
  })
    .exactOptional()
    .describe('An indexed place, whose chunk is compared with all others. Either this or `text`.'),
  text: z.string().min(1).max(MAX_TEXT_CHARS).exactOptional().describe('Any text or code. Either this or `of`.'),
  ...filters,
  ...page,
});

export const readRequest = strict({
  ...file,
  from: z.int().min(1).default(1).describe('The first line: `next` of the answer before.'),
  column: z
    .int()
    .min(1)
    .default(1)
    .describe('The first character of it, in UTF-16 units: `nextColumn` of the answer before.'),
  lines: z.int().min(1).max(MAX_LINES).default(DEFAULT_LINES).describe('How many lines.'),
});

export const statusRequest = strict({});

const NOT_TOLD = 'null for a token that does not read all projects';

const freshness = z
  .object({
    fresh: z.boolean().describe('Whether the index has all that Tidemark knows of in the scope of the question.'),
    pending: z
      .number()
      .nullable()
      .describe('Documents that are to change and have not yet; null where only those of all projects are counted.'),
    pendingOf: z.enum(['scope', 'pipeline']).describe('pipeline: there was too much to count in the scope alone.'),
    planning: z.number().describe('Branches of the scope whose tree is being compared.'),
    events: z.number().nullable().describe(`Pushes, of any project, that nobody has looked at yet; ${NOT_TOLD}.`),
  })
  .describe('How far behind the answer may be.');

const standing = {
  blob: z.string().nullable().describe('Of the version that is shown, as git names it.'),
  commit: z.string().describe('At which this document was indexed.'),
  head: z.string().nullable().describe('Of the branch, as far as Tidemark knows.'),
  stale: z.boolean().describe('This document has changed since, and the change is on its way or has failed.'),
  url: z.string().nullable().describe('The lines in GitLab; null of a plain repository.'),
};

const place = {
  project: z.string(),
  ref: z.string().describe('The branch.'),
  path: z.string(),
  pathBytes: z.string().exactOptional().describe('The path in base64, where it is not UTF-8.'),
};

const lines = { startLine: z.number(), endLine: z.number() };

export const hitAnswer = z.object({
  score: z.number().describe('Comparable within one answer alone.'),
  ...place,
  ...lines,
  language: z.string(),
  heading: z.array(z.string()).readonly().describe('The headings, or the symbols, that it stands under.'),
  text: z.string().describe('The lines, as they stand in the document.'),
  ...standing,
  copies: z
    .array(z.object({ ...place, ...lines }))
    .readonly()
    .describe('Where the same text stands as well: other branches, copies of the file.'),
});

const hits = {
  generation: z.string().describe('The generation of the index that has answered.'),
  tookMs: z.number(),
  hits: z.array(hitAnswer).readonly(),
  next: z.number().nullable().describe('The offset of the next page; null where nothing is left.'),
};

export const searchAnswer = z.object({
  query: z.string(),
  mode: z.enum(MODES),
  ...hits,
  freshness,
}) satisfies z.ZodType<Omit<Found, 'freshness'>>;
export const similarAnswer = z.object(hits) satisfies z.ZodType<Similar>;

export const readAnswer = z.object({
  ...place,
  ...lines,
  totalLines: z.number(),
  startColumn: z.number().describe('Of the first line, where the text begins.'),
  text: z.string(),
  next: z.number().nullable().describe('The line to go on from; null at the end.'),
  nextColumn: z
    .number()
    .nullable()
    .describe('And the character of it; beyond 1 within a line that is too long for one answer.'),
  ...standing,
}) satisfies z.ZodType<DocumentText>;

const waiting = z.object({ records: z.number(), members: z.number() });
const lane = z.object({ events: z.number(), changes: z.number() });

export const statusAnswer = z.object({
  at: z
    .string()
    .describe('When it was so: who asks often is told the same for a second, or as long as it took to find out.'),
  ready: z.boolean(),
  log: z.object({ up: z.boolean(), identity: z.string().nullable() }),
  store: z.object({
    up: z.boolean(),
    documents: z.number().nullable().describe('Of the projects that the token reads.'),
    points: z.number().nullable().describe(`Of all projects; ${NOT_TOLD}.`),
  }),
  generation: z.string().nullable(),
  building: z.string().nullable(),
  previous: z.string().nullable(),
  projects: z
    .array(
      z.object({
        instance: z.string(),
        project: z.string(),
        path: z.string(),
        ref: z.string(),
        head: z.string().nullable().describe('Of the branch, as far as Tidemark knows without asking its source.'),
        planned: z.string().nullable(),
        documents: z.number(),
        pending: z.number(),
        failed: z.number(),
        blocked: z.string().nullable(),
      }),
    )
    .readonly()
    .describe('Each branch: where it is, what was planned last, and what is pending and has failed.'),
  webhooks: z
    .array(z.object({ instance: z.string(), heardAt: z.string().nullable() }))
    .readonly()
    .describe('When each GitLab has last told of something; null when never, so that pushes are found by the resync.'),
  lanes: z.object({ live: lane, backfill: lane }).nullable().describe(`What waits, by lane; ${NOT_TOLD}.`),
  lag: z
    .object({ plan: waiting, collect: waiting, index: waiting })
    .nullable()
    .describe(`Records that a flow has not settled; ${NOT_TOLD}.`),
  deadLetters: z.number().nullable().describe(`Of all projects; ${NOT_TOLD}.`),
  runs: z.array(z.object({ id: z.string(), scope: z.array(z.string()).readonly(), startedAt: z.number() })).readonly(),
  waits: z
    .array(
      z.object({
        on: z.enum(['dependency', 'project', 'flow', 'rules', 'generation', 'approval']),
        name: z.string(),
        of: z
          .object({ instance: z.string(), project: z.string().exactOptional() })
          .exactOptional()
          .describe("The instance, or the project of one, whose it is; without it, the whole pipeline's."),
        reason: z.string(),
        since: z.string().exactOptional(),
      }),
    )
    .readonly()
    .describe('What does not go on, and why.'),
}) satisfies z.ZodType<Omit<Status, 'lanes' | 'lag' | 'deadLetters'>>;
