import { TryAgain } from '../../errors.ts';
import type { Time } from '../../ports.ts';
import { SECOND } from '../../units.ts';
import type { Glance, Refs } from './refs.ts';

/** A branch that is a symbolic ref to another one moves without a trace in its own files. */
const CERTAIN_MS = 30 * SECOND;
/** Until nothing moves while it is looked. */
const STEADY_LOOKS = 3;
const PATIENCE_MS = 10 * SECOND;

export interface RefChange {
  readonly ref: string;
  /** `null` where the ref was not there, or nothing was known yet; the same as `after` where it has come back. */
  readonly before: string | null;
  readonly after: string | null;
}

export interface Watch {
  /** Refs that somebody else may have told of before the first look. Asked after it: one that is gone by then is told. */
  tracked(): Promise<readonly string[]>;
  /** A change counts as told once this has resolved. Until then it is told again, with the newest head. */
  onChange(change: RefChange): Promise<void> | void;
  /** The refs cannot be read for now. */
  onTrouble(error: TryAgain): void;
  readonly signal: AbortSignal;
  readonly pollMs?: number;
}

const isWritten = (one: Glance, other: Glance, ref: string) =>
  one.common !== other.common || one.written.get(ref) !== other.written.get(ref);

const isSame = (one: Glance, other: Glance) =>
  one.all === other.all &&
  one.common === other.common &&
  [...one.written].every(([ref, mark]) => other.written.get(ref) === mark);

/**
 * Tells every ref once at first, since nobody knows what happened before, and then whenever it moves, until the signal
 * aborts. Heads that follow each other within one poll are told as one change.
 */
export const watchRefs = async (refs: () => Promise<Refs>, time: Time, watch: Watch) => {
  const { tracked, onChange, onTrouble, signal, pollMs = 500 } = watch;
  const told = new Map<string, string>();
  let seen: Glance | undefined;
  let lookedAt = Number.NEGATIVE_INFINITY;
  let failures = 0;

  const look = async () => {
    const { glance, followed } = await refs();
    // Before the look itself: what moves in between is found by the next one.
    let glanced = await glance();
    if (seen && isSame(glanced, seen) && time.now() - lookedAt < CERTAIN_MS) return;
    let found = await followed();
    for (let again = 0; again < STEADY_LOOKS; again += 1) {
      const after = await glance();
      if (isSame(after, glanced)) break;
      glanced = after;
      found = await followed();
    }
    // Whoever was told of this head may have read another one since, before it came back.
    const before = seen;
    const cameBack = (ref: string) => before !== undefined && isWritten(before, glanced, ref);
    const fromOthers = seen ? [] : await tracked();
    for (const ref of new Set([...found.keys(), ...told.keys(), ...fromOthers])) {
      const known = told.get(ref) ?? null;
      const after = found.get(ref) ?? null;
      if (known === after && !cameBack(ref) && !fromOthers.includes(ref)) continue;
      await onChange({ ref, before: known, after });
      if (after === null) told.delete(ref);
      else told.set(ref, after);
    }
    seen = glanced;
    lookedAt = time.now();
  };

  while (!signal.aborted) {
    try {
      await look();
      failures = 0;
    } catch (error) {
      if (!(error instanceof TryAgain)) throw error;
      failures += 1;
      onTrouble(error);
    }
    await time.sleep(Math.min(Math.max(PATIENCE_MS, pollMs), pollMs * 2 ** failures), signal);
  }
};
