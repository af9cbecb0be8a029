/** A call of many texts as several calls of a thread, so that a question waits for a slice and never for a batch. */

export interface Slicing {
  readonly dimensions: number;
  /** Characters that a slice has at most, unless one text alone has more. */
  readonly characters: number;
  /** Resolves to the vectors of these texts, one after the other. */
  readonly call: (texts: readonly string[]) => Promise<Float32Array>;
}

export const inSlices = async (texts: readonly string[], { dimensions, characters, call }: Slicing) => {
  const vectors: Float32Array[] = new Array(texts.length);
  const embed = async (slice: readonly number[]) => {
    const block = await call(slice.map((at) => texts[at] as string));
    // Each in memory of its own: whoever keeps one of them keeps no batch, and `vector.buffer` is that vector.
    for (const [row, at] of slice.entries()) vectors[at] = block.slice(row * dimensions, (row + 1) * dimensions);
  };
  await Promise.all(slicesOf(texts, characters).map(embed));
  return vectors;
};

/** Texts of one length travel together: what is padded costs as much as what is read. */
const slicesOf = (texts: readonly string[], characters: number): readonly (readonly number[])[] => {
  const length = (at: number) => texts[at]?.length ?? 0;
  const slices: number[][] = [];
  let room = 0;
  for (const at of [...texts.keys()].sort((a, b) => length(b) - length(a))) {
    const slice = slices.at(-1);
    if (slice && length(at) <= room) slice.push(at);
    else {
      slices.push([at]);
      room = characters;
    }
    room -= length(at);
  }
  return slices;
};
