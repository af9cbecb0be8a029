/** What is done with dead letters. What became of each is a row, so that whoever is interrupted goes on with the rest. */

import type { Parts } from '../parts.ts';
import type { Event, ResolutionRow } from '../records.ts';
import { fileHints, filePaths } from '../state/hints.ts';
import { pages } from '../state/pages.ts';
import { DAY, SECOND } from '../units.ts';
import {
  type DeadLetterFilter,
  type Letter,
  letters,
  QUARANTINED_AT,
  REPLAYS,
  readRecord,
  schemaOf,
} from './dead-letters.ts';

/** Letters that are resolved together: what a crash repeats at most. */
const BATCH = 100;
/** Longer than dead letters are kept by default; a letter that outlives its row is open again. */
const KEEP_MS = 90 * DAY;

export interface ResolveOptions {
  /** Nothing is done, only counted. */
  readonly dryRun?: boolean;
  readonly max?: number;
  readonly stop?: AbortSignal;
}

export interface ReplayOptions extends ResolveOptions {
  /** Letters a second. */
  readonly rate?: number;
  /** Also what has failed again and again. What is named by its id is replayed in any case. */
  readonly quarantined?: boolean;
}

export interface Replayed {
  /** Documents and branches that are looked at again. */
  readonly looks: number;
  /** Records that did not parse, and are in their topic again. */
  readonly reinjected: number;
  /** Records whose bytes were never held. */
  readonly refused: number;
  /** Left alone, since they were tried again too often. */
  readonly quarantined: number;
}

/**
 * Tries again: what a record was about is looked at and planned anew, since the record itself may be out of date by now.
 * Only one that did not parse goes back as it is, for whoever can read it.
 */
export const replayDeadLetters = async (
  parts: Parts,
  filter: DeadLetterFilter,
  { dryRun = false, max = Number.POSITIVE_INFINITY, rate, quarantined = false, stop }: ReplayOptions = {},
): Promise<Replayed> => {
  const { names, time } = parts;
  const counted = { looks: 0, reinjected: 0, refused: 0, quarantined: 0 };
  let batch: Plan[] = [];
  let taken = 0;
  const flush = async () => {
    if (!dryRun && batch.length > 0) {
      const begun = time.now();
      counted.looks += await perform(parts, batch);
      if (rate !== undefined) await time.sleep((batch.length / rate) * SECOND - (time.now() - begun), stop);
    } else counted.looks += looksOf(batch);
    batch = [];
  };
  for await (const letter of letters(parts, filter)) {
    if (stop?.aborted || taken >= max) break;
    const { row, record, document } = letter;
    if (row.replays >= QUARANTINED_AT && !quarantined && !filter.ids) {
      counted.quarantined += 1;
      continue;
    }
    const readable = readRecord(names, row.topic, record.value);
    if (!readable && !(record.value && schemaOf(names, row.topic))) {
      counted.refused += 1;
      continue;
    }
    taken += 1;
    if (!readable) counted.reinjected += 1;
    batch.push({
      letter,
      document: readable ? document : undefined,
      event: readable && !document ? (readable as Event) : undefined,
    });
    if (batch.length >= Math.min(BATCH, rate ?? BATCH)) await flush();
  }
  await flush();
  return counted;
};

/** A document or an event to look at again; neither for a record that goes back as it is. */
interface Plan {
  readonly letter: Letter;
  readonly document: string | undefined;
  readonly event: Event | undefined;
}

const looksOf = (batch: readonly Plan[]): number =>
  new Set(batch.flatMap(({ document }) => (document === undefined ? [] : [document]))).size +
  batch.filter(({ event }) => event).length;

/** Filed before it is noted: a crash in between repeats a look, and loses none. */
const perform = async (parts: Parts, batch: readonly Plan[]): Promise<number> => {
  const documents = new Set(batch.flatMap(({ document }) => (document === undefined ? [] : [document])));
  await filePaths(parts, 'replay', [...documents]);
  for (const { letter, document, event } of batch) {
    if (event) await lookAgain(parts, event);
    else if (document === undefined) await reinject(parts, letter);
  }
  await resolve(
    parts,
    batch.map(({ letter }) => letter),
    'replayed',
  );
  const replays = new Map(batch.map(({ letter }) => [letter.subject, letter.row.replays + 1]));
  const at = parts.time.now();
  const rows = [...replays].map(([key, count]) => ({
    ...{ key, scope: 'replays', seq: at, token: parts.time.token(), value: { replays: count, at } },
  }));
  await parts.state.raise('replays', rows);
  return looksOf(batch);
};

const lookAgain = (parts: Parts, { instance, project, ref = '', kind, paths, runs }: Event) => {
  const id = { instance, project, ref };
  const what = kind === 'project' ? { kind } : paths ? { paths } : { force: true };
  return fileHints(parts, 'eventsBackfill', 'replay', [{ id, ...what, runs }]);
};

const reinject = ({ log }: Parts, { row, record: { key, value, headers } }: Letter) =>
  log.append(row.topic, [{ key, value, headers: { ...original(headers), [REPLAYS]: String(row.replays + 1) } }]);

/** Without what was added when it was set aside. */
const original = (headers: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !ADDED.test(name)));

const ADDED = /^(?:x-(?:id|flow|stage|class|message|at|replays|original-\w+)|__connect\.errors\..*)$/;

/** Nobody wants to see them again. What they were about stays as it is; the next failure of it is a new one. */
export const discardDeadLetters = async (
  parts: Parts,
  filter: DeadLetterFilter,
  { dryRun = false, max = Number.POSITIVE_INFINITY, stop }: ResolveOptions = {},
): Promise<{ readonly discarded: number }> => {
  let batch: Letter[] = [];
  let discarded = 0;
  const flush = async () => {
    if (!dryRun) await resolve(parts, batch, 'discarded');
    batch = [];
  };
  for await (const letter of letters(parts, filter)) {
    if (stop?.aborted || discarded >= max) break;
    discarded += 1;
    batch.push(letter);
    if (batch.length >= BATCH) await flush();
  }
  await flush();
  return { discarded };
};

const resolve = async ({ state, time }: Parts, batch: readonly Letter[], is: ResolutionRow['is']) => {
  if (batch.length === 0) return;
  const at = time.now();
  const value = { is, at };
  const rows = batch.map(({ row }) => ({ key: row.id, scope: 'resolutions', seq: at, token: time.token(), value }));
  await state.raise('resolutions', rows);
};

export const countResolved = async ({ state }: Parts): Promise<number> => {
  let count = 0;
  for await (const page of pages(state, 'resolutions', 'resolutions')) count += page.length;
  return count;
};

export const pruneResolutions = async ({ state, time }: Parts): Promise<void> => {
  for (const table of ['resolutions', 'replays'] as const) {
    for await (const page of pages(state, table, table)) {
      const old = page.filter(({ value }) => time.now() - value.at >= KEEP_MS);
      if (old.length > 0) await state.remove(table, old);
    }
  }
};
