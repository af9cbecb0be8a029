/**
 * The inside of the static embedder's thread: texts in, their vectors out in one block that is handed over; or a question
 * with passages, and how near these are to it.
 */
import { inside } from '../../runtime/thread.ts';
import { staticModel } from './model.ts';

export interface StaticRequest {
  readonly question?: string;
  readonly texts: readonly string[];
}

const model = staticModel();

inside<StaticRequest, Float32Array>().answering(({ question, texts }) => {
  const value = question === undefined ? model.embed(texts) : model.compare(question, texts);
  return { value, transfer: [value.buffer] };
});
