/**
 * The inner loop of exact search, four numbers at a time: a small WebAssembly module that is put together here, as
 * plain JavaScript has no vector instructions and takes four times as long (docs/decisions.md). `matrix.ts` calls it,
 * and its test compares it with the plain sum.
 */

/** `rows` dot products of `query` with the rows at `matrix`, written to `scores`; all byte offsets, 16-byte steps. */
export type Scan = (matrix: number, rows: number, rowBytes: number, query: number, scores: number) => void;

const I32 = 0x7f;
const V128 = 0x7b;
const EMPTY = 0x40;

/** Locals: the five parameters, then these. */
const [MATRIX, ROWS, ROW_BYTES, QUERY, SCORES, AT, END, EVEN, ODD] = [0, 1, 2, 3, 4, 5, 6, 7, 8];

const get = (local: number) => [0x20, local];
const set = (local: number) => [0x21, local];
const constant = (value: number) => [0x41, value];
const ADD = [0x6a];
const SUBTRACT = [0x6b];
const LESS = [0x49];
const block = (...body: number[][]) => [0x02, EMPTY, ...body.flat(), 0x0b];
const loop = (...body: number[][]) => [0x03, EMPTY, ...body.flat(), 0x0b];
const leaveIf = (depth: number) => [0x0d, depth];
const again = (depth: number) => [0x0c, depth];
const IS_ZERO = [0x45];
/** A load of 16 bytes; aligned to 4, as far as the machine may rely on. */
const load = (offset: number) => [0xfd, 0x00, 2, offset];
const ZEROS = [0xfd, 0x0c, ...new Array<number>(16).fill(0)];
const ADD_FOUR = [0xfd, 0xe4, 0x01];
const MULTIPLY_FOUR = [0xfd, 0xe6, 0x01];
const lane = (index: number) => [0xfd, 0x1f, index];
const ADD_FLOAT = [0x92];
const STORE_FLOAT = [0x38, 2, 0];

const step = (local: number, by: number) => [...get(local), ...constant(by), ...ADD, ...set(local)];
const accumulate = (sum: number, offset: number) =>
  [get(sum), get(MATRIX), load(offset), get(AT), load(offset), MULTIPLY_FOUR, ADD_FOUR, set(sum)].flat();

const body = [
  block(
    loop(
      [...get(ROWS), ...IS_ZERO, ...leaveIf(1)],
      [...get(QUERY), ...set(AT), ...get(QUERY), ...get(ROW_BYTES), ...ADD, ...set(END)],
      [...ZEROS, ...set(EVEN), ...ZEROS, ...set(ODD)],
      // Two sums side by side, as one would wait for each addition before the next.
      loop(accumulate(EVEN, 0), accumulate(ODD, 16), step(MATRIX, 32), step(AT, 32), [
        ...get(AT),
        ...get(END),
        ...LESS,
        ...leaveIf(0),
      ]),
      [...get(EVEN), ...get(ODD), ...ADD_FOUR, ...set(EVEN)],
      [...get(SCORES), ...get(EVEN), ...lane(0), ...get(EVEN), ...lane(1), ...ADD_FLOAT],
      [...get(EVEN), ...lane(2), ...ADD_FLOAT, ...get(EVEN), ...lane(3), ...ADD_FLOAT, ...STORE_FLOAT],
      step(SCORES, 4),
      [...get(ROWS), ...constant(1), ...SUBTRACT, ...set(ROWS)],
      again(0),
    ),
  ),
].flat();

/** Lengths beyond 127 take two bytes. */
const sized = (bytes: readonly number[]) =>
  bytes.length < 128 ? [bytes.length, ...bytes] : [(bytes.length & 0x7f) | 0x80, bytes.length >> 7, ...bytes];
const section = (id: number, bytes: readonly number[]) => [id, ...sized(bytes)];
const named = (text: string) => sized([...Buffer.from(text)]);

const MODULE = Uint8Array.from([
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
  ...section(1, [1, 0x60, 5, I32, I32, I32, I32, I32, 0]),
  ...section(2, [1, ...named('from'), ...named('memory'), 0x02, 0x00, 1]),
  ...section(3, [1, 0]),
  ...section(7, [1, ...named('scan'), 0x00, 0]),
  ...section(10, [1, ...sized([2, 2, I32, 2, V128, ...body, 0x0b])]),
]);

export interface Memory {
  readonly buffer: ArrayBuffer;
  /** Throws a RangeError when there is no more to have. */
  grow(pages: number): number;
}

/** What Node has of WebAssembly, whose types come with the browser's only. */
const wasm = Reflect.get(globalThis, 'WebAssembly') as {
  readonly Memory: new (size: { initial: number }) => Memory;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: { readonly scan: Scan } };
};

export const newMemory = (pages: number): Memory => new wasm.Memory({ initial: pages });

export const scanOver = (memory: Memory): Scan =>
  new wasm.Instance(new wasm.Module(MODULE), { from: { memory } }).exports.scan;
