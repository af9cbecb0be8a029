import type { z } from 'zod';
import { filePaths } from '../clock/orphans.ts';
import { fileHints } from '../operators/hints.ts';
import type { Names, Parts } from '../parts.ts';
import type { LogRecord } from '../ports.ts';
import {
  changeSchema,
  decode,
  documentSchema,
  type Event,
  eventSchema,
  parseDocument,
  readableKey,
} from '../records.ts';
import { globPattern } from '../sinks/glob.ts';
import { shownPath } from './documents.ts';
import { projectFilter } from './projects.ts';

/** Documents whose looks are filed together. */
const BATCH = 1_000;
const REPLAYS = 'x-replays';

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
  /** `instance/project/ref/path`; `null` for a record that is about none. */
  readonly document: string | null;
  readonly instance: string;
  readonly project: string;
  readonly ref: string | null;
  readonly path: string | null;
  readonly pathBytes?: string;
  readonly at: string;
  readonly replays: number;
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
  /** Unix milliseconds. */
  readonly since?: number;
}

interface Letter {
  readonly row: DeadLetterRow;
  readonly record: LogRecord;
  /** The key of the document, when the record is about one. */
  readonly document: string | undefined;
}

/** By the topic that it came from, how its value is read; `undefined` for a topic that is not ours. */
const schemaOf = ({ topics }: Names, topic: string): z.ZodType | undefined => {
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
  const row: DeadLetterRow = {
    id: headers['x-id'] ?? `${topic}/${partition}/${offset}/${stage}`,
    ...{ topic, partition, offset, key, stage, class: headers['x-class'] ?? 'unknown' },
    message: headers['x-message'] ?? '',
    document: document === undefined ? null : readableKey(document),
    ...{ instance, project, ref: document === undefined ? null : ref },
    ...(document === undefined ? { path: null } : shownPath(path)),
    at: new Date(Number(headers['x-at'] ?? record.timestamp)).toISOString(),
    replays: Number(headers[REPLAYS] ?? 0),
  };
  return { row, record, document };
};

/** Those of the filter, each once: a process that dies before it settles sets the same record aside again. */
async function* letters(parts: Parts, filter: DeadLetterFilter): AsyncGenerator<Letter> {
  const { log, names } = parts;
  const inProject = await projectFilter(parts, filter.project);
  const pattern = filter.path === undefined ? undefined : globPattern(filter.path);
  const bounds = await log.bounds(names.topics.deadLetters);
  const [from, until] = [bounds.map(({ start }) => start), bounds.map(({ end }) => end)];
  const seen = new Set<string>();
  for await (const record of log.slice(names.topics.deadLetters, from, until)) {
    const letter = letterOf(names, record);
    const { row, document } = letter;
    if (filter.ids && !filter.ids.includes(row.id)) continue;
    if (filter.stage !== undefined && row.stage !== filter.stage) continue;
    if (filter.class !== undefined && row.class !== filter.class) continue;
    if (filter.since !== undefined && Date.parse(row.at) < filter.since) continue;
    if (!inProject(row)) continue;
    if (pattern && !(document !== undefined && pattern.test(parseDocument(document).path))) continue;
    if (seen.has(row.id)) continue;
    seen.add(row.id);
    yield letter;
  }
}

export async function* listDeadLetters(parts: Parts, filter: DeadLetterFilter = {}): AsyncGenerator<DeadLetterRow> {
  for await (const { row } of letters(parts, filter)) yield row;
}

export const showDeadLetter = async (parts: Parts, id: string): Promise<ShownDeadLetter | undefined> => {
  for await (const { row, record } of letters(parts, { ids: [id] })) {
    const { headers, value } = record;
    const base64 = value && Buffer.from(value).toString('base64');
    return { ...row, headers, record: readRecord(parts.names, row.topic, value) ?? null, value: base64 };
  }
  return undefined;
};

/** `undefined` for what does not parse. */
const readRecord = (names: Names, topic: string, value: Uint8Array | null): unknown => {
  const schema = schemaOf(names, topic);
  if (!schema || !value) return undefined;
  try {
    return decode(schema, value);
  } catch {
    // That is why it was set aside; its message says what it lacks.
    return undefined;
  }
};

export interface Replayed {
  /** Documents and branches that are looked at again. */
  readonly looks: number;
  /** Records that did not parse, and are in their topic again. */
  readonly reinjected: number;
  /** Records whose bytes were never held. */
  readonly refused: number;
}

/**
 * Tries again: what a record was about is looked at and planned anew, since the record itself may be out of date by now.
 * Only one that did not parse goes back as it is, for whoever can read it.
 */
export const replayDeadLetters = async (parts: Parts, filter: DeadLetterFilter): Promise<Replayed> => {
  const { names } = parts;
  let documents = new Set<string>();
  let [looks, reinjected, refused] = [0, 0, 0];
  const file = async () => {
    looks += documents.size;
    await filePaths(parts, 'replay', [...documents]);
    documents = new Set();
  };
  for await (const { row, record, document } of letters(parts, filter)) {
    const readable = readRecord(names, row.topic, record.value);
    if (readable && document !== undefined) {
      documents.add(document);
      if (documents.size >= BATCH) await file();
    } else if (readable) {
      await lookAgain(parts, readable as Event);
      looks += 1;
    } else if (record.value && schemaOf(names, row.topic)) {
      await parts.log.append(row.topic, [
        {
          key: record.key,
          value: record.value,
          headers: { ...original(record.headers), [REPLAYS]: String(row.replays + 1) },
        },
      ]);
      reinjected += 1;
    } else refused += 1;
  }
  await file();
  return { looks, reinjected, refused };
};

const lookAgain = (parts: Parts, { instance, project, ref = '', kind, paths, runs }: Event) => {
  const id = { instance, project, ref };
  const what = kind === 'project' ? { kind } : paths ? { paths } : { force: true };
  return fileHints(parts, 'eventsBackfill', 'replay', [{ id, ...what, runs }]);
};

/** Without what was added when it was set aside. */
const original = (headers: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !ADDED.test(name)));

const ADDED = /^x-(?:id|flow|stage|class|message|at|replays|original-\w+)$/;
