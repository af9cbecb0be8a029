/** Small files that a person or a configuration names: what is none is told apart before it is read. */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { KIB } from '../units.ts';

/** Configurations of a thousand projects have a third of that. */
const MAX_BYTES = 256 * KIB;

/** Throws for what is no plain file, which might never end or never begin, and for a file that is too large. */
export const readPlainFile = async (path: string | Buffer, encoding: 'utf8' | 'latin1' = 'utf8'): Promise<string> => {
  // Without it a pipe that nobody writes to would be waited for.
  const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    const stats = await file.stat();
    if (stats.isDirectory())
      throw Object.assign(new Error(`${path} is a directory, and no plain file`), { code: 'EISDIR' });
    if (!stats.isFile()) throw new Error(`${path} is a pipe or a device, and no plain file`);
    const bytes = Buffer.alloc(MAX_BYTES + 1);
    let length = 0;
    for (;;) {
      const { bytesRead } = await file.read(bytes, length, bytes.length - length);
      length += bytesRead;
      if (length > MAX_BYTES) throw new Error(`${path} has more than ${MAX_BYTES / KIB} KiB`);
      if (bytesRead === 0) return bytes.toString(encoding, 0, length);
    }
  } finally {
    await file.close();
  }
};
