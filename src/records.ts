/**
 * What crosses the log and what stands in the state, as versioned schemas. Parsing happens on read; what does not
 * parse is a dead letter.
 */
import { z } from 'zod';
import type { EmbedderOptions } from './config/embedder.ts';

/** A key names its parts from the outside in, joined by NUL, which no name of a project, a ref or a file can hold. */
const NUL = '\0';

export interface RefId {
  readonly instance: string;
  readonly project: string;
  readonly ref: string;
}

export interface DocumentId extends RefId {
  readonly path: string;
}

/** The ref of a project's wiki. No branch can have this name, since no part of a branch's name may begin with a dot. */
export const WIKI = '.wiki';

export const projectKey = (id: { instance: string; project: string }) => id.instance + NUL + id.project;
export const refKey = (id: RefId) => projectKey(id) + NUL + id.ref;
export const documentKey = (id: DocumentId) => refKey(id) + NUL + id.path;

export const parseDocument = (key: string): DocumentId => {
  const [instance = '', project = '', ref = '', path = ''] = key.split(NUL);
  return { instance, project, ref, path };
};
export const parseRef = (key: string): RefId => parseDocument(key);
/** Shows a key to people. It cannot be taken apart again for certain, since a ref may hold a slash as well. */
export const readableKey = (key: string): string => key.replaceAll(NUL, '/');

const seq = z.number().int().nonnegative();
const at = z.number();
const runs = z.array(z.string()).readonly();
/** A blob's id, or `null` for a document that is to be gone. */
const blob = z.string().nullable();

export const eventSchema = z.object({
  v: z.literal(1),
  id: z.string(),
  /** `look` at a ref, or at paths of it; refresh a `project`; `carry` on the ref's open sweep by one page. */
  kind: z.enum(['look', 'project', 'carry']),
  instance: z.string(),
  project: z.string(),
  ref: z.string().optional(),
  before: z.string().nullable().optional(),
  after: z.string().nullable().optional(),
  /** To be planned anew even where nothing differs. */
  paths: z.array(z.string()).readonly().optional(),
  /** A full look: compare the whole tree, whatever is known. */
  force: z.boolean().optional(),
  runs,
  at,
});
export type Event = z.infer<typeof eventSchema>;

export const changeSchema = z.object({
  v: z.literal(1),
  document: z.string(),
  type: z.string(),
  blob,
  size: z.number().optional(),
  /** The number of files that were planned with it at this commit. */
  together: z.number().optional(),
  rules: z.string(),
  seq,
  runs,
  commit: z.string(),
});
export type Change = z.infer<typeof changeSchema>;

const textSchema = z.object({
  content: z.string(),
  mediaType: z.string(),
  language: z.string(),
  title: z.string().optional(),
  /** Counts what looked like secrets and was left out, by kind. */
  redacted: z.array(z.string()).readonly().optional(),
});
export type Text = z.infer<typeof textSchema>;

const failureSchema = z.object({ stage: z.string(), class: z.string(), message: z.string() });
export type Failure = z.infer<typeof failureSchema>;

const documentBase = z.object({
  v: z.literal(1),
  document: z.string(),
  seq,
  blob,
  rules: z.string(),
  commit: z.string(),
  /** The newest of the runs that its change was planned for. */
  run: z.string().optional(),
});
export const documentSchema = z.discriminatedUnion('is', [
  documentBase.extend({ is: z.literal('text'), text: textSchema }),
  documentBase.extend({ is: z.literal('skipped'), reason: z.string() }),
  documentBase.extend({ is: z.literal('failed'), failure: failureSchema }),
  documentBase.extend({ is: z.literal('gone') }),
]);
export type DocumentRecord = z.infer<typeof documentSchema>;

/** Says what a document should be. It is written before its change is appended, so that nobody acts on an older one. */
export interface Want {
  readonly document: string;
  readonly type: string;
  readonly blob: string | null;
  readonly rules: string;
  readonly seq: number;
}

export interface LedgerEntry {
  readonly document: string;
  readonly seq: number;
  readonly status: 'indexed' | 'skipped' | 'failed' | 'gone';
  readonly reason: string;
  /** The blob of the want that this entry answers; `null` when gone. */
  readonly blob: string | null;
  /** The blob whose chunks can be found; differs from `blob` after a failure. */
  readonly indexedBlob: string | null;
  readonly rules: string;
  readonly chunks: readonly string[];
  readonly embedded: number;
  readonly reused: number;
  readonly commit: string;
  /** The newest of the runs that its change was planned for. */
  readonly run?: string;
  readonly at: number;
}

/** The head that a plan has seen; `null` for a ref that is gone. */
export type Head = string | null;

export interface RefRow {
  /** `undefined` until a plan has ended. */
  readonly planned: Head | undefined;
  /** A plan has claimed the ref and has not recorded its end. */
  readonly dirty: boolean;
  readonly rules: string;
}

/** The laying of a whole tree, page by page. Kept when it is over, so that an overtaken plan cannot open an older one. */
export interface SweepRow {
  readonly head: Head;
  readonly open: boolean;
  /** First the tree's pages; then, of the wants, those that the tree lacks. */
  readonly phase: 'tree' | 'wants';
  readonly cursor: string | undefined;
  readonly rules: string;
  readonly runs: readonly string[];
  /** By run, what this sweep has left alone so far. Moves with the cursor, so that a page laid twice counts once. */
  readonly tallies: Readonly<Record<string, RunRefRow>>;
  /** Its tree was listed page by page, so that one which ended early would look whole. */
  readonly paged?: boolean;
  /** What it would delete, of how many: so much that a person is to say that it is meant. */
  readonly approval?: { readonly lacking: number; readonly of: number; readonly given: boolean } | undefined;
  readonly movedAt: number;
}

