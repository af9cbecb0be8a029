/** What must hold at every step of every history, whether anything rests or not. */

import type { Delivery, LogRecord } from '../../../src/ports.ts';
import {
  changeSchema,
  decode,
  documentKey,
  documentSchema,
  eventSchema,
  parseDocument,
  projectKey,
  refKey,
} from '../../../src/records.ts';
import type { Broker, BrokerWatch } from '../../support/memory-log.ts';
import type { Inspect } from '../../support/memory-state.ts';
import type { memoryStore } from '../../support/memory-store.ts';
import { NAMES } from './names.ts';
import type { World } from './world.ts';

export interface Observed {
  readonly broker: Broker;
  readonly state: Inspect;
  readonly store: ReturnType<typeof memoryStore>;
}

const place = ({ topic, partition, offset }: LogRecord) => `${topic}/${partition}/${offset}`;
const readable = (key: string) => key.replaceAll('\0', '/');

export const makeMonitor = (world: World) => {
  const { topics, groups } = NAMES;
  /** By group and partition, what the present assignment has delivered and not settled. */
  const out = new Map<string, Set<number>>();
  /** (document, seq) pairs that `documents` has had, and places of records that became dead letters. */
  const published = new Set<string>();
  const deadLettered = new Set<string>();
  /** The ref's seq when a look was appended; by ref the looks that somebody has out, whatever became of the assignment, and those that nobody has settled. */
  const seqAtLook = new Map<string, number>();
  const looking = new Map<string, Set<string>>();
  const waiting = new Map<string, Set<string>>();
  /** When a path was last filed, and when each record was appended, in steps of one clock. */
  const filed = new Map<string, number>();
  const appended = new Map<string, number>();
  let clock = 0;
  let observed: Observed | undefined;
  const see = () => {
    if (!observed) throw new Error('nothing is observed yet');
    return observed;
  };

  const blocked = (document: string) =>
    see().state.inspectOne('projects', projectKey(parseDocument(document)))?.value.blocked !== undefined;
  const wantSeq = (document: string) => see().state.inspectOne('wants', document)?.seq;

  const refOf = ({ value }: LogRecord): string | undefined => {
    const { kind, instance, project, ref = '' } = decode(eventSchema, value ?? new Uint8Array());
    return kind === 'look' ? refKey({ instance, project, ref }) : undefined;
  };

  const mayLetGoOfLook = (delivery: Delivery): boolean => {
    const key = refOf(delivery);
    if (key === undefined || blocked(key) || deadLettered.has(place(delivery))) return true;
    const row = see().state.inspectOne('refs', key);
    // A branch that is not there leaves no row, unless somebody waits for what becomes of it. That none is lost by this,
    // the check after the history says.
    const { runs, paths = [] } = decode(eventSchema, delivery.value ?? new Uint8Array());
    if (!row) return runs.length === 0 && paths.length === 0;
    const claimed = row.seq > (seqAtLook.get(place(delivery)) ?? -1);
    return claimed && (!row.value.dirty || (looking.get(key)?.size ?? 0) > 0 || (waiting.get(key)?.size ?? 0) > 0);
  };

  const mayLetGoOfChange = (delivery: Delivery): boolean => {
    const { document, seq, rules } = decode(changeSchema, delivery.value ?? new Uint8Array());
    return (
      published.has(`${document} ${seq}`) ||
      wantSeq(document) !== seq ||
      blocked(document) ||
      see().state.inspectOne('rules', 'rules')?.value.rules !== rules ||
      (filed.get(document) ?? 0) > (appended.get(place(delivery)) ?? 0)
    );
  };

  const mayLetGoOfDocument = (delivery: Delivery, generation: string): boolean => {
    if (delivery.value === null) return true;
    const { document, seq } = decode(documentSchema, delivery.value);
    const contents = see().store.inspect(generation);
    return !contents || (contents.ledger.get(document)?.seq ?? -1) >= seq || wantSeq(document) !== seq;
  };

  const mayLetGo = (group: string, delivery: Delivery): boolean => {
    if (group === groups.plan) return mayLetGoOfLook(delivery);
    if (group === groups.collect) return mayLetGoOfChange(delivery);
    return mayLetGoOfDocument(delivery, group.slice(groups.index('').length));
  };

  const watch: BrokerWatch = {
    appended(record) {
      clock += 1;
      appended.set(place(record), clock);
      if (!record.value) return;
      if (record.topic === topics.documents) {
        const { document, seq } = decode(documentSchema, record.value);
        published.add(`${document} ${seq}`);
      } else if (record.topic === topics.deadLetters) {
        const { headers } = record;
        deadLettered.add(
          `${headers['x-original-topic']}/${headers['x-original-partition']}/${headers['x-original-offset']}`,
        );
      } else if (record.topic === topics.events || record.topic === topics.eventsBackfill) {
        const { kind, instance, project, ref = '', paths = [] } = decode(eventSchema, record.value);
        const key = refKey({ instance, project, ref });
        if (kind !== 'look') return;
        waiting.set(key, (waiting.get(key) ?? new Set()).add(place(record)));
        seqAtLook.set(place(record), see().state.inspectOne('refs', key)?.seq ?? -1);
        for (const path of paths) filed.set(documentKey({ instance, project, ref, path }), clock);
      }
    },
    assigned(group, topic) {
      for (const key of out.keys()) if (key.startsWith(`${group} ${topic}/`)) out.delete(key);
    },
    delivered(group, delivery) {
      const { topic, partition, offset, epoch } = delivery;
      const key = `${group} ${topic}/${partition}`;
      out.set(key, (out.get(key) ?? new Set()).add(offset));
      const ref = group === groups.plan ? refOf(delivery) : undefined;
      if (ref !== undefined) looking.set(ref, (looking.get(ref) ?? new Set()).add(`${place(delivery)} ${epoch}`));
    },
    settled(group, delivery) {
      const { topic, partition, offset, epoch } = delivery;
      const ref = group === groups.plan ? refOf(delivery) : undefined;
      if (ref !== undefined) {
        looking.get(ref)?.delete(`${place(delivery)} ${epoch}`);
        waiting.get(ref)?.delete(place(delivery));
      }
      // What an older assignment settles moves no offset: its record is out again with somebody else.
      if (epoch !== see().broker.groupOf(topic, group).generation) return;
      out.get(`${group} ${topic}/${partition}`)?.delete(offset);
      if (!mayLetGo(group, delivery))
        world.violate(`5: ${group} settled ${place(delivery)} before its result was durable`);
    },
    committed(group, topic, partition, offset, before) {
      if (offset < before) world.violate(`4: ${group} ${topic}/${partition} went back from ${before} to ${offset}`);
      for (const unsettled of out.get(`${group} ${topic}/${partition}`) ?? []) {
        if (unsettled < offset)
          world.violate(`4: ${group} ${topic}/${partition} committed ${offset}, ${unsettled} is out`);
      }
    },
  };

  return {
    watch,
    observe(what: Observed) {
      observed = what;
    },
    /** After each write to a document's points or ledger: what the ledger names can be found. */
    changed(name: string, document: string) {
      const contents = see().store.inspect(name);
      const entry = contents?.ledger.get(document);
      const lost = entry?.chunks.filter((id) => !contents?.points.has(id)) ?? [];
      if (lost.length > 0)
        world.violate(`3: ${name} ${readable(document)}: ${lost.length} chunks of seq ${entry?.seq} cannot be found`);
    },
    fault(process: string, error: unknown) {
      world.violate(`${process} met a fault: ${error instanceof Error ? error.stack : error}`);
    },
    forgetLog() {
      out.clear();
      looking.clear();
      waiting.clear();
      seqAtLook.clear();
      appended.clear();
      deadLettered.clear();
    },
  };
};
export type Monitor = ReturnType<typeof makeMonitor>;
