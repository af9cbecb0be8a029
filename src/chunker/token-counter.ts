/** The embedder's own, so that what is measured here is what the model will read. */
export interface TokenCounter {
  (text: string): number;
  /** Whether a text has exactly as many as its words have together, so that nothing has to be counted twice. */
  readonly additive?: boolean;
  /** Of a part of a text, where it need not be cut out for that. */
  readonly between?: (text: string, from: number, to: number) => number;
}
