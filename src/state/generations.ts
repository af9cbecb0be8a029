import type { Parts } from '../parts.ts';
import type { Row } from '../ports.ts';
import type { GenerationsRow } from '../records.ts';
import { update } from './update.ts';

const KEY = 'generations';

export const readGenerations = async ({ state }: Parts): Promise<Row<'generations'> | undefined> =>
  (await state.read('generations', [KEY])).get(KEY);

/** The generation that answers. The row is the truth, and the alias follows it. */
export const activeGeneration = async (parts: Parts): Promise<string | undefined> =>
  (await readGenerations(parts))?.value.active;

/**
 * Brings the alias to where the row says. The clock calls it from time to time as well: a process that was frozen in the
 * middle of this, and wakes up after a reindex, moves the alias back to the old generation.
 */
export const alignAlias = async (parts: Parts): Promise<void> => {
  const active = await activeGeneration(parts);
  if (active !== undefined && (await parts.store.active()) !== active) await parts.store.activate(active);
};

/** Changes the row, or leaves it where `change` answers `undefined`. Resolves to what stands. */
export const changeGenerations = async (
  parts: Parts,
  change: (now: GenerationsRow) => GenerationsRow | undefined,
): Promise<GenerationsRow | undefined> => {
  const { after } = await update(parts, 'generations', KEY, (row) => row && change(row));
  return after?.value;
};

/** The generations that index keeps in step: those that the row names and the store has. */
export const generationsKeptInStep = async (parts: Parts): Promise<readonly string[]> => {
  const row = (await readGenerations(parts))?.value;
  if (!row) return [];
  const { active, building, previous } = row;
  const there = new Set(await parts.store.generations());
  const kept = [active, building, previous?.name].filter((name) => name !== undefined);
  return [...new Set(kept)].filter((name) => there.has(name));
};

/** Ignores a fault of the work if its generation was dropped meanwhile, as when this process was frozen for long. */
export const whileKeptInStep = async (parts: Parts, name: string, work: () => Promise<void>): Promise<void> => {
  try {
    await work();
  } catch (error) {
    if ((await generationsKeptInStep(parts)).includes(name)) throw error;
  }
};
