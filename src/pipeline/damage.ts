/** What of a pipeline's directory is not what was written there, and setting it aside. For whoever holds the lock. */
import { mkdir, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { codeOf, Damaged } from '../errors.ts';
import { isWhole, topicDirectory } from '../log/embedded/embedded.ts';
import { checkStore } from '../sinks/embedded/check.ts';
import { type EngineOptions, findingsOfLog, logDirectory, openLog, openStore, storeFile } from './engines.ts';

export interface Damage {
  readonly part: 'store' | 'log';
  readonly finding: string;
}

export const damageOf = async (options: EngineOptions): Promise<readonly Damage[]> => [
  ...(options.config.store.kind === 'embedded' ? await ofStore(options) : []),
  ...(options.config.log.kind === 'embedded' ? await ofLog(options) : []),
];

const ofStore = async (options: EngineOptions): Promise<readonly Damage[]> => {
  const { findings } = await checkStore(storeFile(options.directory), { how: 'whole' });
  const found = findings.length > 0 ? findings : await findingsIn(async () => (await openStore(options)).close());
  return found.map((finding) => ({ part: 'store', finding }));
};

const ofLog = async (options: EngineOptions): Promise<readonly Damage[]> => {
  const found: string[] = [];
  const opening = await findingsIn(async () => {
    const log = await openLog(options);
    found.push(...(await findingsOfLog(log, options.names)));
    await log.close();
  });
  return [...opening, ...found].map((finding) => ({ part: 'log', finding }));
};

const findingsIn = async (work: () => Promise<void>): Promise<readonly string[]> => {
  try {
    await work();
    return [];
  } catch (error) {
    if (error instanceof Damaged) return [error.finding];
    throw error;
  }
};

/** Moves what is damaged there. Dead letters stay where they are as long as all of them can be read: nobody else has them. */
export const setAside = async (
  { directory, names }: Pick<EngineOptions, 'directory' | 'names'>,
  damage: readonly Damage[],
  place: string,
): Promise<void> => {
  await mkdir(place, { recursive: true, mode: 0o700 });
  if (damage.some(({ part }) => part === 'store')) {
    const file = storeFile(directory);
    for (const end of ['', '-wal', '-shm']) await moved(`${file}${end}`, join(place, `store.db${end}`));
  }
  if (damage.some(({ part }) => part === 'log')) {
    const log = logDirectory(directory);
    const aside = join(place, 'log');
    await moved(log, aside);
    const letters = topicDirectory(aside, names.topics.deadLetters);
    if (await isWhole(letters)) await moved(letters, topicDirectory(log, names.topics.deadLetters));
  }
};

const moved = async (from: string, to: string): Promise<void> => {
  await mkdir(dirname(to), { recursive: true, mode: 0o700 });
  try {
    await rename(from, to);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
};

/** A name that sorts by time, and that every file system takes. */
export const asideAt = (now: number): string => `damaged-${new Date(now).toISOString().replace(/[:.]/g, '-')}`;
