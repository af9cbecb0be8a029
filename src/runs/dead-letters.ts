import type { z } from 'zod';
import type { Names } from '../config/names.ts';
import type { Parts } from '../parts.ts';
import { globMatcher } from '../paths/glob.ts';
import type { LogRecord } from '../ports.ts';
import {
  changeSchema,
  decode,
  documentSchema,
  eventSchema,
  parseDocument,
  type ResolutionRow,
  readableKey,
} from '../records.ts';
import { projectFilter } from '../state/projects.ts';
import { shownPath } from './documents.ts';
import { remedyOf } from './remedies.ts';

/** Letters whose rows are read together. */
const BATCH = 500;
export const REPLAYS = 'x-replays';
/** What has failed again so often is not tried again by the way. */
export const QUARANTINED_AT = 3;

/** A record that was set aside, as scripts get it. Topic, partition, offset and key are those it had. */
export interface DeadLetterRow {
  readonly id: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly key: string;
  readonly stage: string;
  readonly class: string;
  readonly message: string;
  /** Tells a person what to do about it. */
  readonly remedy: string;
  /** `instance/project/ref/path`; `null` for a record that is about none. */
  readonly document: string | null;
  readonly instance: string;
  readonly project: string;
  readonly ref: string | null;
  readonly path: string | null;
  readonly pathBytes?: string;
  readonly at: string;
  /** How often what it is about was tried again because of a dead letter. */
  readonly replays: number;
  readonly state: 'open' | 'quarantined' | ResolutionRow['is'];
}

export interface ShownDeadLetter extends DeadLetterRow {
  readonly headers: Readonly<Record<string, string>>;
  /** The record as it was, if it can be read. */
  readonly record: unknown;
  /** Its bytes in base64; `null` for one that was too large to be held. */
  readonly value: string | null;
}

export interface DeadLetterFilter {
  readonly ids?: readonly string[];
  readonly stage?: string;
  readonly class?: string;
  readonly project?: string;
  /** A glob over the path. */
  readonly path?: string;
  /** A run that its record was planned for. */
  readonly run?: string;
  /** Unix milliseconds; when it was set aside. */
  readonly since?: number;
  readonly before?: number;
  /** Also those that were replayed or discarded. Those that are named are found in any case. */
  readonly resolved?: boolean;
}

export interface Letter {
  readonly row: DeadLetterRow;
  readonly record: LogRecord;
  /** The key of the document, when the record is about one. */
  readonly document: string | undefined;
  /** What replays are counted by: the document, or the project. */
  readonly subject: string;
}

/** By the topic that it came from, how its value is read; `undefined` for a topic that is not ours. */
export const schemaOf = ({ topics }: Names, topic: string): z.ZodType | undefined => {
  if (topic === topics.events || topic === topics.eventsBackfill) return eventSchema;
  if (topic === topics.changes || topic === topics.changesBackfill) return changeSchema;
  return topic === topics.documents ? documentSchema : undefined;
};

const letterOf = (names: Names, record: LogRecord): Letter => {
  const { headers, key } = record;
  const topic = headers['x-original-topic'] ?? '';
  const partition = Number(headers['x-original-partition'] ?? -1);
  const offset = Number(headers['x-original-offset'] ?? -1);
  const schema = schemaOf(names, topic);
  const document = schema === changeSchema || schema === documentSchema ? key : undefined;
  const { instance, project, ref, path } = parseDocument(key);
  const stage = headers['x-stage'] ?? 'unknown';
  const kind = headers['x-class'] ?? 'unknown';
  const row: DeadLetterRow = {
    id: headers['x-id'] ?? `${topic}/${partition}/${offset}/${stage}`,
    ...{ topic, partition, offset, key, stage, class: kind },
    message: headers['x-message'] ?? '',
    remedy: remedyOf(kind),
    document: document === undefined ? null : readableKey(document),
    ...{ instance, project, ref: document === undefined ? null : ref },
    ...(document === undefined ? { path: null } : shownPath(path)),
    at: new Date(Number(headers['x-at'] ?? record.timestamp)).toISOString(),
    replays: Number(headers[REPLAYS] ?? 0),
    state: 'open',
  };
  return { row, record, document, subject: key };
};

/** Those of the filter, each once: a process that dies before it settles sets the same record aside again. */
export async function* letters(parts: Parts, filter: DeadLetterFilter): AsyncGenerator<Letter> {
  const { log, names } = parts;
  const matches = await matcher(parts, filter);
  const bounds = await log.bounds(names.topics.deadLetters);
  const [from, until] = [bounds.map(({ start }) => start), bounds.map(({ end }) => end)];
  const seen = new Set<string>();
  let batch: Letter[] = [];
  for await (const record of log.slice(names.topics.deadLetters, from, until)) {
    const letter = letterOf(names, record);
    if (seen.has(letter.row.id) || !matches(letter)) continue;
    seen.add(letter.row.id);
    batch.push(letter);
    if (batch.length < BATCH) continue;
    yield* withStates(parts, filter, batch);
    batch = [];
  }
  yield* withStates(parts, filter, batch);
}

