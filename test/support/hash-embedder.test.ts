import { expect, it } from 'vitest';
import { embedderContract } from '../contracts/embedder.ts';
import { hashEmbedder, hashTokens } from './hash-embedder.ts';

embedderContract('hash', {
  open: () => hashEmbedder({ dimensions: 384 }),
  count: hashTokens,
  aloneAndBeside: true,
});

it('finds texts alike that share their words, in whatever case', async () => {
  const embedder = hashEmbedder({ dimensions: 64 });
  const [a, b] = await embedder.embed(['Commit the offsets', 'offsets: COMMIT (the)'], 'passage');
  expect(a).toEqual(b);
});

it('counts words', () => {
  expect(hashTokens('one, two; three3 vier')).toBe(4);
  expect(hashTokens('')).toBe(0);
});
