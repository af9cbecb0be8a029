/** What every embedder promises. An adapter's test is one call of this, and whatever is its own. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Embedder } from '../../src/ports.ts';

export interface EmbedderUnderTest {
  readonly open: () => Embedder;
  /** Its own tokens, counted exactly. */
  readonly count: (text: string) => number;
  /** Whether a text's vector is the same beside any others, bit by bit. Not so for dynamically quantised models. */
  readonly aloneAndBeside: boolean;
}

const passages = [
  'Offsets are committed once the store has acknowledged.',
  'export const getUserById = async (userId: string): Promise<User | undefined> => users.get(userId);',
  '# Rollback\n\nThe previous generation is fed for a day more.',
  'Größe der Warteschlange überschritten',
  '日本語 テスト 한국어 ελληνικά русский',
];

/** Contents that files really have, and that have broken tokenizers. */
const awkward = {
  'an emoji with modifiers': 'shipped 👩🏽‍💻🎉',
  'a lone high surrogate': 'before \ud800 after',
  'a lone low surrogate': 'before \udc00 after',
  'surrogates the wrong way round': 'word \udc00\ud800 word',
  'control characters': 'one\u0000two\u0007three\u001b[31m four',
  'a byte order mark': '\ufefffirst line',
  'combining marks without a letter': '\u0301\u0301\u0301 accents',
  'right to left': 'שלום עולם مرحبا',
  'Windows line ends': 'one line\r\nanother line\r\n',
  'a word without an end': `start ${'x'.repeat(20_000)} end`,
  'the special tokens of models': '[CLS] hello [SEP] [PAD] [MASK] </s> <|endoftext|>',
};

const lengthOf = (vector: Float32Array): number => Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
const cosine = (a: Float32Array, b: Float32Array): number =>
  a.reduce((sum, value, at) => sum + value * (b[at] ?? Number.NaN), 0);

export const embedderContract = (name: string, { open, count, aloneAndBeside }: EmbedderUnderTest): void => {
  describe(`${name}, as an embedder`, () => {
    let embedder: Embedder;
    beforeAll(() => {
      embedder = open();
    });
    afterAll(() => embedder.close());

    const one = async (text: string): Promise<Float32Array> => {
      const [vector] = await embedder.embed([text], 'passage');
      if (!vector) throw new Error('there is no vector');
      return vector;
    };

    it('answers a probe', async () => {
      await embedder.probe();
    });

    it('says how long its vectors and its texts may be', () => {
      expect(embedder.dimensions).toBeGreaterThan(0);
      expect(embedder.maxTokens).toBeGreaterThan(0);
      for (const bound of Object.values(embedder.batch)) expect(bound).toBeGreaterThan(0);
    });

    it('gives one vector of length one a text', async () => {
      const vectors = await embedder.embed(passages, 'passage');
      expect(vectors).toHaveLength(passages.length);
      for (const vector of vectors) {
        expect(vector).toHaveLength(embedder.dimensions);
        expect(lengthOf(vector)).toBeCloseTo(1, 4);
      }
    });

    it('gives the vectors in the order of the texts', async () => {
      const there = await embedder.embed(passages, 'passage');
      const back = await embedder.embed([...passages].reverse(), 'passage');
      for (const [at, vector] of [...back].reverse().entries())
        expect(cosine(vector, there[at] ?? new Float32Array())).toBeGreaterThan(0.98);
    });

    it('keeps the order of as many texts as one call may bring', async () => {
      const texts = Array.from(
        { length: Math.min(300, embedder.batch.texts) },
        (_, at) => `${passages[at % passages.length]} number ${at}`,
      );
      const vectors = await embedder.embed(texts, 'passage');
      expect(vectors).toHaveLength(texts.length);
      for (const at of [0, 1, texts.length >> 1, texts.length - 2, texts.length - 1])
        expect(cosine(vectors[at] ?? new Float32Array(), await one(texts[at] ?? ''))).toBeGreaterThan(0.98);
    });

    it('gives the same text the same vector, today and after a restart', async () => {
      const again = open();
      try {
        for (const text of passages) {
          const vector = await one(text);
          expect(await one(text)).toEqual(vector);
          expect((await again.embed([text], 'passage'))[0]).toEqual(vector);
        }
      } finally {
        await again.close();
      }
    });

    it.runIf(aloneAndBeside)('gives a text the same vector alone and beside others', async () => {
      const beside = await embedder.embed([...Object.values(awkward), ...passages], 'passage');
      for (const [at, text] of passages.entries())
        expect(beside[Object.keys(awkward).length + at]).toEqual(await one(text));
    });

    it('gives nothing for nothing', async () => {
      expect(await embedder.embed([], 'passage')).toEqual([]);
      expect(await embedder.embed([], 'query')).toEqual([]);
    });

    it('gives a text without content a vector of numbers, of length one or zero', async () => {
      for (const vector of await embedder.embed(['', ' \n\t '], 'passage')) {
        expect(vector).toHaveLength(embedder.dimensions);
        expect([0, 1]).toContain(Math.round(lengthOf(vector) * 1e4) / 1e4);
      }
    });

    it('embeds questions into the same space', async () => {
      const [question] = await embedder.embed([passages[0] ?? ''], 'query');
      expect(question).toHaveLength(embedder.dimensions);
      expect(cosine(question ?? new Float32Array(), await one(passages[0] ?? ''))).toBeGreaterThan(0.5);
    });

    it('embeds a text that is longer than anything it was made for', async () => {
      const vector = await one(passages.join('\n\n').repeat(200));
      expect(lengthOf(vector)).toBeCloseTo(1, 4);
    });

    it.each(Object.entries(awkward))('embeds %s', async (_, text) => {
      const vector = await one(text);
      expect(vector).toHaveLength(embedder.dimensions);
      expect(lengthOf(vector)).toBeCloseTo(1, 4);
    });

    it('keeps the answers of calls side by side apart', async () => {
      const alone = await Promise.all(passages.map(one));
      const answers = await Promise.all([
        ...passages.map((text) => embedder.embed([text], 'passage')),
        embedder.embed(passages, 'query'),
      ]);
      for (const [at, vector] of alone.entries()) expect(answers[at]?.[0]).toEqual(vector);
    });

    it('gives each vector memory of its own', async () => {
      for (const vector of await embedder.embed(passages, 'passage'))
        expect(vector.buffer.byteLength).toBe(vector.byteLength);
    });

    it('never has more tokens than it says', () => {
      for (const text of [...passages, ...Object.values(awkward)])
        expect(embedder.tokens(text)).toBeGreaterThanOrEqual(count(text));
      const string = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }));
      fc.assert(
        fc.property(string, (text) => embedder.tokens(text) >= count(text)),
        { numRuns: 500 },
      );
    });

    it('may be closed twice, and leaves no call without an end', async () => {
      const closing = open();
      const call = closing.embed(passages, 'passage').then(
        () => 'answered',
        () => 'rejected',
      );
      await closing.close();
      await closing.close();
      expect(['answered', 'rejected']).toContain(await call);
    });
  });
};
