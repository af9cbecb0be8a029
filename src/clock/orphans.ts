import type { Parts } from '../parts.ts';
import type { Row } from '../ports.ts';
import { ends, untilPassed } from '../state/ends.ts';
import { activeGeneration } from '../state/generations.ts';
import { filePaths } from '../state/hints.ts';
import { wantPages } from '../state/pages.ts';

/** Wants that one check follows; what is beyond waits for the next. */
const SAMPLE = 10_000;

/** Finds the wants that the active ledger has not reached. */
const pendingAmong = async (parts: Parts, wants: readonly Row<'wants'>[]): Promise<Row<'wants'>[]> => {
  const active = await activeGeneration(parts);
  if (active === undefined) return [];
  const ledger = await parts.store.generation(active).ledger(wants.map(({ key }) => key));
  return wants.filter(({ key, seq }) => (ledger.get(key)?.seq ?? -1) < seq);
};

/**
 * A want that is still pending at the same seq after all that was on its way has arrived has lost its change: its plan
 * died between the two, or the log has. Its path is looked at again.
 */
export const orphans = async (parts: Parts, stop: AbortSignal): Promise<void> => {
  const { state, names } = parts;
  const { topics, groups } = names;
  let sample: Row<'wants'>[] = [];
  for await (const page of wantPages(state)) {
    sample = sample.concat(await pendingAmong(parts, page));
    if (sample.length >= SAMPLE) break;
  }
  if (sample.length === 0) return;

  const [live = [], backfill = []] = await ends(parts, [topics.changes, topics.changesBackfill]);
  await untilPassed(parts, topics.changes, groups.collect, live, stop);
  await untilPassed(parts, topics.changesBackfill, groups.collect, backfill, stop);
  const [documents = []] = await ends(parts, [topics.documents]);
  const active = await activeGeneration(parts);
  if (active !== undefined) await untilPassed(parts, topics.documents, groups.index(active), documents, stop);
  if (stop.aborted) return;

  const now = await state.read(
    'wants',
    sample.map(({ key }) => key),
  );
  const unchanged = sample.filter(({ key, seq }) => now.get(key)?.seq === seq);
  await filePaths(
    parts,
    'orphan',
    (await pendingAmong(parts, unchanged)).map(({ key }) => key),
  );
};
