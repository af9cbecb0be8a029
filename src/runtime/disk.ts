/** What the log does to the disk, with errors that name the reaction. */
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { codeOf, isKnown, messageOf, StopFlow, TryAgain } from '../errors.ts';

/** A person can free space, and handles come back; the same call may succeed then. Of anything else nothing is known. */
const PASSING = new Set(['ENOSPC', 'EDQUOT', 'EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN', 'EBUSY', 'EINTR']);

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

/** Windows has no users of this kind. */
const user = process.geteuid?.();
/** Without them a link is followed to somebody else's file, and a pipe is waited for. Windows knows neither. */
const UNTRICKED = (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
const { O_APPEND, O_CREAT, O_RDONLY, O_RDWR, O_WRONLY } = constants;
const FLAGS = {
  r: O_RDONLY,
  'r+': O_RDWR,
  // Emptied only once it is known whose it is.
  w: O_WRONLY | O_CREAT,
  a: O_WRONLY | O_CREAT | O_APPEND,
} as const;

/**
 * Opens a plain file of this user's, which nobody else may read when it is made here. Rejects with `StopFlow` where a
 * link, a pipe or somebody else's file stands in its place.
 */
export const openOwn = async (file: string, how: keyof typeof FLAGS): Promise<FileHandle> => {
  const refusal = (what: string, cause?: unknown) =>
    new StopFlow(`open ${file}: ${what}, which Tidemark has not made: look who put it there, and remove it`, { cause });
  const opened = await open(file, FLAGS[how] | UNTRICKED, 0o600).catch((cause: unknown) => {
    if (codeOf(cause) === 'ELOOP') throw refusal('it is a symbolic link', cause);
    if (codeOf(cause) === 'ENXIO') throw refusal('it is a pipe or a socket', cause);
    throw cause;
  });
  try {
    const found = await opened.stat();
    if (!found.isFile()) throw refusal('it is no plain file');
    if (user !== undefined && found.uid !== user) throw refusal(`it belongs to user ${found.uid}`);
    if (how === 'w') await opened.truncate();
    return opened;
  } catch (error) {
    await opened.close();
    throw error;
  }
};

/** Its name is durable afterwards, also if an earlier attempt had made it and came no further. */
export const makeDirectory = async (directory: string): Promise<void> => {
  const highest = (await mkdir(directory, { recursive: true, mode: 0o700 })) ?? directory;
  for (let made = directory; ; made = dirname(made)) {
    await syncDirectory(dirname(made));
    if (made === highest || made === dirname(made)) return;
  }
};

/** Either the whole old content or the whole new one is there, whenever the process or the machine stops. */
export const replaceFile = async (file: string, content: string): Promise<void> => {
  const draft = `${file}.tmp`;
  const handle = await openOwn(draft, 'w');
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
    const handle = await openOwn(file, 'r');
    try {
      return await handle.readFile('utf8');
    } finally {
      await handle.close();
    }
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
