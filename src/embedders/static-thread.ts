/** The inside of the static embedder's thread: texts in, their vectors out in one block that is handed over. */
import { inside } from '../thread.ts';
import { staticModel } from './static-model.ts';

const model = staticModel();

inside<readonly string[], Float32Array>().answering((texts) => {
  const value = model.embed(texts);
  return { value, transfer: [value.buffer as ArrayBuffer] };
});
