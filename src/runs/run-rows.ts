import type { Parts } from '../parts.ts';
import type { Row } from '../ports.ts';
import type { Offsets, RunRow } from '../records.ts';
import { ends } from '../state/ends.ts';
import { rows } from '../state/pages.ts';
import { replace } from '../state/update.ts';
import type { Flow } from '../telemetry.ts';
import { sameScope } from './scope.ts';

/** Rows bear the number that a run's id begins with: two that start at a time want the same one, and one gets it. */
const keyOf = (id: string) => id.split('-')[0] ?? '';

export const runRows = ({ state }: Parts) => rows(state, 'runs', 'runs');

export const readRun = async ({ state }: Parts, id: string): Promise<Row<'runs'> | undefined> => {
  const row = (await state.read('runs', [keyOf(id)])).get(keyOf(id));
  return row?.value.id === id ? row : undefined;
};

/** `undefined` when somebody else has written the row since it was read. */
export const replaceRun = (parts: Parts, read: Row<'runs'>, value: RunRow) =>
  replace(parts, 'runs', read.key, { read, value });

/** The open run of this scope, or a new one. */
export const claimRun = async (parts: Parts, scope: readonly string[], from: RunRow['from']) => {
  for (;;) {
    let newest = 0;
    for await (const { key, value } of runRows(parts)) {
      if (value.status === 'open' && sameScope(value.scope, scope)) return { run: value, joined: true };
      newest = Math.max(newest, Number(key));
    }
    const startedAt = parts.time.now();
    const key = String(newest + 1);
    const id = `${key}-${startedAt.toString(36)}`;
    const run: RunRow = { id, scope, status: 'open', startedAt, from, until: {}, passedAt: {} };
    if (await replace(parts, 'runs', key, { read: undefined, value: run })) return { run, joined: false };
  }
};

export const FLOWS = ['plan', 'collect', 'index'] as const satisfies readonly Flow[];

/** What each flow reads, in the order of `Offsets`. */
export const topicsOf = ({ names: { topics } }: Parts, flow: Flow): readonly string[] => {
  if (flow === 'plan') return [topics.events, topics.eventsBackfill];
  return flow === 'collect' ? [topics.changes, topics.changesBackfill] : [topics.documents];
};

/** `active`: the generation that the run is held against. */
export const groupOf = ({ names: { groups } }: Parts, flow: Flow, active: string): string =>
  flow === 'index' ? groups.index(active) : groups[flow];

export const endsOf = async (parts: Parts, flow: Flow): Promise<Offsets> => ends(parts, topicsOf(parts, flow));
