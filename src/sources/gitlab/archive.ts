/**
 * One archive instead of hundreds of requests. What is in it is no more than a hint: git rewrites members as attributes
 * ask, and leaves some out, so that a member goes into the cache under the id of its own bytes, and whoever looks for
 * another id does not find it there. No name in the archive is used, and nothing is unpacked by name.
 */
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { extract } from 'tar-stream';
import { messageOf, TryAgain } from '../../errors.ts';
import type { Time } from '../../ports.ts';
import { MINUTE } from '../../units.ts';
import { type BlobCache, blobId } from '../blob-cache.ts';
import { Refused, type Requests } from './requests.ts';

/** One that failed is not asked for again for so long: its blobs come one by one meanwhile. */
const FAILED_MS = 10 * MINUTE;
const REMEMBERED = 1_000;

export interface ArchivesOptions {
  readonly requests: Requests;
  readonly cache: BlobCache;
  /** Larger members are passed over. */
  readonly maxBlobBytes: number;
  /** Unpacked, of one archive: a bomb ends there. */
  readonly maxArchiveBytes: number;
  readonly time: Pick<Time, 'now'>;
  /** Its blobs are fetched one by one. */
  readonly onTrouble: (project: string, error: string) => void;
}

export interface Archives {
  /** Resolves when the cache holds what the archive of the commit could give. */
  fill(project: string, commit: string): Promise<void>;
}

export const archives = (options: ArchivesOptions): Archives => {
  const { requests, cache, maxBlobBytes, maxArchiveBytes, time, onTrouble } = options;
  const filled = new Map<string, { readonly filling: Promise<boolean>; readonly at: number }>();

  const unpack = async (project: string, commit: string) => {
    const path = `projects/${encodeURIComponent(project)}/repository/archive.tar.gz`;
    const query = { sha: commit, includeLfsBlobs: false };
    const packed = Readable.from(requests.stream(path, { query }));
    const gunzip = createGunzip();
    const members = extract();
    // An error of either side ends the other, and comes out where the members are read.
    packed.on('error', (error) => gunzip.destroy(error));
    gunzip.on('error', (error) => members.destroy(error));
    packed.pipe(gunzip).pipe(members);
    let total = 0;
    try {
      for await (const member of members) {
        const { type, size = 0 } = member.header;
        total += size;
        if (total > maxArchiveBytes) throw new TryAgain(`the archive unpacks to more than ${maxArchiveBytes} bytes`);
        if (type !== 'file' || size > maxBlobBytes) {
          member.resume();
          continue;
        }
        const parts: Uint8Array[] = [];
        for await (const part of member) parts.push(part as Uint8Array);
        const bytes = Buffer.concat(parts);
        await cache.put(blobId(bytes, commit), bytes);
      }
    } finally {
      packed.destroy();
      gunzip.destroy();
      members.destroy();
    }
  };

  const fill = async (project: string, commit: string): Promise<boolean> => {
    try {
      await unpack(project, commit);
      return true;
    } catch (error) {
      // Of the credentials and of the project the single fetches have more to say.
      if (!(error instanceof Refused)) onTrouble(project, messageOf(error));
      else onTrouble(project, `${error.message}: no archive`);
      return false;
    }
  };

  return {
    async fill(project, commit) {
      const key = `${project} ${commit}`;
      const known = filled.get(key);
      if (known && ((await known.filling) || time.now() - known.at < FAILED_MS)) return;
      const filling = fill(project, commit);
      filled.set(key, { filling, at: time.now() });
      for (const oldest of filled.keys()) {
        if (filled.size <= REMEMBERED) break;
        filled.delete(oldest);
      }
      await filling;
    },
  };
};
