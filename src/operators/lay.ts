import { sourceCalls } from '../calls/source.ts';
import type { Parts } from '../parts.ts';
import { GONE, type Row, type TreeDifference, type TreeEntry } from '../ports.ts';
import { type Change, documentKey, encode, type RefId, refKey, type Want } from '../records.ts';
import { activeGeneration } from '../state/generations.ts';

/** A file as its document should be. If an event `named` it, it is planned whatever the want and the ledger say. */
export type FileTarget = TreeDifference & { readonly named: boolean };

export interface Differing {
  readonly id: RefId;
  readonly seq: number;
  readonly targets: readonly FileTarget[];
  /** Must be false beside an open sweep: one of its pages, older than this plan, would bring back an older blob. */
  readonly leaveAlone: boolean;
}

const gone = (target: FileTarget): FileTarget => ({ path: target.path, type: GONE, blob: null, named: target.named });

export interface Differs {
  readonly planned: readonly FileTarget[];
  /** The seqs of the wants of documents that are there and as they should be. */
  readonly leftAlone: readonly number[];
}

/**
 * Which of the targets are to be planned. A document is left alone only if its want is the same and the active ledger
 * has reached it: a want alone may be the trace of a plan that never got to its changes.
 */
export const differing = async (parts: Parts, { id, seq, targets, leaveAlone }: Differing): Promise<Differs> => {
  const { state, store, rules, selected } = parts;
  const keys = targets.map(({ path }) => documentKey({ ...id, path }));
  if (keys.length === 0) return { planned: [], leftAlone: [] };
  const active = await activeGeneration(parts);
  const [wants, ledger] = await Promise.all([
    state.read('wants', keys),
    active === undefined ? undefined : store.generation(active).ledger(keys),
  ]);
  const planned: FileTarget[] = [];
  const leftAlone: number[] = [];
  for (const [index, raw] of targets.entries()) {
    const key = keys[index] as string;
    const want = wants.get(key)?.value;
    const target = selected(raw.path) ? raw : gone(raw);
    if (!want && target !== raw && !target.named) continue;
    if (want && want.seq > seq) continue;
    const same = want?.type === target.type && want.blob === target.blob && want.rules === rules;
    const reached = want !== undefined && (ledger?.get(key)?.seq ?? -1) >= want.seq;
    if (leaveAlone && same && reached && !target.named) {
      if (target.blob !== null) leftAlone.push(want.seq);
      continue;
    }
    planned.push(target);
  }
  return { planned: await sized(parts, id, planned), leftAlone };
};

/** Sizes are read only for files that are to be fetched, and before anything is written. */
const sized = async (parts: Parts, id: RefId, targets: readonly FileTarget[]): Promise<readonly FileTarget[]> => {
  const there = targets.filter((target): target is TreeEntry & { named: boolean } => target.blob !== null);
  if (there.length === 0) return targets;
  const entries = await sourceCalls(parts, id)((port) => port.sized(id.project, there));
  const sizes = new Map(entries.map(({ path, size }) => [path, size]));
  return targets.map((target) => {
    const size = sizes.get(target.path);
    return target.blob === null || size === undefined ? target : { ...target, size };
  });
};

export interface Laying {
  readonly id: RefId;
  readonly seq: number;
  readonly commit: string;
  readonly runs: readonly string[];
  readonly targets: readonly FileTarget[];
  /** Deletions are live in any case. */
  readonly lane: 'live' | 'backfill';
  readonly stillOurs: () => Promise<boolean>;
}

/**
 * Wants before changes: whoever meets a change finds its want, and an older plan that wakes up late finds that it was
 * overtaken before it appends. `false` when this plan was overtaken itself.
 */
export const lay = async (parts: Parts, laying: Laying): Promise<boolean> => {
  const { state, log, names, rules } = parts;
  const { id, seq, commit, runs, targets, lane, stillOurs } = laying;
  const scope = refKey(id);
  const rows = targets.map(({ path, type, blob }): Row<'wants'> => {
    const key = documentKey({ ...id, path });
    const value: Want = { document: key, type, blob, rules, seq };
    return { key, scope, seq, token: '', value };
  });
  if (rows.length > 0) await state.raise('wants', rows);
  if (!(await stillOurs())) return false;

  const together = targets.filter(({ blob }) => blob !== null).length;
  const live: Change[] = [];
  const backfill: Change[] = [];
  for (const target of targets) {
    const { path, type, blob } = target;
    const size = 'size' in target && target.size !== undefined ? { size: target.size } : {};
    const change = {
      v: 1 as const,
      document: documentKey({ ...id, path }),
      type,
      blob,
      ...size,
      ...(blob === null ? {} : { together }),
      rules,
      seq,
      runs,
      commit,
    };
    (lane === 'live' || blob === null ? live : backfill).push(change);
  }
  const append = async (topic: string, changes: readonly Change[]) => {
    if (changes.length === 0) return;
    await log.append(
      topic,
      changes.map((change) => ({ key: change.document, value: encode(change) })),
    );
  };
  await append(names.topics.changes, live);
  await append(names.topics.changesBackfill, backfill);
  return true;
};
