import type { Parts } from '../parts.ts';
import type { Generation, LedgerEntry, Settled } from '../ports.ts';
import type { DocumentRecord, Failure } from '../records.ts';
import type { Embedded } from './embed.ts';
import { type Parsed, recordOf } from './parse.ts';
import { done, skipped, stage, superseded } from './stage.ts';

/** A delivery whose seq the ledger has reached has nothing left to do: it comes a second time, or too late. */
export const unreached = (generation: Generation) =>
  stage('ledger', async (record: DocumentRecord): Promise<DocumentRecord | Settled> => {
    const entry = (await generation.ledger([record.document])).get(record.document);
    return entry && entry.seq >= record.seq ? superseded('ledger has reached it') : record;
  });

/**
 * The points that stay are raised, *then* it is looked which are there, *then* the missing ones are written: looked at
 * first, a slower writer may sweep a point away between the look and the raise. The ledger entry is the moment at which
 * the version changes; until then the old points are found as well, never none.
 */
export const apply = ({ time }: Parts, generation: Generation) =>
  stage('apply', async ({ record, points, embedded, reused }: Embedded): Promise<Settled> => {
    const { document, seq } = record;
    if (record.is === 'failed') {
      await recordFailure({ time }, generation)(record, record.failure);
      return done;
    }
    if (points.length > 0) {
      await generation.raise(document, seq, points);
      const present = await generation.present(
        document,
        points.map(({ id }) => id),
      );
      const missing = points.filter(({ id }) => !present.has(id));
      if (missing.length > 0) await generation.upsert(missing);
    }
    const standing = await generation.record(
      {
        document,
        seq,
        status: record.is === 'text' ? 'indexed' : record.is,
        reason: reasonOf(record),
        blob: record.blob,
        indexedBlob: record.is === 'text' ? record.blob : null,
        rules: record.rules,
        chunks: points.map(({ id }) => id),
        embedded,
        reused,
        commit: record.commit,
        ...(record.run === undefined ? {} : { run: record.run }),
        at: time.now(),
      },
      'lower',
    );
    if (standing?.seq !== seq) return superseded('a newer version is in the ledger');
    return record.is === 'skipped' ? skipped(record.reason) : done;
  });

const reasonOf = (record: DocumentRecord): string => {
  if (record.is === 'skipped') return record.reason;
  const { redacted = [] } = record.is === 'text' ? record.text : {};
  return redacted.length > 0 ? `redacted: ${redacted.join(', ')}` : '';
};

/**
 * Says in the ledger that this version failed, and keeps the one that can be found. It stands over exactly the entry
 * whose chunks it takes over: an older version that has come in between would lose its own.
 */
export const recordFailure =
  ({ time }: Pick<Parts, 'time'>, generation: Generation) =>
  async ({ document, seq, blob, rules, commit, run }: DocumentRecord, failure: Failure): Promise<void> => {
    for (;;) {
      const read = (await generation.ledger([document])).get(document);
      if (read && read.seq >= seq) return;
      const entry: LedgerEntry = {
        document,
        seq,
        status: 'failed',
        reason: `${failure.class}: ${failure.message}`,
        blob,
        indexedBlob: read?.indexedBlob ?? null,
        rules,
        chunks: read?.chunks ?? [],
        embedded: 0,
        reused: 0,
        commit,
        ...(run === undefined ? {} : { run }),
        at: time.now(),
      };
      const standing = await generation.record(entry, { read });
      if (standing && standing.seq >= seq) return;
    }
  };

/**
 * Whatever became of the delivery: its document's points that are not above the ledger and that the ledger does not
 * name go, in one filtered delete. Never "what is not mine".
 */
export const clean =
  (generation: Generation, [taken]: readonly [Parsed<DocumentRecord>, ...Parsed<DocumentRecord>[]]) =>
  async (): Promise<void> => {
    const document = recordOf(taken)?.document;
    if (document === undefined) return;
    const entry = (await generation.ledger([document])).get(document);
    if (entry) await generation.prune(document, entry.seq, entry.chunks);
  };
