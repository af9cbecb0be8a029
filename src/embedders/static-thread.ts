/** The inside of the static embedder's thread: texts in, their vectors out in one block that is handed over. */
import { staticModel } from './static-model.ts';
import { answering } from './thread.ts';

const model = staticModel();

answering<readonly string[], Float32Array>((texts) => {
  const vectors = model.embed(texts);
  return { answer: vectors, transfer: [vectors.buffer] };
});
