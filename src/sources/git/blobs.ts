import { BlockProject, DeadLetter, StopFlow, TryAgain } from '../../errors.ts';
import type { TreeEntry } from '../../ports.ts';
import type { GitObject } from './objects.ts';
import type { Repository } from './repository.ts';
import { isSubmodule } from './trees.ts';

/** So many failures in one call are not the blobs' fault: the others are not tried any more. */
const FAILURES = 8;
const AHEAD_COUNT = 256;

export interface BlobsOptions {
  readonly maxBlobBytes: number;
  readonly aheadBytes: number;
}

type Outcome =
  | { readonly id: string; readonly found: GitObject | undefined }
  | { readonly id: string; readonly error: unknown };

/**
 * Reads ahead of whoever takes them up to `aheadBytes`, or one blob that is larger. A blob that cannot be read keeps
 * none of the others back: it is told as an error when all others have been given out.
 */
export async function* readBlobs(
  { blob, renewBlobs, facts }: Repository,
  entries: readonly TreeEntry[],
  { maxBlobBytes, aheadBytes }: BlobsOptions,
): AsyncGenerator<{ readonly blob: string; readonly bytes: Uint8Array }> {
  const failures: unknown[] = [];
  /** Size by id. What a submodule's entry names is a commit, in another repository. */
  const wanted = new Map<string, number>();
  const unknown = new Set<string>();
  for (const { type, blob: id, size } of entries) {
    if (isSubmodule(type)) continue;
    if (size === undefined) unknown.add(id);
    else wanted.set(id, size);
  }

  /** Adds what is there for certain. */
  const consult = async (ids: readonly string[]) => {
    for (const [id, fact] of await facts(ids)) {
      if (fact instanceof Error) failures.push(fact);
      else if (fact.type === 'blob') wanted.set(id, fact.size);
    }
  };

  async function* read(ids: Iterable<string>, missed: string[]) {
    const ahead: { readonly size: number; readonly outcome: Promise<Outcome> }[] = [];
    let aheadSize = 0;

    const next = async () => {
      const first = ahead.shift();
      if (!first) return undefined;
      aheadSize -= first.size;
      const outcome = await first.outcome;
      if ('error' in outcome) failures.push(outcome.error);
      else if (!outcome.found) missed.push(outcome.id);
      else if (outcome.found.type === 'blob') return { blob: outcome.id, bytes: outcome.found.bytes };
      return undefined;
    };

    for (const id of ids) {
      const size = wanted.get(id) ?? 0;
      if (size > maxBlobBytes) {
        failures.push(new DeadLetter('too_large', `blob ${id} has ${size} bytes, more than ${maxBlobBytes}`));
        continue;
      }
      while (ahead.length > 0 && (aheadSize + size > aheadBytes || ahead.length >= AHEAD_COUNT)) {
        const given = await next();
        if (given) yield given;
      }
      if (failures.length >= FAILURES) break;
      aheadSize += size;
      // Never rejects: nobody waits for it yet.
      const outcome = blob(id).then(
        (found): Outcome => ({ id, found }),
        (error: unknown): Outcome => ({ id, error }),
      );
      ahead.push({ size, outcome });
    }
    while (ahead.length > 0) {
      const given = await next();
      if (given) yield given;
    }
  }

  await consult([...unknown].filter((id) => !wanted.has(id)));
  const missed: string[] = [];
  yield* read([...wanted.keys()], missed);

  // The process may be older than a repack. Only a blob that a new one does not find either is not there.
  if (missed.length > 0) {
    for (const id of missed) wanted.delete(id);
    await consult(missed);
    const there = missed.filter((id) => wanted.has(id));
    if (there.length > 0) renewBlobs();
    const never: string[] = [];
    yield* read(there, never);
    for (const id of never) failures.push(new TryAgain(`git has blob ${id} and does not give it`));
  }

  const first = (kind: typeof StopFlow | typeof BlockProject) => failures.find((error) => error instanceof kind);
  const worst = first(StopFlow) ?? first(BlockProject) ?? failures[0];
  if (worst !== undefined) throw worst;
}
