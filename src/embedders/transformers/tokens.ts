/** The model's own tokenizer, without the model. */
import { isAbsolute } from 'node:path';
import type { TokenCounter } from '../../chunker/token-counter.ts';
import type { TransformersOptions } from '../../config/embedder.ts';
import { had, loadingOf, transformersPackage } from './package.ts';

export const transformersTokens = async (options: TransformersOptions): Promise<TokenCounter> => {
  const { model, revision, hub, cache } = options;
  const place = { model, local: isAbsolute(model), revision, hub, cache };
  const { AutoTokenizer } = await transformersPackage(place);
  const tokenizer = await had(place, AutoTokenizer.from_pretrained(model, loadingOf(place)));
  const count = (text: string) =>
    tokenizer(text.toWellFormed(), {
      ...{ add_special_tokens: false, padding: false, truncation: false, return_tensor: false },
    }).input_ids.length;
  // BERT's parts words at white space before anything else: no token reaches across it, nor depends on it.
  return Object.assign(count, { additive: tokenizer._tokenizerJSON.pre_tokenizer?.type === 'BertPreTokenizer' });
};
