/** Which token of a passage is the nearest to each token of a question: by the cosine of their rows, each multiplied once. */
import { matrix } from '../../vectors/matrix.ts';
import type { Table } from './table.ts';

/** Of a question; what goes on longer is a text, which its mean stands for. */
const MOST_ASKED = 32;

export interface Nearness {
  /** How many tokens may be asked for. */
  readonly most: number;
  /** What is given back takes a passage's tokens to their best cosine with each asked one, at least 0. Good until the next `ask`. */
  ask(asked: readonly number[]): (passage: Uint16Array) => Float32Array;
}

export const nearness = ({ rows, dimensions, values }: Table): Nearness => {
  /** Of each row, once it was asked for; 0 before. */
  const lengths = new Float32Array(rows);
  const lengthOf = (id: number): number => {
    if (lengths[id] === 0) {
      let squares = 0;
      for (let at = id * dimensions; at < (id + 1) * dimensions; at += 1) squares += (values[at] as number) ** 2;
      lengths[id] = Math.sqrt(squares) || 1;
    }
    return lengths[id] as number;
  };

  const direction = new Float32Array(dimensions);
  /** The row alone, of length one; all zero if the row is. Overwritten by the next call. */
  const directionOf = (id: number): Float32Array => {
    const scale = 1 / lengthOf(id);
    const from = id * dimensions;
    for (let at = 0; at < dimensions; at += 1) direction[at] = (values[from + at] as number) * scale;
    return direction;
  };

  const question = matrix(dimensions, MOST_ASKED);
  const block = question.block();
  /** The rows that this question has met, and where each stands among them, counted from 1. */
  let met: number[] = [];
  const places = new Uint32Array(rows);
  /** Of the rows that were met, one after the other, with each asked one. */
  let cosines = new Float32Array(2_048 * MOST_ASKED);

  const meet = (id: number, asked: number): number => {
    const from = met.length * asked;
    met.push(id);
    places[id] = met.length;
    if (from + asked > cosines.length) {
      const larger = new Float32Array(cosines.length * 2);
      larger.set(cosines);
      cosines = larger;
    }
    cosines.set(question.products(block, asked, directionOf(id)), from);
    return from;
  };

  return {
    most: MOST_ASKED,
    ask(asked) {
      for (const id of met) places[id] = 0;
      met = [];
      for (const [at, id] of asked.entries()) question.set(block, at, directionOf(id));
      const count = asked.length;
      return (passage) => {
        const nearest = new Float32Array(count);
        for (let next = 0; next < passage.length; next += 1) {
          const id = passage[next] as number;
          const place = places[id] as number;
          const from = place === 0 ? meet(id, count) : (place - 1) * count;
          for (let at = 0; at < count; at += 1)
            if ((cosines[from + at] as number) > (nearest[at] as number)) nearest[at] = cosines[from + at] as number;
        }
        return nearest;
      };
    },
  };
};
