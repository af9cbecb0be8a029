import { StopFlow } from '../errors.ts';
import type { Parts } from '../parts.ts';
import type { Generation } from '../ports.ts';
import { ends, hasPassed } from '../state/ends.ts';
import { alignAlias, changeGenerations, readGenerations } from '../state/generations.ts';
import { filePaths } from '../state/hints.ts';
import { ledgerPages, pages, rows } from '../state/pages.ts';
import { DAY, SECOND } from '../units.ts';

const LOOK_EVERY_MS = 1 * SECOND;
const BEHIND_MS = 1 * SECOND;
/** What the cut lacks is filed once; again only if nothing has come of that. */
const FILE_AGAIN_MS = 600 * SECOND;

export interface Reindex {
  readonly name: string;
  readonly dimensions: number;
  /** Swap even if more documents failed than in the active generation. */
  readonly acceptFailures: boolean;
}

/** What has become of it. `left`: told to stop, or somebody else has moved the alias. */
export type Reindexed = 'moved' | 'left' | { readonly failed: number; readonly failedBefore: number };

/**
 * Builds a generation beside the active one and moves the alias when it is as good: a cut of all refs is noted, and the
 * new generation has every want up to it, or the want was overtaken. What the cut lacks is filed once. It ends also when
 * more documents have failed than before, which no waiting mends. Run again, also after a crash, it goes on.
 */
export const reindex = async (
  parts: Parts,
  { name, dimensions, acceptFailures }: Reindex,
  stop: AbortSignal,
): Promise<Reindexed> => {
  await changeGenerations(parts, (now) => (now.active === name ? undefined : { ...now, building: name }));
  await parts.store.create(name, dimensions);
  const filed = new Map<string, number>();
  const { topics, groups } = parts.names;
  let cut: Cut | undefined;
  while (!stop.aborted) {
    const row = (await readGenerations(parts))?.value;
    if (!row || row.active === name) break;
    if (row.building !== name) throw new StopFlow(`generation ${name} was abandoned for ${row.building}`);
    cut ??= await noteCut(parts);
    if (await hasPassed(parts, topics.documents, groups.index(name), cut.documents)) {
      const candidate = { name, active: row.active, cut, filed };
      if (await isReady(parts, candidate)) {
        const failed = await failures(parts.store.generation(name));
        const failedBefore = await failures(parts.store.generation(row.active));
        if (!acceptFailures && failed > failedBefore) return { failed, failedBefore };
        await swap(parts, name);
        return 'moved';
      }
      cut = undefined;
    }
    await parts.time.sleep(LOOK_EVERY_MS, stop);
  }
  return 'left';
};

/** The previous generation was fed all along, so this is instant. */
export const rollback = async (parts: Parts): Promise<string> => {
  const { previous } = (await readGenerations(parts))?.value ?? {};
  if (!previous) throw new StopFlow('there is no previous generation to roll back to');
  await swap(parts, previous.name);
  return previous.name;
};

/** The row first: whoever starts in between brings the alias to it. */
const swap = async (parts: Parts, name: string): Promise<void> => {
  const until = parts.time.now() + DAY;
  const now = await changeGenerations(parts, ({ active, building }) =>
    active === name
      ? undefined
      : { active: name, building: building === name ? undefined : building, previous: { name: active, until } },
  );
  await alignAlias(parts);
  parts.telemetry.generationActive({ name, previous: now?.previous?.name });
};

/** A moment that the new generation is held against: each ref's seq, and the end of `documents`. */
interface Cut {
  readonly refs: ReadonlyMap<string, number>;
  readonly documents: readonly number[];
}

const noteCut = async (parts: Parts): Promise<Cut> => {
  const refs = new Map<string, number>();
  for await (const { key, seq } of rows(parts.state, 'refs', 'refs')) refs.set(key, seq);
  const [documents = []] = await ends(parts, [parts.names.topics.documents]);
  return { refs, documents };
};

interface Candidate {
  readonly name: string;
  readonly active: string;
  readonly cut: Cut;
  /** When what was lacking was filed. */
  readonly filed: Map<string, number>;
}

const isReady = async (parts: Parts, { name, active, cut, filed }: Candidate): Promise<boolean> => {
  const { log, names, store } = parts;
  const { topics, groups } = names;
  const generation = store.generation(name);
  const lacking = await lackingAt(parts, generation, cut.refs);
  const now = parts.time.now();
  const fresh = [...lacking].filter((document) => now - (filed.get(document) ?? 0) >= FILE_AGAIN_MS);
  await filePaths(parts, 'reindex', fresh);
  for (const document of fresh) filed.set(document, now);
  if (lacking.size > 0) return false;
  const within = (of: string) => log.within(topics.documents, groups.index(of), BEHIND_MS);
  return (await within(name)) || !(await within(active));
};

/** Documents whose want up to the cut the generation has not reached; and those it has that no want asks for. */
const lackingAt = async (
  parts: Parts,
  generation: Generation,
  cut: ReadonlyMap<string, number>,
): Promise<Set<string>> => {
  const lacking = new Set<string>();
  for (const [ref, seq] of cut) {
    for await (const page of pages(parts.state, 'wants', ref)) {
      const wants = page.filter((want) => want.seq <= seq);
      const ledger = await generation.ledger(wants.map(({ key }) => key));
      for (const want of wants) {
        const entry = ledger.get(want.key);
        const reached = entry !== undefined && entry.seq >= want.seq && entry.blob === want.value.blob;
        // What is gone and was never there is as it should be.
        if (!reached && !(entry === undefined && want.value.blob === null)) lacking.add(want.key);
      }
    }
  }
  for await (const page of ledgerPages(generation)) {
    const live = page.filter(({ status }) => status !== 'gone');
    const wants = await parts.state.read(
      'wants',
      live.map(({ document }) => document),
    );
    for (const { document } of live) if (!wants.has(document)) lacking.add(document);
  }
  return lacking;
};

const failures = async (generation: Generation): Promise<number> => {
  let failed = 0;
  for await (const page of ledgerPages(generation)) failed += page.filter(({ status }) => status === 'failed').length;
  return failed;
};
