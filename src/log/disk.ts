/** What the log does to the disk, with errors that name the reaction. */
import { type FileHandle, mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isKnown, messageOf, StopFlow, TryAgain } from '../errors.ts';

/** A person can free space, and handles come back; the same call may succeed then. Of anything else nothing is known. */
const PASSING = new Set(['ENOSPC', 'EDQUOT', 'EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN', 'EBUSY', 'EINTR']);

export const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';

export const diskError = (action: string, cause: unknown): Error => {
  if (isKnown(cause)) return cause;
  const message = `cannot ${action}: ${messageOf(cause)}`;
  return PASSING.has(codeOf(cause)) ? new TryAgain(message, { cause }) : new StopFlow(message, { cause });
};

export const onDisk = async <T>(action: string, work: () => Promise<T>): Promise<T> => {
  try {
    return await work();
  } catch (error) {
    throw diskError(action, error);
  }
};

/** A name in a directory survives a power cut only once the directory itself is written. */
export const syncDirectory = async (directory: string): Promise<void> => {
  // Windows opens no directories, and writes names through its own journal.
  if (process.platform === 'win32') return;
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
};

/** Its name is durable afterwards, also if an earlier attempt had made it and came no further. */
export const makeDirectory = async (directory: string): Promise<void> => {
  const highest = (await mkdir(directory, { recursive: true })) ?? directory;
  for (let made = directory; ; made = dirname(made)) {
    await syncDirectory(dirname(made));
    if (made === highest || made === dirname(made)) return;
  }
};

/** Either the whole old content or the whole new one is there, whenever the process or the machine stops. */
export const replaceFile = async (file: string, content: string): Promise<void> => {
  const draft = `${file}.tmp`;
  const handle = await open(draft, 'w');
  try {
    await handle.writeFile(content);
    await handle.datasync();
  } finally {
    await handle.close();
  }
  await rename(draft, file);
  await syncDirectory(dirname(file));
};

export const readIfThere = async (file: string): Promise<string | undefined> => {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
};

/** The kernel may write less than it was asked to, above all on a disk that is nearly full. */
export const writeAll = async (file: FileHandle, bytes: Buffer, position: number): Promise<void> => {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
};

/** Reads until the buffer is full; resolves to how much there was. */
export const readAll = async (file: FileHandle, bytes: Buffer, position: number): Promise<number> => {
  let done = 0;
  while (done < bytes.length) {
    const { bytesRead } = await file.read(bytes, done, bytes.length - done, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return done;
};