/** Keeps what a run has found of a ref, once its sweep is over. The scope of the row is the run. */
export interface RunRefRow {
  /** The first seq at which the run looked at the ref: what was wanted since then is planned by it or by a push. */
  readonly since: number;
  /** Documents that were wanted before, and that the newest sweep of the run has left alone. */
  readonly unchanged: number;
}

export const runRefKey = (run: string, ref: string) => run + NUL + ref;
export const refOfRunRef = (key: string) => key.slice(key.indexOf(NUL) + 1);

/** Offsets of each of a flow's topics, in the order of its lanes: live, then backfill. */
export type Offsets = readonly (readonly number[])[];

/**
 * One bounded job. Its flows come to their end one after the other: where each has to come is known once the flow before
 * has come to its own.
 */
export interface RunRow {
  readonly id: string;
  /** What was asked for: projects, or branches of projects as `project:ref`; everything when empty. */
  readonly scope: readonly string[];
  readonly status: 'open' | 'done' | 'cancelled';
  readonly startedAt: number;
  readonly endedAt?: number;
  /** The ends of all topics before its events were appended: nothing of the run stands before them. */
  readonly from: { readonly plan: Offsets; readonly collect: Offsets; readonly index: Offsets };
  /** Absent for `plan` until all events of the run are in the log: until then it is not over. */
  readonly until: { readonly plan?: Offsets; readonly collect?: Offsets; readonly index?: Offsets };
  readonly passedAt: { readonly plan?: number; readonly collect?: number; readonly index?: number };
  /** A change that the ledger had not reached when all flows had passed. */
  readonly waitsFor?: { readonly document: string; readonly seq: number };
  /** Once it has ended. */
  readonly report?: Report;
}

/** Counts how a run went. `planned` is the sum of indexed, skipped, deleted, failed and superseded. */
export interface Report {
  readonly run: string;
  readonly status: 'success' | 'partial_success' | 'failed' | 'cancelled';
  readonly planned: number;
  readonly indexed: number;
  readonly skipped: number;
  readonly deleted: number;
  readonly failed: number;
  readonly superseded: number;
  readonly unchanged: number;
  readonly chunks: number;
  readonly embedded: number;
  readonly reused: number;
  readonly durationMs: number;
  readonly stages: readonly { readonly stage: 'plan' | 'collect' | 'index'; readonly durationMs: number }[];
  /** Branches that the run was to look at and that no plan of it has: their project is blocked, or planning failed. */
  readonly unplanned: readonly RefId[];
}

export interface ProjectRow {
  readonly path: string;
  readonly url: string | undefined;
  readonly visibility: string;
  readonly groups: readonly string[];
  readonly archived?: boolean;
  /** Why nobody finds it for now. It stays indexed. */
  readonly hidden?: string | undefined;
  /** The refs that the last complete list had. */
  readonly refs: readonly string[];
  /** Why nothing of it is read for now. Never a reason to delete. */
  readonly blocked: { readonly reason: string; readonly at: number } | undefined;
  /** It was closed, and full looks at its refs are still to be filed. */
  readonly reopened: boolean;
  /** Planned as if it were empty, until nothing of it is left. */
  readonly forgotten?: boolean;
}

/** Nothing of it is read or planned for now, and nothing is deleted. */
export const isClosed = (row: ProjectRow | undefined): boolean =>
  row !== undefined && !row.forgotten && (row.blocked !== undefined || row.hidden !== undefined);

/** Tombstones that were found together, and how far each flow has to come before their rows may go. */
export interface RoundRow {
  readonly openedAt: number;
  /** The ends of both `changes`, noted after the round's wants were seen. */
  readonly changes: readonly (readonly number[])[];
  /** The end of `documents`, noted after collect has passed those. */
  readonly documents: readonly number[] | undefined;
}

/** A want that was found gone, at the seq of the row. Its scope is the round. */
export interface TombstoneRow {
  readonly foundAt: number;
}

export interface TimerRow {
  readonly dueAt: number;
}

export interface RulesRow {
  readonly rules: string;
}

/** Names the generations that are kept in step. The alias follows `active`. */
export interface GenerationsRow {
  readonly active: string;
  /** Being filled. */
  readonly building: string | undefined;
  /** It is kept in step until then, so that a rollback is instant. */
  readonly previous: { readonly name: string; readonly until: number } | undefined;
}

/**
 * What a generation's chunks and vectors are made by, so that it is kept in step and searched by that for as long as it is there,
 * whatever the configuration says by now. Its key is the generation.
 */
export interface GenerationOptions {
  readonly chunk: { readonly tokens: number };
  readonly embedder: EmbedderOptions;
}

/** Counts what was embedded on a day. The day is the key. */
export interface BudgetRow {
  readonly tokens: number;
}

/** Says what became of a dead letter. Its id is the key. */
export interface ResolutionRow {
  readonly is: 'replayed' | 'discarded';
  readonly at: number;
}

/** Counts how often a document, or a project, was tried again because of its dead letters. Its key is theirs. */
export interface ReplaysRow {
  readonly replays: number;
  readonly at: number;
}

/** When a GitLab has last told of something. Its key is the instance. */
export interface HeardRow {
  readonly at: number;
}

export interface LogRow {
  readonly identity: string;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export const encode = (record: Event | Change | DocumentRecord): Uint8Array => encoder.encode(JSON.stringify(record));

/** Throws for what is not a record of this schema. */
export const decode = <T>(schema: z.ZodType<T>, bytes: Uint8Array): T =>
  schema.parse(JSON.parse(decoder.decode(bytes)));
