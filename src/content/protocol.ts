/** What the two sides of the content worker say to each other. */
import type { Cut } from '../chunker/chunker.ts';
import type { ContentLimits, Converted } from '../converters/convert.ts';

/** Where the worker finds how to count tokens: a module that exports `tokenCounter(options)`, or a promise of one. */
export interface TokensModule {
  /** Its URL, because paths of a worker are relative to nothing that its owner knows. */
  readonly module: string;
  /** Whatever survives a structured clone. */
  readonly options?: unknown;
}

export interface ThreadData {
  readonly limits: ContentLimits;
  readonly chunk: { readonly tokens: number };
  readonly tokens: TokensModule;
}

export type Work =
  | { readonly do: 'convert'; readonly path: string; readonly bytes: Uint8Array }
  | { readonly do: 'chunk'; readonly language: string; readonly content: string };

export type Reply =
  | { readonly is: 'converted'; readonly converted: Converted }
  | { readonly is: 'chunked'; readonly cuts: PackedCuts };

/** Cuts as a few flat objects: thousands of small ones would keep the main thread busy with taking them in. */
export interface PackedCuts {
  /** Five numbers a cut: start, end, first line, last line, and the index of its path. */
  readonly numbers: Int32Array<ArrayBuffer>;
  readonly paths: readonly Pick<Cut, 'heading' | 'prefix'>[];
}

export const pack = (cuts: readonly Cut[]): PackedCuts => {
  const numbers = new Int32Array(cuts.length * 5);
  const paths: Pick<Cut, 'heading' | 'prefix'>[] = [];
  const known = new Map<string, number>();
  cuts.forEach(({ start, end, startLine, endLine, heading, prefix }, i) => {
    const key = [prefix, ...heading].join('\0');
    const path = known.get(key) ?? paths.push({ heading, prefix }) - 1;
    known.set(key, path);
    numbers.set([start, end, startLine, endLine, path], i * 5);
  });
  return { numbers, paths };
};

export const unpack = ({ numbers, paths }: PackedCuts): Cut[] => {
  const cuts: Cut[] = [];
  for (let i = 0; i < numbers.length; i += 5) {
    const [start = 0, end = 0, startLine = 0, endLine = 0, path = 0] = numbers.subarray(i, i + 5);
    const { heading, prefix } = paths[path] ?? { heading: [], prefix: '' };
    cuts.push({ start, end, startLine, endLine, heading, prefix });
  }
  return cuts;
};
