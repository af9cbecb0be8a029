/**
 * events ──plan──> changes ──collect──> documents ──index──> store
 *
 * Three flows, each read from top to bottom: what a delivery goes through until it is settled. A step that settles it
 * early (superseded, skipped) makes the later ones pass it by. Failures become dead letters; only faults leave a flow.
 */
import { type Observable, of, pipe } from 'rxjs';
import { apply, clean, recordFailure, unreached } from './operators/apply.ts';
import { chunk } from './operators/chunk.ts';
import { deliveries } from './operators/deliveries.ts';
import { embed } from './operators/embed.ts';
import { blobBytes, fetch } from './operators/fetch.ts';
import { giveWay } from './operators/give-way.ts';
import { keyed } from './operators/keyed.ts';
import { keyOf, type Parsed, parse, unpack, unpackOne } from './operators/parse.ts';
import { byKind, claim, compare, layAndRecord, readHead, sameLook } from './operators/plan.ts';
import { convert, publish, publishFailure } from './operators/publish.ts';
import { refreshProject } from './operators/refresh.ts';
import { breaker, orSetAside } from './operators/set-aside.ts';
import { afterwards, settle } from './operators/stage.ts';
import { layPage } from './operators/sweep.ts';
import { byOurRules, inOpenProject, wanted } from './operators/wanted.ts';
import { creditWindow } from './operators/window.ts';
import type { GenerationTools, Parts } from './parts.ts';
import type { Reader, Settled } from './ports.ts';
import { type Change, changeSchema, type DocumentRecord, documentSchema, type Event, eventSchema } from './records.ts';

const EVENTS_PER_RECORD = 50;

export interface Lanes {
  readonly live: Reader;
  readonly backfill: Reader;
}

/** events → changes. One project at a time: what differs from the wants, or a page of an open sweep. */
export const plan = (parts: Parts, { live, backfill }: Lanes, stop: AbortSignal): Observable<Settled> => {
  const { limits } = parts;
  const fuse = breaker('plan');
  const lanes = [{ lane: 'live', reader: live } as const, { lane: 'backfill', reader: backfill } as const];
  const look = pipe(claim(parts), readHead(parts), compare(parts), layAndRecord(parts));
  // Events are small, and the more of a ref are taken together the fewer plans they cost.
  const window = creditWindow({ ...limits.window, records: limits.window.records * EVENTS_PER_RECORD });
  return deliveries(lanes, window, stop, { parse: parse(eventSchema) }).pipe(
    keyed({ key: keyOf, parallel: limits.parallel.plan, together: sameLook }, (events) =>
      of(events).pipe(
        unpack<Event>(),
        byKind({ look, carry: layPage(parts), project: refreshProject(parts) }),
        orSetAside(parts, 'plan', fuse, events),
        settle(parts, 'plan', events),
      ),
    ),
  );
};

/** changes → documents. Documents side by side: the blob by its id, its text, or why there is none. */
export const collect = (parts: Parts, { live, backfill }: Lanes, stop: AbortSignal): Observable<Settled> => {
  const { limits } = parts;
  const fuse = breaker('collect');
  const lanes = [
    { lane: 'live', reader: live } as const,
    { lane: 'backfill', reader: backfill, admit: giveWay(parts) } as const,
  ];
  const taking = { parse: parse(changeSchema), alsoHolds: blobBytes(limits) };
  const fetched = fetch(parts);
  const isLive = ({ delivery }: Parsed<Change>) => delivery.topic === parts.names.topics.changes;
  return deliveries(lanes, creditWindow(limits.collectWindow), stop, taking).pipe(
    keyed({ key: keyOf, parallel: limits.parallel.collect, first: isLive }, (change) =>
      of(change).pipe(
        unpackOne<Change>(),
        wanted(parts),
        byOurRules(parts),
        inOpenProject(parts),
        fetched,
        convert(parts),
        publish(parts),
        orSetAside(parts, 'collect', fuse, change, publishFailure(parts)),
        settle(parts, 'collect', change),
      ),
    ),
  );
};

/** documents → store. Documents side by side, once for each generation that is kept in step. */
export const index = (
  parts: Parts,
  { name, tools }: { readonly name: string; readonly tools: GenerationTools },
  documents: Reader,
  stop: AbortSignal,
): Observable<Settled> => {
  const { limits } = parts;
  const fuse = breaker('index');
  const generation = parts.store.generation(name);
  const embedded = embed(parts, tools, generation);
  const lanes = [{ lane: 'live', reader: documents } as const];
  return deliveries(lanes, creditWindow(limits.window), stop, { parse: parse(documentSchema) }).pipe(
    keyed({ key: keyOf, parallel: limits.parallel.index }, (document) =>
      of(document).pipe(
        unpackOne<DocumentRecord>(),
        wanted(parts),
        unreached(generation),
        chunk(tools),
        embedded,
        apply(parts, generation),
        orSetAside(parts, 'index', fuse, document, recordFailure(parts, generation)),
        afterwards(clean(generation, document)),
        settle(parts, 'index', document),
      ),
    ),
  );
};
