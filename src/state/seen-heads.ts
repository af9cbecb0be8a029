/**
 * Where branches were when their source was last asked for all of them, by the process that has asked: so that who looks
 * how far the index is need not ask it again.
 */
import type { Parts } from '../parts.ts';
import { projectKey, type RefId } from '../records.ts';

export interface SeenHeads {
  /** Unix milliseconds. */
  readonly at: number;
  readonly heads: ReadonlyMap<string, string>;
}

const seenBy = new WeakMap<Parts, Map<string, SeenHeads>>();

export const noteHeads = (
  parts: Parts,
  id: Pick<RefId, 'instance' | 'project'>,
  heads: ReadonlyMap<string, string>,
): void => {
  const seen = seenBy.get(parts) ?? new Map<string, SeenHeads>();
  seenBy.set(parts, seen.set(projectKey(id), { at: parts.time.now(), heads }));
};

export const seenHeads = (parts: Parts, project: string): SeenHeads | undefined => seenBy.get(parts)?.get(project);
