/**
 * What the structure of a text says about where chunks may begin. Code with a grammar goes by its syntax tree, other kinds
 * of text by a function each; whatever is left goes by blank lines and indentation.
 */
import { asciidoc } from './asciidoc.ts';
import type { Parse } from './grammars.ts';
import { indentation } from './indentation.ts';
import type { Lines } from './lines.ts';
import { markdown } from './markdown.ts';
import { restructuredtext } from './restructuredtext.ts';
import { syntax } from './syntax.ts';

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
  readonly strength: readonly number[];
  readonly sections: readonly Section[];
  /** The innermost section that each line stands under, a heading under itself; -1 for none. */
  readonly section: readonly number[];
  /** What is embedded before a chunk that begins with a line, beside its path: the header of a table. */
  readonly repeated?: readonly (string | undefined)[];
}

const byLanguage: Readonly<Record<string, (content: string, lines: Lines) => Structure>> = {
  asciidoc,
  jupyter: markdown,
  markdown,
  restructuredtext,
};

export const structureOf = (language: string, content: string, lines: Lines, parse: Parse | undefined): Structure =>
  byTree(content, lines, parse) ??
  (Object.hasOwn(byLanguage, language) ? byLanguage[language] : undefined)?.(content, lines) ??
  indentation(content, lines);

const byTree = (content: string, lines: Lines, parse: Parse | undefined): Structure | undefined => {
  const tree = parse?.(content);
  if (!tree) return undefined;
  try {
    return syntax(content, lines, tree);
  } finally {
    tree.delete();
  }
};
