/** Who imports whom in `src`, by file and by room. A room is a folder of `src`, or a file that stands in none. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const SRC = fileURLToPath(new URL('../src', import.meta.url));
const IMPORT = /(?:\bfrom|\bimport\(?)\s*'(\.{1,2}\/[^']+)'/g;

export interface SourceFile {
  /** From `src` on. */
  readonly path: string;
  readonly lines: number;
  readonly imports: readonly string[];
}

export const sourceFiles = (): readonly SourceFile[] =>
  readdirSync(SRC, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.d.ts'))
    .sort()
    .map((path) => {
      const text = readFileSync(join(SRC, path), 'utf8');
      const imports = [...text.matchAll(IMPORT)].flatMap(([, name = '']) => {
        const target = join(SRC, dirname(path), name);
        return existsSync(target) ? [relative(SRC, target)] : [];
      });
      return { path, lines: text.split('\n').length - 1, imports };
    });

export const roomOf = (path: string): string => {
  const [first = '', ...rest] = path.split('/');
  return rest.length > 0 ? `${first}/` : first;
};

/** Each room with the rooms that its files import. */
export const roomImports = (files: readonly SourceFile[]): ReadonlyMap<string, ReadonlySet<string>> => {
  const rooms = new Map<string, Set<string>>();
  for (const { path, imports } of files) {
    const room = roomOf(path);
    const imported = rooms.get(room) ?? new Set();
    for (const target of imports) if (roomOf(target) !== room) imported.add(roomOf(target));
    rooms.set(room, imported);
  }
  return rooms;
};

export interface Row {
  readonly room: string;
  readonly what: string;
  readonly imports: readonly string[];
}

const ROW = /^\| `([^`|]+)` \| (.+?) \| (?:(.*) )?\|$/;

/** The rows of the table of rooms in docs/architecture.md, from top to bottom. */
export const rowsOf = (page: string): readonly Row[] =>
  table(page)
    .split('\n')
    .flatMap((line) => {
      const [, room, what, imports = ''] = ROW.exec(line) ?? [];
      if (room === undefined || what === undefined) return [];
      return [{ room, what, imports: [...imports.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name) }];
    });

/** The page with the last column of that table as the imports are. */
export const withRooms = (page: string): string => {
  const rooms = roomImports(sourceFiles());
  const order = rowsOf(page).map(({ room }) => room);
  const lines = table(page)
    .split('\n')
    .map((line) => {
      const [, room, what] = ROW.exec(line) ?? [];
      if (room === undefined) return line;
      const imports = [...(rooms.get(room) ?? [])].sort((a, b) => order.indexOf(a) - order.indexOf(b));
      return `| \`${room}\` | ${what} | ${imports.map((name) => `\`${name}\``).join(' ')} |`;
    });
  return page.replace(table(page), lines.join('\n'));
};

const table = (page: string): string => /<!-- rooms -->\n([\s\S]*?)<!-- \/rooms -->/.exec(page)?.[1] ?? '';
