/** The content worker's side: one item at a time, in the order in which they came. Runs in a thread only. */
import { cutsOf } from '../chunker/chunker.ts';
import { parseOf } from '../chunker/grammars.ts';
import type { TokenCounter } from '../chunker/token-counter.ts';
import { convert } from '../converters/convert.ts';
import { inside } from '../runtime/thread.ts';
import { pack, type Reply, type ThreadData, type Work } from './protocol.ts';

const { data, answering } = inside<Work, Reply>();
const { limits, chunk, tokens } = data as ThreadData;

const loaded: { tokenCounter?: (options: unknown) => TokenCounter | Promise<TokenCounter> } = await import(
  tokens.module
);
if (typeof loaded.tokenCounter !== 'function') throw new Error(`${tokens.module} exports no function tokenCounter`);
const count = await loaded.tokenCounter(tokens.options);

answering(async (work) => {
  if (work.do === 'convert')
    return { value: { is: 'converted', converted: convert(work.path, work.bytes, limits) }, transfer: [] };
  const text = { content: work.content, language: work.language, mediaType: '' };
  const cuts = pack(cutsOf(text, { tokens: chunk.tokens, count, parse: await parseOf(work.language) }));
  return { value: { is: 'chunked', cuts }, transfer: [cuts.numbers.buffer] };
});
