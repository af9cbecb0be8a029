/** A heading or a symbol that what follows stands under. */
export interface Section {
  readonly title: string;
  /** The section around it, by its index; -1 at the top. */
  readonly parent: number;
  /** The line, by its index among the lines that are not blank, that spells the title out. */
  readonly line: number;
  /** Its last line, of a symbol. A heading's section ends where another one begins. */
  readonly end?: number;
}

export interface Structure {
  /** Per line that is not blank. */
  readonly strength: ArrayLike<number>;
  readonly sections: readonly Section[];
  /** The innermost section that each line stands under, a heading under itself; -1 for none. */
  readonly section: ArrayLike<number>;
  /** What is embedded before a chunk that begins with a line, beside its path: the header of a table. */
  readonly repeated?: ReadonlyMap<number, string>;
}
