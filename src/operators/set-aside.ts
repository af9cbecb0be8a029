import { catchError, from, type OperatorFunction, pipe, tap } from 'rxjs';
import { BlockProject, DeadLetter, messageOf, StopFlow } from '../errors.ts';
import type { Parts } from '../parts.ts';
import type { Delivery, Row } from '../ports.ts';
import { type Event, type Failure, parseDocument, projectKey } from '../records.ts';
import type { Flow } from '../telemetry.ts';
import { type Parsed, recordOf } from './parse.ts';
import { deadLettered, type Settled, stageOf, superseded } from './stage.ts';

/** So many unknown failures in a row are not the documents' fault. */
const UNKNOWN_IN_A_ROW = 20;
const MESSAGE_CHARS = 2_000;

/** Counts, over all deliveries of one flow, failures in a row whose reaction nobody has foreseen. */
export interface Breaker {
  reset(): void;
  count(cause: unknown): void;
}

export const breaker = (flow: Flow): Breaker => {
  let inARow = 0;
  return {
    reset() {
      inARow = 0;
    },
    count(cause) {
      inARow += 1;
      if (inARow < UNKNOWN_IN_A_ROW) return;
      throw new StopFlow(`${flow}: ${inARow} unknown failures in a row, the last: ${messageOf(cause)}`, { cause });
    },
  };
};

/** What else says that a record failed, beside its dead letter. */
type AlsoRecord<R> = (record: R, failure: Failure) => Promise<void>;
type Of = { readonly document: string } | Event;

/** Reactions to what a delivery's own chain throws. Only faults leave the chain, and end the flow. */
export const orSetAside = <R extends Of>(
  parts: Parts,
  flow: Flow,
  unknown: Breaker,
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
    if (error instanceof DeadLetter) unknown.reset();
    else unknown.count(error);
    const failure: Failure = {
      stage: stageOf(error),
      class: error instanceof DeadLetter ? error.kind : 'unknown',
      message: messageOf(error).slice(0, MESSAGE_CHARS),
    };
    for (const { delivery } of taken) await appendDeadLetter(parts, flow, delivery, failure);
    if (record) await alsoRecord?.(record, failure);
    return deadLettered(failure.class);
  };
  return pipe(
    // Only what came to its end was worked on: of documents that are superseded nobody knows whether they would fail.
    tap(({ outcome }) => {
      if (outcome === 'done') unknown.reset();
    }),
    catchError((error: unknown) => from(react(error))),
  );
};

const appendDeadLetter = async (parts: Parts, flow: Flow, delivery: Delivery, failure: Failure) => {
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
  };
  await log.append(names.topics.deadLetters, [{ key, value, headers: explained }]);
  telemetry.deadLettered({ flow, stage: failure.stage, kind: failure.class, message: failure.message, key });
};

/** Nothing of the project is read until a probe gets through. Nothing of it is deleted. */
export const blockProject = async ({ state, time, telemetry }: Parts, project: string, reason: string) => {
  for (;;) {
    const read = (await state.read('projects', [project])).get(project);
    if (read?.value.blocked) return;
    const unknown = { path: '', url: undefined, visibility: 'private', groups: [], refs: [], reopened: false };
    const row: Row<'projects'> = {
      key: project,
      scope: 'projects',
      seq: (read?.seq ?? 0) + 1,
      token: time.token(),
      value: { ...(read?.value ?? unknown), blocked: { reason, at: time.now() } },
    };
    if (!(await state.swap('projects', row, read && { seq: read.seq, token: read.token }))) continue;
    telemetry.projectBlocked({ project, reason });
    return;
  }
};
