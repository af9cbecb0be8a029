/**
 * Texts to chunks. Pure, and linear in the length of the text.
 *
 * Every line that is not blank stands in exactly one chunk, whose lines are exactly those that it names. A line that is
 * too long for a chunk is the one exception: it is shared by several that name that one line.
 */
import type { Chunk } from '../ports.ts';
import type { Text } from '../records.ts';
import { structureOf } from './by-language.ts';
import { divide } from './divide.ts';
import type { Parse } from './grammars.ts';
import { linesOf } from './lines.ts';
import { isLowSurrogate, piecesOf } from './long-line.ts';
import { type Path, type Prefix, pathsOf } from './path.ts';
import type { TokenCounter } from './token-counter.ts';

/** Part of the fingerprint. Raise it with every change that moves a cut or alters what is embedded. */
export const chunkerVersion = 5;

export interface ChunkOptions {
  /** At most this many in what is embedded, its heading path included. */
  readonly tokens: number;
  readonly count: TokenCounter;
  /** Of the text's language: `parseOf`. */
  readonly parse?: Parse | undefined;
}

/** A chunk by reference to its text: what a worker sends back instead of the text twice over. */
export interface Cut {
  /** Characters of the content. */
  readonly start: number;
  readonly end: number;
  readonly startLine: number;
  readonly endLine: number;
  readonly heading: readonly string[];
  /** What is embedded before its text: of `heading`, what does not stand in the chunk itself, and a table's header. */
  readonly prefix: string;
}

/**
 * Words that a tokenizer drops, such as a key in base64, cost nothing by its count, and megabytes of them would be one
 * chunk. Ordinary text has 3 to 6 characters a token.
 */
const MAX_CHARACTERS_PER_TOKEN = 16;
/** Of the budget, for the path and again for the header of a table. */
const MAX_PREFIX_SHARE = 1 / 3;
/** A sum of counts up to here need not be checked against the count of the whole. */
const SAFE_SHARE = 0.9;

const embedOf = (prefix: string, text: string) => (prefix === '' ? text : `${prefix}\n\n${text}`);

export const chunksOf = (content: string, cuts: readonly Cut[]): Chunk[] =>
  cuts.map(({ start, end, startLine, endLine, heading, prefix }) => {
    const text = content.slice(start, end);
    return { text, embed: embedOf(prefix, text), heading, startLine, endLine };
  });

export const cutsOf = ({ content, language }: Text, { tokens, count, parse }: ChunkOptions): Cut[] => {
  const lines = linesOf(content);
  const structure = structureOf(language, content, lines, parse);
  const paths = pathsOf(structure, tokens * MAX_PREFIX_SHARE, count);
  const lineCount = lines.start.length;
  const startOf = (line: number) => lines.start[line] ?? 0;
  const endOf = (line: number) => lines.end[line - 1] ?? 0;

  const between = count.between ?? ((text, from, to) => count(text.slice(from, to)));
  const costOf = (start: number, end: number) =>
    Math.max(between(content, start, Math.min(end, content.length)), (end - start) / MAX_CHARACTERS_PER_TOKEN);
  // With their line feeds, so that the sum is what the whole costs for a counter that sees them.
  const cost = new Float64Array(lineCount + 1);
  for (let i = 0; i < lineCount; i += 1) cost[i + 1] = (cost[i] ?? 0) + costOf(startOf(i), (lines.end[i] ?? 0) + 1);

  const safe = count.additive ? tokens : tokens * SAFE_SHARE;
  const withinBudget = (start: number, end: number, summed: number, prefix: Prefix): boolean => {
    if (end - start > tokens * MAX_CHARACTERS_PER_TOKEN || summed + prefix.cost > tokens) return false;
    return summed + prefix.cost <= safe || count(embedOf(prefix.text, content.slice(start, end))) <= tokens;
  };

  const cuts: Cut[] = [];
  const cutLine = (line: number, { heading, prefix }: Path) => {
    const pieces = piecesOf(content, startOf(line), lines.end[line] ?? 0);
    const pieceCost = new Float64Array(pieces.start.length + 1);
    for (let i = 0; i < pieces.start.length; i += 1)
      pieceCost[i + 1] = (pieceCost[i] ?? 0) + costOf(pieces.start[i] ?? 0, pieces.end[i] ?? 0);
    const number = lines.number[line] ?? 0;
    const push = (from: number, to: number) => {
      // With the space around it, so that the parts together are the line.
      if (content.slice(from, to).trim() !== '')
        cuts.push({ start: from, end: to, startLine: number, endLine: number, heading, prefix: prefix.text });
    };
    divide(
      content,
      { ...pieces, cost: pieceCost },
      tokens,
      (from, to) => {
        const start = pieces.start[from] ?? 0;
        return withinBudget(start, pieces.end[to - 1] ?? 0, (pieceCost[to] ?? 0) - (pieceCost[from] ?? 0), prefix);
      },
      (from, to) => {
        const start = pieces.start[from] ?? 0;
        const end = pieces.end[to - 1] ?? 0;
        halve(content, start, end, (a, b) => count(embedOf(prefix.text, content.slice(a, b))) <= tokens, push);
      },
    );
  };

  const fits = (from: number, to: number) =>
    withinBudget(startOf(from), endOf(to), (cost[to] ?? 0) - (cost[from] ?? 0), paths(from, to).prefix);
  const stretches = { start: lines.start, end: lines.end, strength: structure.strength, cost };
  divide(content, stretches, tokens, fits, (from, to) => {
    const path = paths(from, to);
    if (to - from === 1 && !fits(from, to)) return cutLine(from, path);
    cuts.push({
      start: startOf(from),
      end: endOf(to),
      startLine: lines.number[from] ?? 0,
      endLine: lines.number[to - 1] ?? 0,
      heading: path.heading,
      prefix: path.prefix.text,
    });
  });
  return cuts;
};

/** A piece that is still too long is halved until it fits, or is a single character. */
const halve = (
  content: string,
  start: number,
  end: number,
  fits: (start: number, end: number) => boolean,
  emit: (start: number, end: number) => void,
): void => {
  let middle = (start + end) >> 1;
  if (isLowSurrogate(content.charCodeAt(middle))) middle += 1;
  if (middle <= start || middle >= end || fits(start, end)) {
    emit(start, end);
    return;
  }
  halve(content, start, middle, fits, emit);
  halve(content, middle, end, fits, emit);
};
