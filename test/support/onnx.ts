/** Writes ONNX models, byte by byte, so that tests run the real inference on models that need no download. */

type Bytes = Uint8Array;

export interface Initializer {
  readonly name: string;
  readonly dims: readonly number[];
  readonly data: Float32Array | Int8Array | Uint8Array | BigInt64Array;
}

export interface Node {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly output: string | readonly string[];
  /** Whole numbers stand as `int`, lists of them as `ints`, the others as `float`. */
  readonly attributes?: Readonly<Record<string, { int: number } | { ints: readonly number[] } | { float: number }>>;
}

export interface Graph {
  readonly nodes: readonly Node[];
  readonly initializers: readonly Initializer[];
  /** All of int64, [texts, tokens]. */
  readonly inputs: readonly string[];
  readonly output: { readonly name: string; readonly dimensions: number };
}

const FLOAT = 1;
const UINT8 = 2;
const INT8 = 3;
const INT64 = 7;

const varint = (value: number): Bytes => {
  const bytes: number[] = [];
  let left = BigInt.asUintN(64, BigInt(value));
  do {
    bytes.push(Number(left & 0x7fn) | (left > 0x7fn ? 0x80 : 0));
    left >>= 7n;
  } while (left > 0n);
  return Uint8Array.from(bytes);
};
const number = (field: number, value: number): Bytes => Buffer.concat([varint(field << 3), varint(value)]);
const float = (field: number, value: number): Bytes =>
  Buffer.concat([varint((field << 3) | 5), new Uint8Array(Float32Array.of(value).buffer)]);
const bytes = (field: number, ...parts: readonly Bytes[]): Bytes => {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([varint((field << 3) | 2), varint(length), ...parts]);
};
const text = (field: number, value: string): Bytes => bytes(field, Buffer.from(value));

const typeOf = (data: Initializer['data']): number => {
  if (data instanceof Float32Array) return FLOAT;
  if (data instanceof Int8Array) return INT8;
  return data instanceof Uint8Array ? UINT8 : INT64;
};

const tensor = ({ name, dims, data }: Initializer): Bytes =>
  bytes(
    5,
    ...dims.map((size) => number(1, size)),
    number(2, typeOf(data)),
    text(8, name),
    bytes(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)),
  );

const node = ({ op, inputs, output, attributes = {} }: Node): Bytes =>
  bytes(
    1,
    ...inputs.map((name) => text(1, name)),
    ...[output].flat().map((name) => text(2, name)),
    text(4, op),
    ...Object.entries(attributes).map(([name, value]) => {
      if ('int' in value) return bytes(5, text(1, name), number(3, value.int), number(20, 2));
      if ('float' in value) return bytes(5, text(1, name), float(2, value.float), number(20, 1));
      return bytes(5, text(1, name), ...value.ints.map((one) => number(8, one)), number(20, 7));
    }),
  );

const valueInfo = (field: number, name: string, type: number, dims: readonly (string | number)[]): Bytes => {
  const shape = dims.map((dim) => bytes(1, typeof dim === 'string' ? text(2, dim) : number(1, dim)));
  return bytes(field, text(1, name), bytes(2, bytes(1, number(1, type), bytes(2, ...shape))));
};

export const onnx = ({ nodes, initializers, inputs, output }: Graph): Bytes =>
  Buffer.concat([
    number(1, 8),
    bytes(8, text(1, ''), number(2, 17)),
    bytes(
      7,
      ...nodes.map(node),
      text(2, 'model'),
      ...initializers.map(tensor),
      ...inputs.map((name) => valueInfo(11, name, INT64, ['texts', 'tokens'])),
      valueInfo(12, output.name, FLOAT, ['texts', 'tokens', output.dimensions]),
    ),
  ]);
