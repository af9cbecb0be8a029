/** Counts the records that are in the log and not settled yet, by what they are. */
import type { Parts } from '../parts.ts';
import { activeGeneration } from './generations.ts';

export interface Lag {
  readonly events: number;
  readonly changes: number;
  readonly documents: number;
}

export const lagOf = async (parts: Parts): Promise<Lag> => {
  const { topics, groups } = parts.names;
  const active = await activeGeneration(parts);
  const [events, eventsBackfill, changes, changesBackfill, documents] = await Promise.all([
    behind(parts, topics.events, groups.plan),
    behind(parts, topics.eventsBackfill, groups.plan),
    behind(parts, topics.changes, groups.collect),
    behind(parts, topics.changesBackfill, groups.collect),
    active === undefined ? 0 : behind(parts, topics.documents, groups.index(active)),
  ]);
  return { events: events + eventsBackfill, changes: changes + changesBackfill, documents };
};

export const sumOf = ({ events, changes, documents }: Lag): number => events + changes + documents;

/** The records of the topic that the group has not settled. The group may go on between the two questions. */
export const behind = async ({ log }: Pick<Parts, 'log'>, topic: string, group: string): Promise<number> => {
  const [bounds, committed] = await Promise.all([log.bounds(topic), log.committed(topic, group)]);
  return bounds.reduce((sum, { start, end }, partition) => {
    const at = Math.max(start, committed[partition] ?? 0);
    return sum + Math.max(0, end - at);
  }, 0);
};
