/**
 * static-minilm-256: a text's vector is the mean of its tokens' rows, normalised. The table stays as it is in its file,
 * one byte a number, and is scaled while it is summed.
 */
import { inverseFrequency } from '../../lexical/bm25.ts';
import { modelFile, staticTokens } from './files.ts';
import { type Nearness, nearness } from './nearness.ts';
import { standIns } from './stand-ins.ts';
import { parseTable, type Table } from './table.ts';
import type { WordPiece } from './word-piece.ts';

/** `[PAD]`: no text reaches it, so it weighs nothing where fewer than four rows are left. */
const NO_ROW = 0;

export interface StaticModel {
  readonly dimensions: number;
  /** The texts' vectors, one after the other. A text without tokens is the zero vector. */
  embed(texts: readonly string[]): Float32Array<ArrayBuffer>;
  /**
   * How near each passage is to the question: the cosine of the two, and the mean over the question's tokens of the
   * cosine with the nearest token of the passage, or of what stands for their words. A token weighs the more, the fewer
   * of the passages have it.
   */
  compare(question: string, passages: readonly string[]): Float32Array<ArrayBuffer>;
}

export const staticModel = (
  table: Table = parseTable(modelFile('static-minilm-256.bin')),
  tokens: WordPiece = staticTokens(),
): StaticModel => {
  const { rows, dimensions, scales, values } = table;
  /** Made by the first question that is compared: whoever only embeds does without. */
  let near: Nearness | undefined;
  const sum = new Float64Array(dimensions);
  /** How often each row stands in the text at hand, so that each is read and scaled once; all zero between texts. */
  const times = new Uint32Array(rows);

  /** Four rows at a time: half as fast again as row by row, since the sums are read and written a quarter as often. */
  const addRows = (ids: Uint16Array): void => {
    const count = ids.length;
    for (let next = 0; next < count; next += 4) {
      const a = ids[next] as number;
      const b = next + 1 < count ? (ids[next + 1] as number) : NO_ROW;
      const c = next + 2 < count ? (ids[next + 2] as number) : NO_ROW;
      const d = next + 3 < count ? (ids[next + 3] as number) : NO_ROW;
      const weightA = weigh(a);
      const weightB = weigh(b);
      const weightC = weigh(c);
      const weightD = weigh(d);
      const fromA = a * dimensions;
      const fromB = b * dimensions;
      const fromC = c * dimensions;
      const fromD = d * dimensions;
      for (let at = 0; at < dimensions; at += 1)
        sum[at] =
          (sum[at] as number) +
          weightA * (values[fromA + at] as number) +
          weightB * (values[fromB + at] as number) +
          weightC * (values[fromC + at] as number) +
          weightD * (values[fromD + at] as number);
    }
  };

  const weigh = (id: number): number => {
    const weight = (times[id] as number) * (scales[id] as number);
    times[id] = 0;
    return weight;
  };

  /** Moves the first of each id to the front and counts the others. */
  const distinct = (pieces: Uint16Array): number => {
    let count = 0;
    for (const id of pieces) {
      const before = times[id] as number;
      times[id] = before + 1;
      if (before > 0) continue;
      pieces[count] = id;
      count += 1;
    }
    return count;
  };

  /** Leaves the sum of the text's rows in `sum`, and gives its length and each of the text's tokens once. */
  const add = (text: string) => {
    const pieces = tokens.pieces(text);
    const once = pieces.subarray(0, distinct(pieces));
    sum.fill(0);
    addRows(once);
    let squares = 0;
    for (let at = 0; at < dimensions; at += 1) squares += (sum[at] as number) ** 2;
    return { once, length: Math.sqrt(squares) };
  };

  const embedOne = (text: string, vector: Float32Array): void => {
    const { length } = add(text);
    // No tokens, or rows that cancel each other out: there is no direction to normalise to.
    if (length === 0) return;
    const scale = 1 / length;
    for (let at = 0; at < dimensions; at += 1) vector[at] = (sum[at] as number) * scale;
  };

  return {
    dimensions,
    embed(texts) {
      const vectors = new Float32Array(texts.length * dimensions);
      for (const [index, text] of texts.entries())
        embedOne(text, vectors.subarray(index * dimensions, (index + 1) * dimensions));
      return vectors;
    },
    compare(question, passages) {
      near ??= nearness(table);
      const whole = new Float32Array(dimensions);
      embedOne(question, whole);
      const asked = [...new Set(tokens.pieces(question))].slice(0, near.most);
      const nearestOf = near.ask(asked);
      const raise = standIns(question, asked, tokens.pieces);
      const holding = new Uint32Array(asked.length);
      const read = passages.map((passage) => {
        const { once, length } = add(passage);
        const nearest = nearestOf(once);
        raise(passage, nearest);
        for (const [at, id] of asked.entries()) if (once.includes(id)) holding[at] = (holding[at] as number) + 1;
        let product = 0;
        for (let at = 0; at < dimensions; at += 1) product += (whole[at] as number) * (sum[at] as number);
        return { nearest, cosine: product / (length || 1) };
      });
      const weights = Float64Array.from(holding, (count) => inverseFrequency(passages.length, count));
      const all = weights.reduce((total, weight) => total + weight, 0) || 1;
      return Float32Array.from(read, ({ nearest, cosine }) =>
        nearest.reduce((total, cosineOf, at) => total + (cosineOf * (weights[at] as number)) / all, cosine),
      );
    },
  };
};
