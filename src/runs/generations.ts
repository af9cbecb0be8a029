import type { Parts } from '../parts.ts';
import type { Row } from '../ports.ts';
import type { GenerationsRow } from '../records.ts';

const KEY = 'generations';

export const readGenerations = async ({ state }: Parts): Promise<Row<'generations'> | undefined> =>
  (await state.read('generations', [KEY])).get(KEY);

/** Changes the row, or leaves it where `change` answers `undefined`. Resolves to what stands. */
export const changeGenerations = async (
  parts: Parts,
  change: (now: GenerationsRow) => GenerationsRow | undefined,
): Promise<GenerationsRow | undefined> => {
  for (;;) {
    const read = await readGenerations(parts);
    const value = read && change(read.value);
    if (!read || !value) return read?.value;
    const row = { ...read, seq: read.seq + 1, token: parts.time.token(), value };
    if (await parts.state.swap('generations', row, { seq: read.seq, token: read.token })) return value;
  }
};

/** The generations that index keeps in step: those that the row names and the store has. */
export const fedGenerations = async (parts: Parts): Promise<readonly string[]> => {
  const row = (await readGenerations(parts))?.value;
  if (!row) return [];
  const { active, building, previous } = row;
  const there = new Set(await parts.store.generations());
  const fed = [active, building, previous?.name].filter((name) => name !== undefined);
  return [...new Set(fed)].filter((name) => there.has(name));
};
