import type { Parts } from '../parts.ts';
import type { Generation, LogRecord } from '../ports.ts';
import {
  type Change,
  changeSchema,
  decode,
  eventSchema,
  parseDocument,
  projectKey,
  type RefId,
  type Report,
  type RunRow,
  refKey,
  refOfRunRef,
} from '../records.ts';
import { pages } from '../state/pages.ts';
import { endsOf, FLOWS, topicsOf } from './run-rows.ts';

/** Changes that the ledger is asked about together. */
const BATCH = 500;

type Outcome = 'indexed' | 'skipped' | 'deleted' | 'failed' | 'superseded';
type Counts = Record<Outcome | 'planned' | 'chunks' | 'embedded' | 'reused', number>;

export interface Tally {
  readonly counts: Counts;
  /** The first change that the ledger has not reached; counting ends there. */
  readonly waitsFor: { readonly document: string; readonly seq: number } | undefined;
}

const parsed = (record: LogRecord): Change | undefined => {
  try {
    return record.value === null ? undefined : decode(changeSchema, record.value);
  } catch {
    // Collect has set it aside, and says so; whose change it was, nobody can tell.
    return undefined;
  }
};

/** The vector moves in this partition alone. */
const only = (partition: number, from: readonly number[], until: readonly number[]) =>
  until.map((end, number) => (number === partition ? end : (from[number] ?? 0)));

/**
 * The run's changes, each once, although a page that was laid twice has appended its own twice. Partition by partition,
 * so that what has to be remembered for that is a part of a large run.
 */
async function* changesOf(parts: Parts, run: RunRow): AsyncGenerator<readonly Change[]> {
  const topics = topicsOf(parts, 'collect');
  const until = run.until.collect ?? (await endsOf(parts, 'collect'));
  const partitions = Math.max(0, ...until.map(({ length }) => length));
  let batch: Change[] = [];
  for (let partition = 0; partition < partitions; partition += 1) {
    const seen = new Set<string>();
    for (const [lane, topic] of topics.entries()) {
      const [from = [], to = []] = [run.from.collect[lane], until[lane]];
      for await (const record of parts.log.slice(topic, from, only(partition, from, to))) {
        const change = parsed(record);
        if (!change?.runs.includes(run.id)) continue;
        const name = `${change.seq} ${change.document}`;
        if (seen.has(name)) continue;
        seen.add(name);
        batch.push(change);
        if (batch.length < BATCH) continue;
        yield batch;
        batch = [];
      }
    }
  }
  if (batch.length > 0) yield batch;
}

/**
 * What has become of the run's changes, by what the ledger says now. With `unreached` a change that the ledger has not
 * reached counts as that; without, counting ends at the first.
 */
export const tally = async (parts: Parts, run: RunRow, generation: Generation, unreached?: Outcome): Promise<Tally> => {
  const counts: Counts = {
    ...{ planned: 0, indexed: 0, skipped: 0, deleted: 0, failed: 0, superseded: 0 },
    ...{ chunks: 0, embedded: 0, reused: 0 },
  };
  for await (const batch of changesOf(parts, run)) {
    const ledger = await generation.ledger(batch.map(({ document }) => document));
    const late = batch.filter(({ document, seq }) => (ledger.get(document)?.seq ?? -1) < seq);
    const outcomes = late.length > 0 ? await outcomesOf(parts, late) : undefined;
    for (const { document, seq } of batch) {
      const entry = ledger.get(document);
      const reached = entry !== undefined && entry.seq >= seq;
      const outcome = reached
        ? entry.seq > seq
          ? 'superseded'
          : entry.status === 'gone'
            ? 'deleted'
            : entry.status
        : (outcomes?.get(document) ?? unreached);
      if (!outcome) return { counts, waitsFor: { document, seq } };
      counts.planned += 1;
      counts[outcome] += 1;
      if (!reached || outcome !== 'indexed') continue;
      counts.chunks += entry.chunks.length;
      counts.embedded += entry.embedded;
      counts.reused += entry.reused;
    }
  }
  return { counts, waitsFor: undefined };
};

/** Whether the ledger may still come to it. */
export const isPending = async (
  parts: Parts,
  generation: Generation,
  { document, seq }: { readonly document: string; readonly seq: number },
): Promise<boolean> => {
  const entry = (await generation.ledger([document])).get(document);
  if (entry && entry.seq >= seq) return false;
  return !(await outcomesOf(parts, [{ document, blob: null }])).has(document);
};

/** Of changes that the ledger has not reached, those that it never will: their outcome. */
const outcomesOf = async (
  { state }: Parts,
  late: readonly Pick<Change, 'document' | 'blob'>[],
): Promise<ReadonlyMap<string, Outcome>> => {
  const wants = await state.read(
    'wants',
    late.map(({ document }) => document),
  );
  const projectOf = (document: string) => projectKey(parseDocument(document));
  const projects = await state.read('projects', [...new Set(late.map(({ document }) => projectOf(document)))]);
  const outcomes = new Map<string, Outcome>();
  for (const { document, blob } of late) {
    // Without a want the rows were collected: a deletion that has done its work, or what one has overtaken.
    if (!wants.has(document)) outcomes.set(document, blob === null ? 'deleted' : 'superseded');
    else if (projects.get(projectOf(document))?.value.blocked) outcomes.set(document, 'failed');
  }
  return outcomes;
};

/** `endedAt`: when the run is over, by the clock of whoever found that. */
export const reportOf = async (
  parts: Parts,
  run: RunRow,
  { counts }: Tally,
  endedAt: number,
  cancelled = false,
): Promise<Report> => {
  let unchanged = 0;
  const looked = new Set<string>();
  for await (const page of pages(parts.state, 'runRefs', run.id)) {
    for (const { key, value } of page) {
      looked.add(refOfRunRef(key));
      unchanged += value.unchanged;
    }
  }
  const unplanned = (await refsOf(parts, run)).filter((id) => !looked.has(refKey(id)));
  const { indexed, skipped, deleted, superseded, failed } = counts;
  const well = indexed + skipped + deleted + superseded + unchanged;
  const ill = failed + unplanned.length;
  return {
    run: run.id,
    status: cancelled ? 'cancelled' : ill === 0 ? 'success' : well === 0 ? 'failed' : 'partial_success',
    ...counts,
    unchanged,
    durationMs: endedAt - run.startedAt,
    // All flows begin with the run and work side by side; each ends when it has passed what the run brought it.
    stages: FLOWS.flatMap((stage) => {
      const at = run.passedAt[stage];
      return at === undefined ? [] : [{ stage, durationMs: at - run.startedAt }];
    }),
    unplanned,
  };
};

/** The branches that the run's own events name; of a project that has refused to name its own, an empty one. */
const refsOf = async ({ log, names }: Parts, { id, from, until }: RunRow): Promise<readonly RefId[]> => {
  const refs = new Map<string, RefId>();
  const [, start = []] = from.plan;
  const [, end = []] = until.plan ?? [];
  for await (const { value } of log.slice(names.topics.eventsBackfill, start, end)) {
    const event = value ? eventOf(value) : undefined;
    if (!event || event.kind === 'carry' || !event.runs.includes(id)) continue;
    const { instance, project, ref = '' } = event;
    refs.set(refKey({ instance, project, ref }), { instance, project, ref });
  }
  return [...refs.values()];
};

/** `undefined` for what plan has set aside. */
export const eventOf = (value: Uint8Array) => {
  try {
    return decode(eventSchema, value);
  } catch {
    return undefined;
  }
};
