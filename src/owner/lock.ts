/**
 * One process at a time in a data directory. The lock names its owner, so that others can ask it instead, and it is as
 * alive as its owner: if nobody answers there with its token, the next one takes over.
 *
 * Taking over must not be a race: two may find the same owner dead. So the files are numbered, the highest one is the
 * lock, and whoever creates the next number first has it. A number that was reached stays until a higher one is there.
 */
import { link, readdir, rename, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { codeOf, LostLock, StopFlow, TryAgain } from '../errors.ts';
import { makeDirectory, onDisk, openOwn } from '../runtime/disk.ts';
import type { Fence } from '../runtime/fence.ts';
import { jsonOrNothing } from '../runtime/json.ts';

/** An owner is a process of this machine: what is asked of it, and its token, go nowhere else. */
const ADDRESS = /^http:\/\/(?:127\.0\.0\.1|\[::1\]):\d{1,5}$/;
const ownerSchema = z.object({ pid: z.number().int(), address: z.string().regex(ADDRESS), token: z.string().min(1) });
/** `address` is where its control API listens, `token` what it answers with and what it expects from those who ask. */
export type Owner = z.infer<typeof ownerSchema>;

export interface Lock {
  /** Rejects with `LostLock` once another process has taken over, or the directory is gone: this one must write no more. */
  check(): Promise<void>;
  readonly fence: Fence;
  release(): Promise<void>;
}

export interface LockRequest {
  readonly directory: string;
  readonly owner: Owner;
  /** Whether that owner answers at its address with its token. */
  readonly alive: (owner: Owner) => Promise<boolean>;
}

const ATTEMPTS = 20;
const MAX_BYTES = 4_096;
const NAME = /^lock\.(\d+)$/;
const fileOf = (directory: string, number: number) => join(directory, `lock.${number}`);

/** Resolves to the lock, or to the owner who has it. */
export const takeLock = (request: LockRequest): Promise<{ readonly lock: Lock } | { readonly owner: Owner }> =>
  onDisk(`take the lock of ${request.directory}`, async () => {
    const { directory, owner } = request;
    await makeDirectory(directory);
    const draft = join(directory, `lock-${owner.token}.tmp`);
    await writeFile(draft, contentOf(owner), { mode: 0o600, flag: 'wx' });
    try {
      return await claim(request, draft);
    } finally {
      await unlink(draft);
    }
  });

/** Who has the lock, alive or not; `undefined` if nobody has it. */
export const lockOwner = (directory: string): Promise<Owner | undefined> =>
  onDisk(`read the lock of ${directory}`, async () => {
    const highest = (await numbers(directory)).at(-1);
    return highest === undefined ? undefined : await read(fileOf(directory, highest));
  });

const claim = async ({ directory, owner, alive }: LockRequest, draft: string) => {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const highest = (await numbers(directory)).at(-1) ?? 0;
    const holder = highest > 0 ? await read(fileOf(directory, highest)) : undefined;
    if (holder && (await alive(holder))) return { owner: holder };
    const mine = highest + 1;
    if (!(await created(draft, fileOf(directory, mine)))) continue;
    const all = await numbers(directory);
    if (all.at(-1) === mine) {
      for (const number of all) if (number < mine) await discard(fileOf(directory, number));
      return { lock: lockOf(directory, mine, owner) };
    }
    // While this process was looking, others came, went and were cleared away: its number was free again by that only.
    await discard(fileOf(directory, mine));
  }
  throw new TryAgain(`cannot take the lock of ${directory}: others take it and let it go all the time`);
};

const lockOf = (directory: string, mine: number, owner: Owner): Lock => {
  const file = fileOf(directory, mine);
  // The directory may have been removed and made again: a lock of the same number is another one then.
  const isMine = async () => (await numbers(directory)).at(-1) === mine && (await read(file))?.token === owner.token;
  return {
    async check() {
      if (await isMine()) return;
      const highest = (await numbers(directory)).at(-1);
      const other = highest === undefined ? undefined : await read(fileOf(directory, highest));
      const what =
        highest === undefined
          ? `${directory} is gone, or its lock is`
          : `process ${other?.pid ?? 'unknown, which has ended since,'} has taken over ${directory}, as this one did not answer it`;
      throw new LostLock(`${what}: process ${owner.pid} ends at once, and writes nothing more`);
    },
    fence: { file, content: contentOf(owner) },
    release: () =>
      onDisk(`release the lock of ${directory}`, async () => {
        if (!(await isMine())) return;
        const draft = join(directory, `lock-${owner.token}.tmp`);
        await writeFile(draft, RELEASED, { mode: 0o600 });
        await rename(draft, file);
      }),
  };
};

/** The number stays, so that nobody who looked before can take a lower one for free. */
const RELEASED = '{}';

const numbers = async (directory: string): Promise<number[]> =>
  (await readdir(directory).catch(nothingIfAbsent))
    .flatMap((name) => NAME.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);

/**
 * `undefined` for a lock that was released, or whose content a power cut took with everyone who could own it; and for what
 * no Tidemark of this user's has written.
 */
const read = async (file: string): Promise<Owner | undefined> => {
  try {
    const handle = await openOwn(file, 'r');
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(MAX_BYTES), 0, MAX_BYTES, 0);
      return ownerOf(buffer.toString('utf8', 0, bytesRead));
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof StopFlow || codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
};

const contentOf = (owner: Owner): string => JSON.stringify(owner);

const ownerOf = (content: string): Owner | undefined => {
  const parsed = ownerSchema.safeParse(jsonOrNothing(content));
  return parsed.success ? parsed.data : undefined;
};

/** A link appears with its content, and for one of several only. */
const created = async (draft: string, file: string): Promise<boolean> => {
  try {
    await link(draft, file);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
};

const discard = (file: string) => unlink(file).catch(nothingIfAbsent);

const nothingIfAbsent = (error: unknown): never[] => {
  if (codeOf(error) === 'ENOENT') return [];
  throw error;
};
