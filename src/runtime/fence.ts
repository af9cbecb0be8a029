import { readFileSync } from 'node:fs';
import { codeOf, LostLock } from '../errors.ts';

/** The file of a lock, and what stands in it for as long as the lock is held. */
export interface Fence {
  readonly file: string;
  readonly content: string;
}

/** Of a directory that is held; there is no fence where others may write too. */
export interface Hold {
  /** Rejects with `LostLock` once another process has taken over: this one must write no more. */
  check(): Promise<void>;
  readonly fence?: Fence;
}

/**
 * For a thread that looks by itself. Whoever takes over removes the file before it touches anything else. So whoever
 * looks inside of a transaction, which the other would have to wait for, writes nothing that is the other's to write.
 */
export const checkFence = ({ file, content }: Fence): void => {
  if (contentOf(file) !== content) throw new LostLock(`${file} is gone, or another process's`);
};

const contentOf = (file: string): string | undefined => {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
};