const matcher = async (parts: Parts, filter: DeadLetterFilter): Promise<(letter: Letter) => boolean> => {
  const { ids, stage, class: kind, run, since = Number.NEGATIVE_INFINITY, before = Number.POSITIVE_INFINITY } = filter;
  const inProject = await projectFilter(parts, filter.project);
  const matches = filter.path === undefined ? undefined : globMatcher(filter.path);
  return ({ row, record, document }) => {
    const at = Date.parse(row.at);
    return (
      (!ids || ids.includes(row.id)) &&
      (stage === undefined || row.stage === stage) &&
      (kind === undefined || row.class === kind) &&
      at >= since &&
      at < before &&
      inProject(row) &&
      (!matches || (document !== undefined && matches(parseDocument(document).path))) &&
      (run === undefined || runsOf(readRecord(parts.names, row.topic, record.value)).includes(run))
    );
  };
};

/** Events and changes name all of their runs, a text the newest. */
const runsOf = (record: unknown): readonly string[] => {
  const { runs = [], run } = (record ?? {}) as { readonly runs?: readonly string[]; readonly run?: string };
  return run === undefined ? runs : [...runs, run];
};

async function* withStates(
  { state }: Parts,
  { ids, resolved = ids !== undefined }: DeadLetterFilter,
  batch: readonly Letter[],
): AsyncGenerator<Letter> {
  if (batch.length === 0) return;
  const [resolutions, counted] = await Promise.all([
    state.read(
      'resolutions',
      batch.map(({ row }) => row.id),
    ),
    state.read('replays', [...new Set(batch.map(({ subject }) => subject))]),
  ]);
  for (const letter of batch) {
    const resolution = resolutions.get(letter.row.id)?.value.is;
    if (resolution && !resolved) continue;
    const replays = Math.max(letter.row.replays, counted.get(letter.subject)?.value.replays ?? 0);
    const open = replays >= QUARANTINED_AT ? 'quarantined' : 'open';
    yield { ...letter, row: { ...letter.row, replays, state: resolution ?? open } };
  }
}

export async function* listDeadLetters(parts: Parts, filter: DeadLetterFilter = {}): AsyncGenerator<DeadLetterRow> {
  for await (const { row } of letters(parts, filter)) yield row;
}

export interface DeadLetterStats {
  readonly total: number;
  readonly byState: Readonly<Record<string, number>>;
  /** By stage and class, `convert/poison`. */
  readonly byClass: Readonly<Record<string, number>>;
  /** What a person can do, by class. */
  readonly remedies: Readonly<Record<string, string>>;
  /** By instance and project. */
  readonly byProject: Readonly<Record<string, number>>;
  readonly oldest: string | null;
  readonly newest: string | null;
}

export const deadLetterStats = async (parts: Parts, filter: DeadLetterFilter): Promise<DeadLetterStats> => {
  const counts = { byState: {}, byClass: {}, byProject: {} } satisfies Record<string, Record<string, number>>;
  const count = (of: Record<string, number>, name: string) => {
    of[name] = (of[name] ?? 0) + 1;
  };
  const remedies: Record<string, string> = {};
  let total = 0;
  let oldest: string | null = null;
  let newest: string | null = null;
  for await (const { row } of letters(parts, filter)) {
    total += 1;
    count(counts.byState, row.state);
    count(counts.byClass, `${row.stage}/${row.class}`);
    count(counts.byProject, `${row.instance}/${row.project}`);
    remedies[row.class] = row.remedy;
    if (oldest === null || row.at < oldest) oldest = row.at;
    if (newest === null || row.at > newest) newest = row.at;
  }
  return { total, ...counts, remedies, oldest, newest };
};

export const showDeadLetter = async (parts: Parts, id: string): Promise<ShownDeadLetter | undefined> => {
  for await (const { row, record } of letters(parts, { ids: [id] })) {
    const { headers, value } = record;
    const base64 = value && Buffer.from(value).toString('base64');
    return { ...row, headers, record: readRecord(parts.names, row.topic, value) ?? null, value: base64 };
  }
  return undefined;
};

/** `undefined` for what does not parse. */
export const readRecord = (names: Names, topic: string, value: Uint8Array | null): unknown => {
  const schema = schemaOf(names, topic);
  if (!schema || !value) return undefined;
  try {
    return decode(schema, value);
  } catch {
    // That is why it was set aside; its message says what it lacks.
    return undefined;
  }
};
