/**
 * What the structure of a text says about where chunks may begin. One function a kind of text; a text whose language is
 * not in the table goes by blank lines and indentation.
 */
import { indentation } from './indentation.ts';
import type { Lines } from './lines.ts';
import { markdown } from './markdown.ts';

/** A heading, or later a symbol, that what follows stands under. */
export interface Section {
  readonly title: string;
  /** The section around it, by its index; -1 at the top. */
  readonly parent: number;
  /** The line, by its index among the lines that are not blank, that spells the title out. */
  readonly line: number;
}

export interface Structure {
  /** Per line that is not blank. */
  readonly strength: readonly number[];
  readonly sections: readonly Section[];
  /** The innermost section that each line stands under, a heading under itself; -1 for none. */
  readonly section: readonly number[];
}

const byLanguage: Readonly<Record<string, (content: string, lines: Lines) => Structure>> = {
  markdown,
};

export const structureOf = (language: string, content: string, lines: Lines): Structure =>
  (Object.hasOwn(byLanguage, language) ? byLanguage[language] : undefined)?.(content, lines) ??
  indentation(content, lines);
