/** What every chunker promises. An adapter's test is one call. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TokenCounter } from '../../src/chunker/token-counter.ts';
import type { Chunker } from '../../src/ports.ts';
import type { Text } from '../../src/records.ts';
import { anyText } from '../support/texts.ts';
import { flawsOf } from '../support/whole.ts';

export interface OpenChunker {
  readonly chunker: Chunker;
  /** What no chunk may exceed, and how that is counted. */
  readonly tokens: number;
  readonly count: TokenCounter;
}

const withoutSpace = (text: string) => text.replace(/\s+/g, '');

export const chunkerContract = (name: string, open: () => OpenChunker): void => {
  describe(`${name}, as a chunker`, () => {
    let opened: OpenChunker;
    beforeAll(() => {
      opened = open();
    });
    afterAll(() => opened.chunker.close());
    const chunk = (text: Text) => opened.chunker.chunk('any/path.md', text);

    it('puts every line that is not blank into exactly one chunk that claims it', async () => {
      await fc.assert(
        fc.asyncProperty(anyText, async (text) => {
          expect(flawsOf(text, await chunk(text))).toEqual([]);
        }),
        { numRuns: 100 },
      );
    });

    it('embeds nothing that is longer than the budget, unless it is a single character', async () => {
      await fc.assert(
        fc.asyncProperty(anyText, async (text) => {
          for (const { embed } of await chunk(text))
            if ([...embed].length > 1) expect(opened.count(embed)).toBeLessThanOrEqual(opened.tokens);
        }),
        { numRuns: 100 },
      );
    });

    it('embeds the headings of a chunk, the header of its table and its text, and nothing of its path', async () => {
      await fc.assert(
        fc.asyncProperty(anyText, async (text) => {
          const chunks = await chunk(text);
          for (const { embed, text: own, heading } of chunks) {
            expect(embed.endsWith(own)).toBe(true);
            for (const part of embed.slice(0, embed.length - own.length).split(/ > |\n+/))
              if (part !== '') expect(`${heading.join(' > ')}\n${text.content}`).toContain(part);
          }
          expect(await opened.chunker.chunk('another/name.md', text)).toEqual(chunks);
        }),
        { numRuns: 50 },
      );
    });

    it('orders its chunks as they stand in the text', async () => {
      await fc.assert(
        fc.asyncProperty(anyText, async (text) => {
          const starts = (await chunk(text)).map(({ startLine }) => startLine);
          expect(starts).toEqual(starts.toSorted((a, b) => a - b));
        }),
        { numRuns: 50 },
      );
    });

    it('never cuts inside a surrogate pair', async () => {
      const faces = Array.from({ length: 5_000 }, (_, i) => String.fromCodePoint(0x1f600 + ((i * 7) % 64)));
      for (const content of [
        `a${faces.join('')}`,
        faces.join(''),
        faces.map((face, i) => face + 'abc'.slice(i % 3)).join(''),
      ]) {
        const chunks = await chunk({ content, language: 'text', mediaType: 'text/plain' });
        expect(chunks.map(({ text }) => text).join('')).toBe(content);
        for (const { text } of chunks) expect(text).not.toMatch(/\p{Surrogate}/u);
      }
    });

    it('gives a text that is blank no chunk', async () => {
      expect(await chunk({ content: ' \n\n\t\n', language: 'text', mediaType: 'text/plain' })).toEqual([]);
    });

    it('cuts a line of 3.9 MB in time', { timeout: 20_000 }, async () => {
      const content = '{"key":"a value"},'.repeat(217_000).slice(0, 3_900_000);
      const text = { content, language: 'json', mediaType: 'application/json' };
      const chunks = await chunk(text);
      expect(withoutSpace(chunks.map((one) => one.text).join(''))).toBe(withoutSpace(content));
      expect(chunks.every(({ startLine, endLine }) => startLine === 1 && endLine === 1)).toBe(true);
    });
  });
};
