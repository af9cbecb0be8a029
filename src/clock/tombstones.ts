import type { Parts } from '../parts.ts';
import type { Row } from '../ports.ts';
import { ends, hasPassed } from '../state/ends.ts';
import { fedGenerations, whileFed } from '../state/generations.ts';
import { pages, rows, wantPages } from '../state/pages.ts';
import { replace } from '../state/update.ts';
import { DAY } from '../units.ts';

const KEEP_MS = 7 * DAY;
/** Tombstones that one round takes in; what is beyond waits for the next. */
const ROUND = 10_000;

/**
 * A want that says `gone` keeps late versions of its document from coming back. Its rows go in two phases: when collect
 * has passed what was on its way at the time, and when every index has passed what collect had made of it by then.
 */
export const tombstones = async (parts: Parts, stop: AbortSignal): Promise<void> => {
  await openRound(parts);
  for await (const round of rows(parts.state, 'rounds', 'rounds')) {
    if (stop.aborted) return;
    if (round.value.documents === undefined) await noteDocuments(parts, round);
    else if (await isRipe(parts, round, round.value.documents)) await closeRound(parts, round);
  }
};

const openRound = async (parts: Parts): Promise<void> => {
  const { state, time, names } = parts;
  let found: Row<'wants'>[] = [];
  for await (const page of wantPages(state)) {
    const gone = page.filter(({ value }) => value.blob === null);
    const marks = await state.read(
      'tombstones',
      gone.map(({ key }) => key),
    );
    found = found.concat(gone.filter(({ key, seq }) => marks.get(key)?.seq !== seq));
    if (found.length >= ROUND) break;
  }
  if (found.length === 0) return;
  // Noted after the wants were seen, so that nothing older of their documents is behind these ends.
  const changes = await ends(parts, [names.topics.changes, names.topics.changesBackfill]);
  const openedAt = time.now();
  const key = time.token();
  await state.swap(
    'rounds',
    { key, scope: 'rounds', seq: 1, token: key, value: { openedAt, changes, documents: undefined } },
    undefined,
  );
  await state.raise(
    'tombstones',
    found.map(({ key: document, seq }) => ({
      key: document,
      scope: key,
      seq,
      token: '',
      value: { foundAt: openedAt },
    })),
  );
};

const noteDocuments = async (parts: Parts, round: Row<'rounds'>): Promise<void> => {
  const { topics, groups } = parts.names;
  const [live = [], backfill = []] = round.value.changes;
  if (!(await hasPassed(parts, topics.changes, groups.collect, live))) return;
  if (!(await hasPassed(parts, topics.changesBackfill, groups.collect, backfill))) return;
  const [documents = []] = await ends(parts, [topics.documents]);
  await replace(parts, 'rounds', round.key, { read: round, value: { ...round.value, documents } });
};

const isRipe = async (parts: Parts, { value }: Row<'rounds'>, documents: readonly number[]): Promise<boolean> => {
  if (parts.time.now() - value.openedAt < KEEP_MS) return false;
  for (const name of await fedGenerations(parts)) {
    if (!(await hasPassed(parts, parts.names.topics.documents, parts.names.groups.index(name), documents)))
      return false;
  }
  return true;
};

/** The log's tombstone first, then the ledgers, then the wants: a crash in between leaves what is found again. */
const closeRound = async (parts: Parts, round: Row<'rounds'>): Promise<void> => {
  const { state, store, log, names } = parts;
  const generations = await fedGenerations(parts);
  for await (const marks of pages(state, 'tombstones', round.key)) {
    const wants = await state.read(
      'wants',
      marks.map(({ key }) => key),
    );
    const due = new Map<string, Row<'wants'>>();
    for (const { key, seq } of marks) {
      const want = wants.get(key);
      if (want?.seq === seq && want.value.blob === null) due.set(key, want);
    }
    for (const name of generations) {
      await whileFed(parts, name, async () => {
        for (const [document, entry] of await store.generation(name).ledger([...due.keys()])) {
          // A ledger that has not come to rest there is found again by a later round.
          if (entry.status !== 'gone' || entry.seq !== due.get(document)?.seq) due.delete(document);
        }
      });
    }
    const collected = [...due.values()];
    if (collected.length > 0)
      await log.append(
        names.topics.documents,
        collected.map(({ key }) => ({ key, value: null })),
      );
    const entries = collected.map(({ key, seq }) => ({ document: key, seq }));
    for (const name of generations) await whileFed(parts, name, () => store.generation(name).forget(entries));
    await state.remove('wants', collected);
    const missing = await state.read(
      'missing',
      collected.map(({ key }) => key),
    );
    await state.remove('missing', [...missing.values()]);
    await state.remove('tombstones', marks);
  }
  await state.remove('rounds', [round]);
};
