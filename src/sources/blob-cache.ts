/**
 * Blobs on disk, by their git object id, which each is held against whenever it comes in or out: whatever a file is
 * called and wherever it came from, its content is the blob's or it is not there. The ones that were used longest ago
 * give way. Nothing depends on it: what is lost is fetched again.
 */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const SHA1_HEX = 40;
const NAME = /^[0-9a-f]{40}(?:[0-9a-f]{24})?$/;

/** The id that git gives these bytes, in a repository whose ids are as long as that one. */
export const blobId = (bytes: Uint8Array, like: string): string =>
  createHash(like.length === SHA1_HEX ? 'sha1' : 'sha256')
    .update(`blob ${bytes.length}\0`)
    .update(bytes)
    .digest('hex');

export interface BlobCache {
  get(blob: string): Promise<Uint8Array | undefined>;
  /** Does nothing for bytes that are not the blob's. */
  put(blob: string, bytes: Uint8Array): Promise<void>;
}

export interface BlobCacheOptions {
  readonly directory: string;
  readonly maxBytes: number;
  /** A disk that is full or fails costs time and nothing else. */
  readonly onTrouble: (error: unknown) => void;
}

export const blobCache = ({ directory, maxBytes, onTrouble }: BlobCacheOptions): BlobCache => {
  /** In the order of their last use. */
  const sizes = new Map<string, number>();
  let total = 0;
  let writes = 0;
  let opening: Promise<void> | undefined;

  const fileOf = (blob: string) => join(directory, blob.slice(0, 2), blob);

  const open = async () => {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const found: { readonly blob: string; readonly size: number; readonly usedAt: number }[] = [];
    for (const folder of await readdir(directory)) {
      for (const blob of await readdir(join(directory, folder))) {
        const file = join(directory, folder, blob);
        // A write that was not finished.
        if (!NAME.test(blob)) await rm(file, { force: true });
        else {
          const { size, mtimeMs } = await stat(file);
          found.push({ blob, size, usedAt: mtimeMs });
        }
      }
    }
    for (const { blob, size } of found.sort((a, b) => a.usedAt - b.usedAt)) add(blob, size);
  };

  const add = (blob: string, size: number) => {
    total += size - (sizes.get(blob) ?? 0);
    sizes.delete(blob);
    sizes.set(blob, size);
  };

  const drop = async (blob: string) => {
    total -= sizes.get(blob) ?? 0;
    sizes.delete(blob);
    await rm(fileOf(blob), { force: true });
  };

  const trying = async <T>(work: () => Promise<T>): Promise<T | undefined> => {
    try {
      opening ??= open();
      await opening;
      return await work();
    } catch (error) {
      opening = undefined;
      onTrouble(error);
      return undefined;
    }
  };

  return {
    get: (blob) =>
      trying(async () => {
        const size = sizes.get(blob);
        if (size === undefined) return undefined;
        // Somebody may have removed the file, or a power cut its content.
        const bytes = await readFile(fileOf(blob)).catch(() => undefined);
        if (!bytes || blobId(bytes, blob) !== blob) {
          await drop(blob);
          return undefined;
        }
        add(blob, size);
        const now = new Date();
        await utimes(fileOf(blob), now, now);
        return bytes;
      }),

    async put(blob, bytes) {
      await trying(async () => {
        if (!NAME.test(blob) || sizes.has(blob) || bytes.length > maxBytes || blobId(bytes, blob) !== blob) return;
        const file = fileOf(blob);
        writes += 1;
        const unfinished = `${file}.${process.pid}.${writes}`;
        await mkdir(join(directory, blob.slice(0, 2)), { recursive: true, mode: 0o700 });
        await writeFile(unfinished, bytes, { mode: 0o600 });
        await rename(unfinished, file);
        add(blob, bytes.length);
        for (const oldest of sizes.keys()) {
          if (total <= maxBytes) break;
          await drop(oldest);
        }
      });
    },
  };
};
