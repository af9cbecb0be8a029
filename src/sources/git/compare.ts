import { TryAgain } from '../../errors.ts';
import { pathFromBytes } from '../../paths/bytes.ts';
import { type Difference, GONE } from '../../ports.ts';
import { MIB } from '../../units.ts';
import { isId, type Repository } from './repository.ts';

/** Some 50,000 differences. What differs more is laid from the whole tree anyway, in pages. */
const DIFFERENCE_BYTES = 8 * MIB;
const NUL = 0;
const COLON = 0x3a;

const FLAGS = ['-r', '-z', '--raw', '--no-renames', '--no-abbrev', '--ignore-submodules=none', '--no-ext-diff'];

/** `:<old mode> <new mode> <old id> <new id> <status>` NUL path NUL, again and again. */
const parse = (raw: Buffer): Difference[] => {
  const differences: Difference[] = [];
  for (let at = 0; at < raw.length; ) {
    const meta = raw.indexOf(NUL, at);
    const end = raw.indexOf(NUL, meta + 1);
    const [, type, , blob, status] = raw.toString('latin1', at + 1, meta).split(' ');
    if (raw[at] !== COLON || meta < 0 || end < 0 || !type || !blob || !status) {
      throw new TryAgain(
        `git diff-tree wrote what is no difference: ${JSON.stringify(raw.toString('latin1', at, at + 200))}`,
      );
    }
    const path = pathFromBytes(raw.subarray(meta + 1, end));
    differences.push(type === GONE ? { path, type: GONE, blob: null } : { path, type, blob });
    at = end + 1;
  }
  return differences;
};

/** `undefined` when one of the commits is not there whole, and also when they differ too much. */
export const differences = async (
  { git, facts }: Repository,
  base: string,
  head: string,
): Promise<Difference[] | undefined> => {
  if (!isId(base) || !isId(head)) return undefined;
  const { code, stdout, stderr, complete } = await git.run(['diff-tree', ...FLAGS, base, head], {
    maxBytes: DIFFERENCE_BYTES,
    codes: [0, 128],
  });
  if (!complete) return undefined;
  if (code === 0) return parse(stdout);
  // A collection of garbage may have taken a part of the base.
  if (/unable to read|bad object|invalid object|bad tree/.test(stderr)) return undefined;
  const names = [`${base}^{tree}`, `${head}^{tree}`];
  const known = await facts(names);
  if (names.some((name) => !known.has(name))) return undefined;
  throw git.failure('compare two commits', stderr);
};
