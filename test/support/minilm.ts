/** A model directory in MiniLM's shape, with real weights or with chance ones: as slow, and as large, as the real one. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bert, MINILM, type Weights } from './bert.ts';
import { onnx } from './onnx.ts';
import { writeTokenizer } from './small-model.ts';

export const writeMinilm = (directory: string, weights: Weights = chance()): void => {
  mkdirSync(join(directory, 'onnx'), { recursive: true });
  writeFileSync(join(directory, 'onnx', 'model.onnx'), onnx(bert(MINILM, weights, 'fp32')));
  writeFileSync(join(directory, 'onnx', 'model_quantized.onnx'), onnx(bert(MINILM, weights, 'q8')));
  writeTokenizer(directory);
  const config = { model_type: 'bert', hidden_size: MINILM.hidden, max_position_embeddings: MINILM.positions };
  writeFileSync(
    join(directory, 'config.json'),
    JSON.stringify({ ...config, _name_or_path: 'sentence-transformers/all-MiniLM-L6-v2' }),
  );
};

/** The same each time, of about the size that trained weights have. */
const chance = (): Weights => {
  const drawn = new Map<string, Float32Array>();
  let state = 1;
  const draw = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state / 2 ** 32 - 0.5) * 0.1;
  };
  return (name, dims) => {
    const known = drawn.get(name);
    if (known) return known;
    const size = dims.reduce((product, dim) => product * dim, 1);
    const fresh = name.endsWith('LayerNorm.weight')
      ? new Float32Array(size).fill(1)
      : Float32Array.from({ length: size }, draw);
    drawn.set(name, fresh);
    return fresh;
  };
};
