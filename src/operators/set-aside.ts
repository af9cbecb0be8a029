import { catchError, from, type OperatorFunction, pipe, tap } from 'rxjs';
import { BlockProject, DeadLetter, messageOf, StopFlow } from '../errors.ts';
import type { Parts } from '../parts.ts';
import type { Delivery, Settled } from '../ports.ts';
import { type Event, type Failure, parseDocument, projectKey } from '../records.ts';
import { update } from '../state/update.ts';
import type { Flow } from '../telemetry.ts';
import { type Parsed, recordOf } from './parse.ts';
import { deadLettered, stageOf, superseded } from './stage.ts';

/** So many unknown failures in a row are not the documents' fault. */
const UNKNOWN_IN_A_ROW = 20;
/** Nor is it when more than half of so many are set aside: a bad release would empty the log into the dead letters. */
const LOOKED_AT = 200;
const MESSAGE_CHARS = 2_000;
const STACK_CHARS = 8_000;

/** Ends the flow, over all its deliveries, when too much of what they are about fails at once. */
export interface Breaker {
  succeeded(): void;
  /** Throws instead of letting one more become a dead letter. */
  failed(cause: unknown): void;
}

export const breaker = (flow: Flow): Breaker => {
  let unknownInARow = 0;
  /** One entry for each of the last records, the oldest first: true if it failed. */
  const latest: boolean[] = [];
  const note = (failed: boolean) => {
    latest.push(failed);
    if (latest.length > LOOKED_AT) latest.shift();
  };
  return {
    succeeded() {
      unknownInARow = 0;
      note(false);
    },
    failed(cause) {
      unknownInARow = cause instanceof DeadLetter ? 0 : unknownInARow + 1;
      if (unknownInARow >= UNKNOWN_IN_A_ROW)
        throw new StopFlow(`${flow}: ${unknownInARow} unknown failures in a row, the last: ${messageOf(cause)}`, {
          cause,
        });
      note(true);
      const failures = latest.filter(Boolean).length;
      if (failures > LOOKED_AT / 2)
        throw new StopFlow(
          `${flow}: ${failures} of the last ${latest.length} records failed, the last: ${messageOf(cause)}. Nothing more is set aside before somebody has looked`,
          { cause },
        );
    },
  };
};

/** Records the failure elsewhere too: in the ledger, or in the row of a project. */
type AlsoRecord<R> = (record: R, failure: Failure) => Promise<void>;
type Of = { readonly document: string } | Event;

/** Reactions to what a delivery's own chain throws. Only faults leave the chain, and end the flow. */
export const orSetAside = <R extends Of>(
  parts: Parts,
  flow: Flow,
  fuse: Breaker,
  taken: readonly Parsed<R>[],
  alsoRecord?: AlsoRecord<R>,
): OperatorFunction<Settled, Settled> => {
  const react = async (error: unknown): Promise<Settled> => {
    if (error instanceof StopFlow) throw error;
    const [record] = taken.map(recordOf);
    if (error instanceof BlockProject && record) {
      await blockProject(
        parts,
        projectKey('document' in record ? parseDocument(record.document) : record),
        error.message,
      );
      return superseded('project is blocked');
    }
    fuse.failed(error);
    const failure: Failure = {
      stage: stageOf(error),
      class: error instanceof DeadLetter ? error.kind : 'unknown',
      message: messageOf(error).slice(0, MESSAGE_CHARS),
    };
    for (const { delivery } of taken) await appendDeadLetter(parts, flow, delivery, { ...failure, error });
    if (record) await alsoRecord?.(record, failure);
    return deadLettered(failure.class);
  };
  return pipe(
    // Only what came to its end was worked on: of documents that are superseded nobody knows whether they would fail.
    tap(({ outcome }) => {
      if (outcome === 'done') fuse.succeeded();
    }),
    catchError((error: unknown) => from(react(error))),
  );
};

interface Explained extends Failure {
  readonly error: unknown;
}

const appendDeadLetter = async (parts: Parts, flow: Flow, delivery: Delivery, failure: Explained) => {
  const { log, names, telemetry, time } = parts;
  const { topic, partition, offset, key, value, headers, timestamp } = delivery;
  const explained = {
    ...headers,
    'x-id': `${topic}/${partition}/${offset}/${failure.stage}`,
    'x-flow': flow,
    'x-stage': failure.stage,
    'x-class': failure.class,
    'x-message': failure.message,
    'x-at': String(time.now()),
    'x-original-topic': topic,
    'x-original-partition': String(partition),
    'x-original-offset': String(offset),
    'x-original-timestamp': String(timestamp),
    ...asConnectSays(`${names.alias}-${flow}`, delivery, failure),
  };
  await log.append(names.topics.deadLetters, [{ key, value, headers: explained }]);
  telemetry.deadLettered({ flow, stage: failure.stage, kind: failure.class, message: failure.message, key });
};

/** The same in the words of Kafka Connect, which tools that show and move dead letters know. */
const asConnectSays = (connector: string, { topic, partition, offset }: Delivery, failure: Explained) => {
  const { error, stage, message } = failure;
  const { name, stack = '' } = error instanceof Error ? error : new Error(message);
  const said = {
    topic,
    partition: String(partition),
    offset: String(offset),
    'connector.name': connector,
    'task.id': '0',
    stage: stage.toUpperCase(),
    'class.name': stage,
    'exception.class.name': name,
    'exception.message': message,
    'exception.stacktrace': stack.slice(0, STACK_CHARS),
  };
  return Object.fromEntries(Object.entries(said).map(([of, value]) => [`__connect.errors.${of}`, value]));
};

/** Nothing of the project is read until a probe gets through. Nothing of it is deleted. */
export const blockProject = async (parts: Parts, project: string, reason: string) => {
  const unknown = { path: '', url: undefined, visibility: 'private', groups: [], refs: [], reopened: false } as const;
  const { before } = await update(parts, 'projects', project, (row) =>
    row?.blocked ? undefined : { ...(row ?? unknown), blocked: { reason, at: parts.time.now() } },
  );
  if (!before?.value.blocked) parts.telemetry.projectBlocked({ project, reason });
};
