import { pathFromBytes } from '../../paths/bytes.ts';
import type { TreeEntry } from '../../ports.ts';

/** Reads a tree object, by `<commit>^{tree}` or by id; throws when it is not there. */
export type ReadTree = (id: string) => Promise<Buffer>;

const treeOf = (commit: string): string => `${commit}^{tree}`;

/** Lines of a folder that are looked at for folders to ask for early. */
const AHEAD = 16;
const SPACE = 0x20;
const TREE = '040000';
const SUBMODULE = '160000';

export const isSubmodule = (type: string): boolean => type === SUBMODULE;

interface Line {
  readonly type: string;
  readonly name: string;
  readonly id: string;
  /** Where the next line starts. */
  readonly next: number;
}

/** As git's own listings show modes: old repositories hold others, such as 100664. */
const canonical = (mode: number): string => {
  const kind = mode & 0o170000;
  if (kind === 0o100000) return mode & 0o100 ? '100755' : '100644';
  if (kind === 0o120000) return '120000';
  return kind === 0o040000 ? TREE : SUBMODULE;
};

/** A tree object is a row of `mode SP name NUL id`, the id in binary. */
const lineAt = (tree: Buffer, at: number, idBytes: number): Line => {
  const space = tree.indexOf(SPACE, at);
  const nul = tree.indexOf(0, space + 1);
  const next = nul + 1 + idBytes;
  if (space < 0 || nul < 0 || next > tree.length) throw new RangeError(`a tree object is no tree at byte ${at}`);
  return {
    type: canonical(Number.parseInt(tree.toString('latin1', at, space), 8)),
    name: pathFromBytes(tree.subarray(space + 1, nul)),
    id: tree.toString('hex', nul + 1, next),
    next,
  };
};

/** A place in a tree object, and the path of the folder that it is. */
interface Frame {
  readonly tree: Buffer;
  readonly prefix: string;
  /** The line to be read next, and the one that was read last. */
  at: number;
  last: number;
}

export interface Position {
  readonly frames: readonly Frame[];
}

export interface Listing {
  readonly entries: readonly TreeEntry[];
  /** Where the next page starts: the byte offset in each tree object on the way down. */
  readonly next?: { readonly cursor: string; readonly position: Position };
}

/**
 * Goes back to where a page starts. The offsets alone are enough, because a tree never changes: no listing has to be
 * kept, whatever the size of the repository, and a crash in between costs nothing.
 */
export const positionAt = async (commit: string, cursor: string | undefined, read: ReadTree): Promise<Position> => {
  const offsets = cursor === undefined ? [0] : cursor.split('.').map(Number);
  if (offsets.some((offset) => !Number.isSafeInteger(offset) || offset < 0)) {
    throw new RangeError(`not a cursor of a tree: ${JSON.stringify(cursor)}`);
  }
  const frames: Frame[] = [];
  const idBytes = commit.length / 2;
  let id = treeOf(commit);
  let prefix = '';
  for (const [depth, at] of offsets.entries()) {
    const tree = await read(id);
    if (depth === offsets.length - 1) {
      frames.push({ tree, prefix, at, last: at });
      break;
    }
    const line = lineAt(tree, at, idBytes);
    frames.push({ tree, prefix, at: line.next, last: at });
    prefix += `${line.name}/`;
    id = line.id;
  }
  return { frames };
};

/** Of each folder on the way down the line that leads into it, then the line to be read next. */
const cursorOf = (stack: readonly Frame[]): string =>
  stack.map(({ at, last }, depth) => (depth === stack.length - 1 ? at : last)).join('.');

/** The next files, depth first, in the order of `git ls-tree -r`. */
export const list = async (
  { frames }: Position,
  { read, limit, idBytes }: { read: ReadTree; limit: number; idBytes: number },
): Promise<Listing> => {
  // A position may be asked for again: its frames stay as they are.
  const stack = frames.map((frame) => ({ ...frame }));
  const entries: TreeEntry[] = [];
  /** Folders that stand next to each other are asked for together: waiting for each in turn takes most of the time. */
  const coming = new Map<string, Promise<Buffer>>();
  const ahead = (tree: Buffer, from: number) => {
    let at = from;
    for (let count = 0; count < AHEAD && at < tree.length; count += 1) {
      const { type, id, next } = lineAt(tree, at, idBytes);
      at = next;
      if (type !== TREE || coming.has(id)) continue;
      const folder = read(id);
      // Told to whoever gets to that folder; the page may end before.
      folder.catch(() => undefined);
      coming.set(id, folder);
    }
  };
  for (let frame = stack.at(-1); frame; frame = stack.at(-1)) {
    if (frame.at >= frame.tree.length) {
      stack.pop();
      continue;
    }
    if (entries.length >= limit) {
      return { entries, next: { cursor: cursorOf(stack), position: { frames: stack } } };
    }
    const { type, name, id, next } = lineAt(frame.tree, frame.at, idBytes);
    const path = frame.prefix + name;
    frame.last = frame.at;
    frame.at = next;
    if (type === TREE) {
      if (!coming.has(id)) ahead(frame.tree, frame.last);
      const tree = await (coming.get(id) ?? read(id));
      coming.delete(id);
      stack.push({ tree, prefix: `${path}/`, at: 0, last: 0 });
    }
    if (type !== TREE) entries.push({ path, type, blob: id });
  }
  return { entries };
};

/** Those of the paths that are files of the tree. Reads only the folders that lead to them. */
export const find = async (commit: string, paths: Iterable<string>, read: ReadTree): Promise<TreeEntry[]> => {
  const found: TreeEntry[] = [];
  const idBytes = commit.length / 2;

  const look = async (id: string, prefix: string, wanted: readonly string[]): Promise<void> => {
    const inside = new Map<string, string[]>();
    for (const path of wanted) {
      const slash = path.indexOf('/');
      const name = slash < 0 ? path : path.slice(0, slash);
      const rest = inside.get(name) ?? [];
      inside.set(name, rest);
      rest.push(slash < 0 ? '' : path.slice(slash + 1));
    }
    const tree = await read(id);
    for (let at = 0; at < tree.length; ) {
      const line = lineAt(tree, at, idBytes);
      at = line.next;
      const rest = inside.get(line.name);
      if (!rest) continue;
      const path = prefix + line.name;
      const below = rest.filter((deeper) => deeper !== '');
      if (line.type !== TREE && below.length < rest.length) found.push({ path, type: line.type, blob: line.id });
      if (line.type === TREE && below.length > 0) await look(line.id, `${path}/`, below);
    }
  };

  await look(treeOf(commit), '', [...new Set(paths)]);
  return found;
};
