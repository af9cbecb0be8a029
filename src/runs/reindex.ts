import { filePaths } from '../clock/orphans.ts';
import { ends, untilPassed } from '../clock/passed.ts';
import { ledgerPages, pages, rows } from '../clock/rows.ts';
import { StopFlow } from '../errors.ts';
import type { Parts } from '../parts.ts';
import type { Generation } from '../ports.ts';
import { changeGenerations, readGenerations } from './generations.ts';

const SECOND = 1_000;
const DAY = 24 * 60 * 60 * SECOND;
const LOOK_EVERY_MS = 1 * SECOND;
const BEHIND_MS = 1 * SECOND;

export interface Reindex {
  readonly name: string;
  readonly dimensions: number;
  /** Swap even if more documents failed than in the active generation. */
  readonly acceptFailures: boolean;
}

/**
 * Builds a generation beside the active one and moves the alias when it is as good: a cut of all refs is noted, and the
 * new generation has every want up to it, or the want was overtaken. What the cut lacks is filed once. Resolves to
 * whether the alias has moved; run again after a crash it goes on.
 */
export const reindex = async (
  parts: Parts,
  { name, dimensions, acceptFailures }: Reindex,
  stop: AbortSignal,
): Promise<boolean> => {
  await changeGenerations(parts, (now) => (now.active === name ? undefined : { ...now, building: name }));
  await parts.store.create(name, dimensions);
  const filed = new Map<string, number>();
  while (!stop.aborted) {
    const row = (await readGenerations(parts))?.value;
    if (!row || row.active === name) break;
    if (row.building !== name) throw new StopFlow(`generation ${name} was abandoned for ${row.building}`);
    if (await isReady(parts, name, row.active, acceptFailures, filed, stop)) {
      await swap(parts, name);
      return true;
    }
    await parts.time.sleep(LOOK_EVERY_MS, stop);
  }
  return false;
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
  await parts.store.activate(name);
  parts.telemetry.generationActive({ name, previous: now?.previous?.name });
};

const isReady = async (
  parts: Parts,
  name: string,
  active: string,
  acceptFailures: boolean,
  filed: Map<string, number>,
  stop: AbortSignal,
): Promise<boolean> => {
  const { log, names, store } = parts;
  const { topics, groups } = names;
  const generation = store.generation(name);
  const cut = new Map<string, number>();
  for await (const { key, seq } of rows(parts.state, 'refs', 'refs')) cut.set(key, seq);
  const [documents = []] = await ends(parts, [topics.documents]);
  await untilPassed(parts, topics.documents, groups.index(name), documents, stop);
  if (stop.aborted) return false;

  const lacking = await lackingAt(parts, generation, cut);
  const fresh = [...lacking].filter(([document, seq]) => filed.get(document) !== seq);
  await filePaths(
    parts,
    'reindex',
    fresh.map(([document]) => document),
  );
  for (const [document, seq] of fresh) filed.set(document, seq);
  if (lacking.size > 0) return false;
  if (!acceptFailures && (await failures(generation)) > (await failures(store.generation(active)))) return false;
  const within = (of: string) => log.within(topics.documents, groups.index(of), BEHIND_MS);
  return (await within(name)) || !(await within(active));
};

/** Documents, by seq, whose want up to the cut the generation has not reached; and those it has that no want asks for. */
const lackingAt = async (
  parts: Parts,
  generation: Generation,
  cut: ReadonlyMap<string, number>,
): Promise<Map<string, number>> => {
  const lacking = new Map<string, number>();
  for (const [ref, seq] of cut) {
    for await (const page of pages(parts.state, 'wants', ref)) {
      const wants = page.filter((want) => want.seq <= seq);
      const ledger = await generation.ledger(wants.map(({ key }) => key));
      for (const want of wants) {
        const entry = ledger.get(want.key);
        const reached = entry !== undefined && entry.seq >= want.seq && entry.blob === want.value.blob;
        // What is gone and was never there is as it should be.
        if (!reached && !(entry === undefined && want.value.blob === null)) lacking.set(want.key, want.seq);
      }
    }
  }
  for await (const page of ledgerPages(generation)) {
    const live = page.filter(({ status }) => status !== 'gone');
    const wants = await parts.state.read(
      'wants',
      live.map(({ document }) => document),
    );
    for (const { document, seq } of live) if (!wants.has(document)) lacking.set(document, seq);
  }
  return lacking;
};

const failures = async (generation: Generation): Promise<number> => {
  let failed = 0;
  for await (const page of ledgerPages(generation)) failed += page.filter(({ status }) => status === 'failed').length;
  return failed;
};
