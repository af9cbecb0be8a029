/** The model's own tokenizer, without the model. */
import { isAbsolute } from 'node:path';
import type { TransformersOptions } from '../config/embedder.ts';
import { had, loadingOf, transformersPackage } from './transformers-package.ts';

export const transformersTokens = async (options: TransformersOptions): Promise<(text: string) => number> => {
  const { model, revision, hub, cache } = options;
  const place = { model, local: isAbsolute(model), revision, hub, cache };
  const { AutoTokenizer } = await transformersPackage(place);
  const tokenizer = await had(place, AutoTokenizer.from_pretrained(model, loadingOf(place)));
  return (text) =>
    tokenizer(text.toWellFormed(), {
      ...{ add_special_tokens: false, padding: false, truncation: false, return_tensor: false },
    }).input_ids.length;
};
