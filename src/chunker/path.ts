/** What is embedded before the text of a chunk: the headings or symbols that it stands under, and the header of its table. */

import type { Structure } from './structure.ts';
import type { TokenCounter } from './token-counter.ts';

export interface Prefix {
  readonly text: string;
  readonly cost: number;
}

export interface Path {
  readonly heading: readonly string[];
  readonly prefix: Prefix;
}

const SEPARATOR = ' > ';
const NO_PATH: Path = { heading: [], prefix: { text: '', cost: 0 } };

/**
 * The path of the chunk that begins with a line and ends before another. Cuts go by strength, so no chunk reaches beyond
 * the section around its first line, and the path of that line holds for all of it. One that costs more than `maxCost`
 * loses its outermost parts, and a header that does is left out.
 */
export const pathsOf = (
  { strength, sections, section, repeated }: Structure,
  maxCost: number,
  count: TokenCounter,
): ((line: number, to: number) => Path) => {
  const headings: (readonly string[])[] = [];
  for (const { title, parent } of sections) {
    const above = headings[parent] ?? [];
    headings.push(title === '' ? above : [...above, title]);
  }

  const costs = new Map<string, number>();
  const costOfTitle = (title: string): number => {
    const cost = costs.get(title) ?? count(title);
    costs.set(title, cost);
    return cost;
  };
  const costOf = (parts: readonly string[], text: string): number =>
    count.additive
      ? parts.reduce((sum, title) => sum + costOfTitle(title), (parts.length - 1) * costOfTitle(SEPARATOR))
      : count(`${text}\n\n`);

  const prefixes = new Map<number, Prefix>();
  const prefixOf = (index: number): Prefix => {
    const known = prefixes.get(index);
    if (known) return known;
    let prefix = NO_PATH.prefix;
    for (let parts = headings[index] ?? []; parts.length > 0; parts = parts.slice(1)) {
      const text = parts.join(SEPARATOR);
      const cost = costOf(parts, text);
      if (cost > maxCost) continue;
      prefix = { text, cost };
      break;
    }
    prefixes.set(index, prefix);
    return prefix;
  };

  const beginsBetween = (from: number, to: number): boolean => {
    for (let i = from; i < to; i += 1) if ((strength[i] ?? 0) > 0) return true;
    return false;
  };
  const within = new Map<number, Path>();
  const pathOf = (line: number, to: number): Path => {
    const index = section[line] ?? -1;
    const own = sections[index];
    if (!own) return NO_PATH;
    const heading = headings[index] ?? [];
    if (own.line === line) {
      // The title itself stands in the text. Several symbols together are what holds them, but for what closes it.
      const several = own.end !== undefined && beginsBetween(own.end + 1, to);
      return { heading: several ? (headings[own.parent] ?? []) : heading, prefix: prefixOf(own.parent) };
    }
    const path = within.get(index) ?? { heading, prefix: prefixOf(index) };
    within.set(index, path);
    return path;
  };

  const headers = new Map<string, Prefix>();
  const withHeader = ({ heading, prefix }: Path, header: string): Path => {
    const key = `${prefix.text}\0${header}`;
    const known = headers.get(key);
    if (known) return { heading, prefix: known };
    const cost = count(`${header}\n\n`);
    const text = prefix.text === '' ? header : `${prefix.text}\n\n${header}`;
    const both = cost > maxCost ? prefix : { text, cost: prefix.cost + cost };
    headers.set(key, both);
    return { heading, prefix: both };
  };

  return (line, to) => {
    const path = pathOf(line, to);
    const header = repeated?.get(line);
    return header === undefined ? path : withHeader(path, header);
  };
};
