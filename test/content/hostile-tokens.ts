/** A counter that does what its text says. */
import { appendFileSync, existsSync, writeFileSync } from 'node:fs';
import { tokenCounter as approximate } from '../../src/content/tokens.ts';
import { DeadLetter } from '../../src/errors.ts';

export const tokenCounter = async (
  options: { readonly perText?: number; readonly marker?: string; readonly starts?: string } = {},
) => {
  if (options.starts) appendFileSync(options.starts, 'started\n');
  const count = approximate();
  return (text: string): number => {
    if (text.includes('HANG')) for (;;);
    if (text.includes('DIE')) process.exit(7);
    if (text.includes('ONCE') && options.marker && !existsSync(options.marker)) {
      writeFileSync(options.marker, '');
      process.exit(7);
    }
    if (text.includes('GROW')) for (const hoard: number[][] = []; ; ) hoard.push(new Array(10_000).fill(hoard.length));
    if (text.includes('THROW')) throw new Error('thrown on purpose');
    if (text.includes('REFUSE')) throw new DeadLetter('refused', 'refused on purpose');
    if (text.includes('SLEEP')) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
    return options.perText ?? count(text);
  };
};
