/** BERT's encoder as an ONNX graph, for weights that come from elsewhere: those of a model, or chance. */
import type { Graph, Initializer, Node } from './onnx.ts';

export interface BertShape {
  readonly layers: number;
  readonly heads: number;
  readonly hidden: number;
  readonly feedForward: number;
  readonly vocabulary: number;
  readonly positions: number;
}

/** What all-MiniLM-L6-v2 is. */
export const MINILM: BertShape = {
  ...{ layers: 6, heads: 12, hidden: 384, feedForward: 1536 },
  ...{ vocabulary: 30_522, positions: 512 },
};

/** By the names that the weights have in PyTorch; a matrix has as many rows as it gives numbers. */
export type Weights = (name: string, dims: readonly number[]) => Float32Array;

const FLOAT = 1;
const EPSILON = 1e-12;
/** Exact enough to vanish in a softmax, and no infinity, of which a masked row would make NaN. */
const MASKED = -3.4e38;

/** `q8` quantises matrices by column and activations while it runs, as Optimum exports it. */
export const bert = (shape: BertShape, weights: Weights, dtype: 'fp32' | 'q8'): Graph => {
  const { layers, heads, hidden, feedForward, vocabulary, positions } = shape;
  const nodes: Node[] = [];
  const initializers: Initializer[] = [];
  const attribute = (name: string, value: number) => ({ [name]: { int: value } });

  const constant = (data: Initializer['data'], dims: readonly number[]): string => {
    const name = `c${initializers.length}`;
    initializers.push({ name, dims, data });
    return name;
  };
  const float = (value: number) => constant(Float32Array.of(value), []);
  const longs = (...values: readonly number[]) => constant(BigInt64Array.from(values, BigInt), [values.length]);
  const op = (name: string, inputs: readonly string[], attributes: Node['attributes'] = {}): string => {
    const output = `n${nodes.length}`;
    nodes.push({ op: name, inputs, output, attributes });
    return output;
  };
  const weight = (name: string, ...dims: readonly number[]) => constant(weights(name, dims), dims);

  const norm = (x: string, name: string): string =>
    op('LayerNormalization', [x, weight(`${name}.weight`, hidden), weight(`${name}.bias`, hidden)], {
      ...attribute('axis', -1),
      epsilon: { float: EPSILON },
    });

  const matrix = (x: string, columns: Float32Array, from: number, to: number): string => {
    if (dtype === 'fp32') return op('MatMul', [x, constant(columns, [from, to])]);
    const { values, scales } = quantised(columns, from, to);
    const at = nodes.length;
    const [whole, scale, zero] = [`q${at}`, `s${at}`, `z${at}`];
    nodes.push({ op: 'DynamicQuantizeLinear', inputs: [x], output: [whole, scale, zero] });
    const product = op('MatMulInteger', [whole, constant(values, [from, to]), zero]);
    return op('Mul', [op('Cast', [product], attribute('to', FLOAT)), op('Mul', [scale, constant(scales, [to])])]);
  };

  const linear = (x: string, name: string, from: number, to: number): string => {
    const columns = transposed(weights(`${name}.weight`, [to, from]), to, from);
    return op('Add', [matrix(x, columns, from, to), weight(`${name}.bias`, to)]);
  };

  const split = longs(0, 0, heads, hidden / heads);
  const joined = longs(0, 0, hidden);
  const one = float(1);
  const perm = (...order: readonly number[]) => ({ perm: { ints: order } });

  const gather = (table: string, ids: string) => op('Gather', [table, ids], attribute('axis', 0));
  const width = op('Squeeze', [op('Gather', [op('Shape', ['input_ids']), longs(1)], attribute('axis', 0))]);
  const [zeroth, first] = [0, 1].map((value) => constant(BigInt64Array.of(BigInt(value)), []));
  const order = op('Range', [zeroth as string, width, first as string]);
  const words = gather(weight('embeddings.word_embeddings.weight', vocabulary, hidden), 'input_ids');
  const types = gather(weight('embeddings.token_type_embeddings.weight', 2, hidden), 'token_type_ids');
  const places = gather(weight('embeddings.position_embeddings.weight', positions, hidden), order);
  let x = norm(op('Add', [op('Add', [words, types]), places]), 'embeddings.LayerNorm');

  const seen = op('Cast', ['attention_mask'], attribute('to', FLOAT));
  const mask = op('Unsqueeze', [op('Mul', [op('Sub', [one, seen]), float(MASKED)]), longs(1, 2)]);
  for (let layer = 0; layer < layers; layer += 1) {
    const of = `encoder.layer.${layer}.`;
    const part = (name: string, ...to: readonly number[]) =>
      op('Transpose', [op('Reshape', [linear(x, `${of}attention.self.${name}`, hidden, hidden), split])], perm(...to));
    const scores = op('MatMul', [part('query', 0, 2, 1, 3), part('key', 0, 2, 3, 1)]);
    const scaled = op('Div', [scores, float(Math.sqrt(hidden / heads))]);
    const attention = op('Softmax', [op('Add', [scaled, mask])], attribute('axis', -1));
    const heard = op('MatMul', [attention, part('value', 0, 2, 1, 3)]);
    const together = op('Reshape', [op('Transpose', [heard], perm(0, 2, 1, 3)), joined]);
    const attended = op('Add', [linear(together, `${of}attention.output.dense`, hidden, hidden), x]);
    x = norm(attended, `${of}attention.output.LayerNorm`);
    const wide = linear(x, `${of}intermediate.dense`, hidden, feedForward);
    const bent = op('Add', [op('Erf', [op('Div', [wide, float(Math.SQRT2)])]), one]);
    const gelu = op('Mul', [op('Mul', [wide, bent]), float(0.5)]);
    x = norm(op('Add', [linear(gelu, `${of}output.dense`, feedForward, hidden), x]), `${of}output.LayerNorm`);
  }
  nodes.push({ op: 'Identity', inputs: [x], output: 'last_hidden_state' });
  return {
    ...{ nodes, initializers },
    inputs: ['input_ids', 'attention_mask', 'token_type_ids'],
    output: { name: 'last_hidden_state', dimensions: hidden },
  };
};

const transposed = (rows: Float32Array, height: number, width: number): Float32Array => {
  const columns = new Float32Array(rows.length);
  for (let row = 0; row < height; row += 1)
    for (let at = 0; at < width; at += 1) columns[at * height + row] = rows[row * width + at] as number;
  return columns;
};

const quantised = (columns: Float32Array, height: number, width: number) => {
  const scales = new Float32Array(width);
  for (let at = 0; at < columns.length; at += 1) {
    const column = at % width;
    scales[column] = Math.max(scales[column] as number, Math.abs(columns[at] as number) / 127);
  }
  const values = new Int8Array(height * width);
  for (let at = 0; at < values.length; at += 1)
    values[at] = Math.round((columns[at] as number) / ((scales[at % width] as number) || 1));
  return { values, scales };
};
