import { DeadLetter } from '../../../src/errors.ts';
import type { Chunk, Chunker, Converter, Embedder } from '../../../src/ports.ts';
import type { Text } from '../../../src/records.ts';

/** Contents of a simulated file: words joined by spaces. Some words make a stage do something else. */
export const WORDS = ['ant', 'bee', 'cat', 'dog', 'eel', 'fox'] as const;
/** The converter cannot make sense of it. */
export const POISON = 'poison';
/** The embedder refuses it. */
export const TOXIC = 'toxic';
export const BINARY = 'binary';

/** Rules that differ in what they select and in how they convert. */
export const RULES = {
  r1: { selects: (_path: string) => true, convert: (content: string) => content },
  r2: { selects: (path: string) => !path.startsWith('x'), convert: (content: string) => content },
  r3: { selects: (_path: string) => true, convert: (content: string) => content.toUpperCase() },
} as const;
export type RulesName = keyof typeof RULES;

export const convertText = (rules: RulesName, content: string): { text: Text } | { skip: 'empty' | 'binary' } => {
  if (content.trim() === '') return { skip: 'empty' };
  if (content.includes(BINARY)) return { skip: 'binary' };
  return { text: { content: RULES[rules].convert(content), mediaType: 'text/plain', language: 'text' } };
};

/** Generations differ in how many words make a chunk. */
export const chunkText = (generation: string, { content }: Text): Chunk[] => {
  const words = content.split(' ').filter(Boolean);
  const size = Number(generation.at(-1)) || 1;
  const chunks: Chunk[] = [];
  for (let from = 0; from < words.length; from += size) {
    const text = words.slice(from, from + size).join(' ');
    chunks.push({ text, embed: text, heading: [], startLine: from + 1, endLine: from + size });
  }
  return chunks;
};

export const converter = (rules: RulesName): Converter => ({
  async convert(_path, bytes) {
    const content = new TextDecoder().decode(bytes);
    if (content.includes(POISON)) throw new DeadLetter('poison', `cannot convert "${content}"`);
    return convertText(rules, content);
  },
  async close() {},
});

export const chunker = (generation: string): Chunker => ({
  async chunk(_path, text) {
    return chunkText(generation, text);
  },
  async close() {},
});

const DIMENSIONS = 4;
const vectorOf = (text: string): Float32Array => {
  const vector = new Float32Array(DIMENSIONS);
  for (let index = 0; index < text.length; index += 1) {
    vector[index % DIMENSIONS] = (vector[index % DIMENSIONS] ?? 0) + text.charCodeAt(index);
  }
  const length = Math.hypot(...vector) || 1;
  return vector.map((value) => value / length);
};

export const embedder = (): Embedder => ({
  dimensions: DIMENSIONS,
  maxTokens: 8,
  batch: { texts: 100, tokens: 1_000, parallel: 2 },
  async probe() {},
  tokens: (text) => text.split(' ').length,
  async embed(texts) {
    const refused = texts.find((text) => text.toLowerCase().includes(TOXIC));
    if (refused !== undefined) throw new DeadLetter('refused', `cannot embed "${refused}"`);
    return texts.map(vectorOf);
  },
  async close() {},
});
