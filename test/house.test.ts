import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { roomImports, roomOf, rowsOf, sourceFiles, withRooms } from '../scripts/rooms.ts';

const page = readFileSync(new URL('../docs/architecture.md', import.meta.url), 'utf8');
const files = sourceFiles();
const rows = rowsOf(page);

/** One list each, read from top to bottom. */
const LISTS = ['config/schema.ts', 'ports.ts'];
const MAX_LINES = 350;
const MAX_LOOSE = 10;

describe('the house', () => {
  it('has a row in docs/architecture.md for every room, with what it imports', () => {
    expect(rows.map(({ room }) => room).sort()).toEqual([...roomImports(files).keys()].sort());
    expect(withRooms(page), 'run `npm run docs`').toBe(page);
  });

  it('lets a room import only rooms that stand below it in the table', () => {
    const order = rows.map(({ room }) => room);
    const up = files.flatMap(({ path, imports }) =>
      imports
        .filter((target) => order.indexOf(roomOf(target)) < order.indexOf(roomOf(path)))
        .map((target) => `${path} imports ${target}`),
    );
    expect(up).toEqual([]);
  });

  it('has no circle of imports, not even of types', () => {
    expect(circles()).toEqual([]);
  });

  it('has few files outside of rooms, no prefix that stands for a folder, and no long file that is not a list', () => {
    expect(files.filter(({ path }) => !path.includes('/')).length).toBeLessThanOrEqual(MAX_LOOSE);
    expect(prefixes()).toEqual([]);
    expect(files.filter(({ path, lines }) => lines > MAX_LINES && !LISTS.includes(path))).toEqual([]);
  });
});

/** Those that are found on the way from each file down. */
const circles = (): readonly string[] => {
  const importsOf = new Map(files.map(({ path, imports }) => [path, imports]));
  const seen = new Set<string>();
  const found: string[] = [];
  const walk = (path: string, above: readonly string[]) => {
    if (above.includes(path)) found.push([...above.slice(above.indexOf(path)), path].join(' > '));
    if (seen.has(path)) return;
    seen.add(path);
    for (const target of importsOf.get(path) ?? []) walk(target, [...above, path]);
  };
  for (const { path } of files) walk(path, []);
  return found;
};

const prefixes = (): readonly string[] => {
  const counts = new Map<string, number>();
  for (const { path } of files) {
    const prefix = /^(.*\/[^/-]+-)[^/]*$/.exec(path)?.[1];
    if (prefix !== undefined) counts.set(prefix, (counts.get(prefix) ?? 0) + 1);
  }
  return [...counts].filter(([, count]) => count > 3).map(([prefix]) => prefix);
};
