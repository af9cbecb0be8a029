/** From the vectors of a text's tokens, one after the other, to one of length one; all zero where there is no direction. */
export const pool = (how: 'mean' | 'cls', rows: Float32Array, vector: Float32Array): void => {
  const dimensions = vector.length;
  const end = how === 'cls' ? dimensions : rows.length;
  const sum = new Float64Array(dimensions);
  for (let from = 0; from < end; from += dimensions)
    for (let at = 0; at < dimensions; at += 1) sum[at] = (sum[at] as number) + (rows[from + at] as number);
  normalise(sum, vector);
};

export const normalise = (from: Float64Array | Float32Array, vector: Float32Array): void => {
  let squares = 0;
  for (let at = 0; at < vector.length; at += 1) squares += (from[at] as number) ** 2;
  if (squares === 0) return;
  const scale = 1 / Math.sqrt(squares);
  for (let at = 0; at < vector.length; at += 1) vector[at] = (from[at] as number) * scale;
};
