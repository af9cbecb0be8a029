import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder of its own; whoever asks for it removes it. */
export const withFolder = async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-'));
  return { path: (name: string) => join(folder, name), remove: () => rm(folder, { recursive: true, force: true }) };
};
