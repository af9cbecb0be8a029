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
import type { Structure } from './structure.ts';
import { syntax } from './syntax.ts';

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
