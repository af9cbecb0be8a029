/** The file as YAML: its values with the environment filled in, and where each of them stands. */
import { isMap, isNode, isScalar, isSeq, Lexer, LineCounter, type Node, parseDocument, visit } from 'yaml';
import { messageOf } from '../errors.ts';
import { type Expansion, protect, restore } from './expand.ts';
import type { Path } from './problems.ts';

export interface Place {
  readonly line: number;
  readonly column: number;
}

export interface ParsedFile {
  readonly value: unknown;
  readonly problems: readonly (Place & { readonly message: string })[];
  /** Where the entry of that path stands, or the nearest one around it. */
  place(path: Path): Place;
  /** Whether that very value could not be filled in, so that nothing else need be said of it. */
  unfilled(path: Path): boolean;
  /** That very value as the file has it, where variables have made another of it. */
  written(path: Path): string | undefined;
}

/** Makes of a text what it stands for. */
export type Fill = (text: string) => Expansion;

const TOP: Place = { line: 1, column: 1 };

/** More than anybody writes, and little enough for what grows with the square of it. */
const MAX_TOKENS = 40_000;
const MAX_DEPTH = 100;
const MAX_ALIASES = 200;
/** An alias may stand as deep as what it means is. */
const MAX_UNFOLDED = 2_000;

export const parseFile = (content: string, fill: Fill): ParsedFile => {
  const yaml = protect(content.replace(/^\uFEFF/, ''));
  if (isBeyond(yaml)) {
    const problem = {
      ...TOP,
      message: 'expected YAML that is less long, and with fewer sections inside of each other',
    };
    return { value: {}, problems: [problem], place: () => TOP, unfilled: () => false, written: () => undefined };
  }
  const lines = new LineCounter();
  // No pretty errors: they quote lines of the file, and those may hold secrets.
  const document = parseDocument(yaml, { lineCounter: lines, prettyErrors: false });
  const placeOf = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  // The first alone: what follows it is what it has confused.
  const problems = document.errors.slice(0, 1).map(({ pos, message }) => ({
    ...placeOf(pos[0]),
    // What stands behind such a colon is a piece of the file.
    message: `expected YAML: ${message.replace(/(?<=token in YAML stream): .*$/s, '')}`,
  }));

  const unfilled = new Set<unknown>();
  const written = new Map<unknown, string>();
  let readable = document.errors.length === 0;
  visit(document, {
    Pair(_, { key, value }) {
      if (isScalar(key)) return;
      readable = false;
      const place = isNode(key) ? placeOf(start(key)) : isNode(value) ? placeOf(start(value)) : TOP;
      problems.push({ ...place, message: 'expected a name before the colon' });
    },
    Alias(_, alias, around) {
      const meant = alias.resolve(document);
      if (!meant || !around.includes(meant)) return;
      readable = false;
      problems.push({ ...placeOf(start(alias)), message: `expected an end: *${alias.source} stands inside of itself` });
    },
    Scalar(key, scalar) {
      if (typeof scalar.value !== 'string') return;
      const asWritten = restore(scalar.value);
      scalar.value = asWritten;
      if (key === 'key') return;
      const { text, problems: found } = fill(asWritten);
      const place = scalar.range ? placeOf(scalar.range[0]) : TOP;
      if (found.length > 0) unfilled.add(scalar);
      if (text !== asWritten) written.set(scalar, asWritten);
      for (const message of found) problems.push({ ...place, message });
      scalar.value = text;
    },
  });

  const plainValue = (): unknown => {
    if (!readable) return {};
    try {
      return document.toJS({ maxAliasCount: 100 });
    } catch (error) {
      problems.push({ ...TOP, message: `expected YAML: ${messageOf(error)}` });
      return {};
    }
  };

  const entry = (path: Path): { offset: number; node: unknown } => {
    let node: unknown = document.contents;
    let offset = isNode(node) ? start(node) : 0;
    for (const key of path) {
      if (isSeq(node)) {
        node = node.items[Number(key)];
        if (isNode(node)) offset = start(node);
      } else if (isMap(node)) {
        const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key));
        if (isScalar(pair?.key)) offset = start(pair.key);
        node = pair?.value;
      } else return { offset, node: undefined };
    }
    return { offset, node };
  };

  return {
    value: plainValue(),
    problems,
    place: (path) => placeOf(entry(path).offset),
    unfilled: (path) => unfilled.has(entry(path).node),
    written: (path) => written.get(entry(path).node),
  };
};

/**
 * Told before the parser sees it, which would not come to its end, or take the whole process with it. Inside of braces
 * and brackets depth is counted; outside of them each level stands at least one column further to the right.
 */
const isBeyond = (yaml: string): boolean => {
  const indents = yaml.match(/^[ \t]*(?:[-?:][ \t]+)*/gm) ?? [];
  const columns = indents.reduce((most, { length }) => Math.max(most, length), 0);
  if (columns > 2 * MAX_DEPTH) return true;
  let [tokens, depth, deepest, aliases] = [0, 0, 0, 0];
  for (const token of new Lexer().lex(yaml)) {
    if (token === '[' || token === '{') depth += 1;
    else if (token === ']' || token === '}') depth -= 1;
    else if (token.startsWith('*')) aliases += 1;
    tokens += 1;
    deepest = Math.max(deepest, depth);
    if (deepest > MAX_DEPTH || tokens > MAX_TOKENS || aliases > MAX_ALIASES) return true;
  }
  return (columns + deepest) * aliases > MAX_UNFOLDED;
};

const start = (node: Node): number => node.range?.[0] ?? 0;
