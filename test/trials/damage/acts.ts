/** What a disk does to a file, by chance that a seed tells. */
import { readFile, truncate, unlink, writeFile } from 'node:fs/promises';
import type { Random } from '../sim/random.ts';

export type Act = (file: string, chance: Random) => Promise<string>;

/** Bytes that are no longer what was written. */
export const flip: Act = async (file, chance) => {
  const bytes = await readFile(file);
  const count = 1 + chance.below(8);
  for (let i = 0; i < count && bytes.length > 0; i += 1) {
    const at = chance.below(bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ (1 + chance.below(255));
  }
  await writeFile(file, bytes);
  return `${count} bytes flipped`;
};

/** A sector, or what a file system gives for one that it has lost. */
export const blank: Act = async (file, chance) => {
  const bytes = await readFile(file);
  const at = chance.below(Math.max(1, bytes.length));
  bytes.fill(0, at, Math.min(at + 512, bytes.length));
  await writeFile(file, bytes);
  return `512 bytes blanked at ${at}`;
};

export const cut: Act = async (file, chance) => {
  const { length } = await readFile(file);
  const left = chance.below(Math.max(1, length));
  await truncate(file, left);
  return `cut to ${left} of ${length} bytes`;
};

export const remove: Act = async (file) => {
  await unlink(file);
  return 'removed';
};
