/**
 * Feature hashing, for tests and benchmarks: as fast as an embedder can be, the same everywhere, and no good at meaning.
 * Fused with lexical search it makes results worse than lexical search alone.
 */
import type { Embedder } from '../../src/ports.ts';

export interface HashOptions {
  readonly dimensions: number;
}

export const hashEmbedder = ({ dimensions }: HashOptions): Embedder => ({
  dimensions,
  maxTokens: Number.MAX_SAFE_INTEGER,
  batch: { texts: Number.POSITIVE_INFINITY, tokens: Number.POSITIVE_INFINITY, parallel: 2 },
  async probe() {},
  tokens: (text) => text.length,
  async embed(texts) {
    return texts.map((text) => embedOne(text, dimensions));
  },
  async close() {},
});

export const hashTokens = (text: string): number => eachWord(text, () => {});

const embedOne = (text: string, dimensions: number): Float32Array => {
  const vector = new Float32Array(dimensions);
  eachWord(text, (hash) => {
    const at = hash % dimensions;
    vector[at] = (vector[at] as number) + (hash & 0x8000_0000 ? -1 : 1);
  });
  let squares = 0;
  for (const value of vector) squares += value * value;
  if (squares === 0) return vector;
  const scale = 1 / Math.sqrt(squares);
  return vector.map((value) => value * scale);
};

const FNV_START = 0x811c_9dc5;
const FNV_PRIME = 0x0100_0193;

/** Runs of letters and digits, ASCII in lower case; whatever is not ASCII counts as a letter. */
const eachWord = (text: string, visit: (hash: number) => void): number => {
  let words = 0;
  let hash = FNV_START;
  let inside = false;
  for (let at = 0; at <= text.length; at += 1) {
    const code = at < text.length ? text.charCodeAt(at) : 0;
    const lower = code >= 65 && code <= 90 ? code + 32 : code;
    if ((lower >= 97 && lower <= 122) || (code >= 48 && code <= 57) || code > 127) {
      hash = Math.imul(hash ^ lower, FNV_PRIME);
      inside = true;
    } else if (inside) {
      visit(mixed(hash));
      words += 1;
      hash = FNV_START;
      inside = false;
    }
  }
  return words;
};

/** FNV's low bits alone say little about the sign: every bit has to depend on every other. */
const mixed = (hash: number): number => {
  let bits = hash;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85eb_ca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2_ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
};
