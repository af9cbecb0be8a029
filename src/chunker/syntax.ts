/**
 * Code by its syntax tree. A chunk may begin where a definition begins (with the comment above it), then where a
 * statement beside definitions does, then inside of definitions, the further in the less readily. Symbols are what
 * headings are in prose.
 *
 * Nothing here depends on how a grammar nests its helpers: what counts is which node is the outermost that begins a line,
 * and how many definitions and other nodes of several lines it stands in.
 */
import type { Tree, TreeCursor } from '@vscode/tree-sitter-wasm';
import { definitionOf } from './definitions.ts';
import type { Lines } from './lines.ts';
import type { Section, Structure } from './structure.ts';

const DEFINITION = 14;
/** Beside definitions, where what is around it counts for two each. */
const STATEMENT = 13;
const DEEPEST_DEFINITION = 3;
const INNER = 5;
const GLUED = 0;

/** Nobody reads deeper, and a recursion has to end somewhere. */
const MAX_DEPTH = 200;
/** Of the text: where more of it is no code that the grammar knows, shape says more than the tree. */
const MAX_ERRORS = 0.2;

/** What only holds others together: its parts count as parts of what it belongs to. */
const TRANSPARENT =
  /(?:^|_)(?:block|body|list|suite|statements|then|do)$|^(?:preproc_(?:if|ifdef|else|elif|elifdef)|linkage_specification|ERROR|translation_unit)$/;
const COMMENT = /comment|^(?:attribute_item|inner_attribute_item|decorator|attribute_list)$/;
/** Its lines belong to what it is the signature of. */
const SIGNATURE = /parameter|^(?:base_list|field_initializer_list)/;

interface Around {
  /** Definitions. */
  readonly definitions: number;
  /** Nodes of several lines inside the innermost definition that holds statements; -1 where definitions stand. */
  readonly inner: number;
  readonly section: number;
  /** Where the innermost definition begins, without its comment and what wraps it. */
  readonly defined: number;
  readonly depth: number;
}

/** Undefined if the tree makes too little sense of the text. */
export const syntax = (content: string, lines: Lines, tree: Tree): Structure | undefined => {
  const count = lines.start.length;
  const strength: number[] = Array.from({ length: count }, (_, i) => ((lines.blanks[i] ?? 0) > 0 ? 1 : 0));
  const sections: Section[] = [];
  const section: number[] = new Array(count).fill(-1);
  const said = new Uint8Array(count);
  const lineAt = new Int32Array((lines.number.at(-1) ?? 0) + 1).fill(-1);
  lines.number.forEach((number, i) => {
    lineAt[number - 1] = i;
  });
  let errors = 0;

  const firmnessOf = (line: number, isDefinition: boolean, { definitions, inner }: Around): number => {
    if (inner < 0) return (isDefinition ? DEFINITION : STATEMENT) - 2 * Math.min(definitions, DEEPEST_DEFINITION);
    return Math.max(1, INNER - Math.min(inner, 4)) + ((lines.blanks[line] ?? 0) > 0 ? 1 : 0);
  };

  const lastLineOf = (cursor: TreeCursor): number => {
    const { row, column } = cursor.endPosition;
    let last = column === 0 ? row - 1 : row;
    while (last > 0 && (lineAt[last] ?? -1) < 0) last -= 1;
    return lineAt[last] ?? -1;
  };

  /**
   * All parts of the node that the cursor stands on, which it stands on again at the end. The first line inside stays
   * with the one that opens it: whether it is still to come is handed in and back.
   */
  const within = (cursor: TreeCursor, around: Around, glueFirst: boolean): boolean => {
    if (around.depth > MAX_DEPTH || !cursor.gotoFirstChild()) return glueFirst;
    let first = glueFirst;
    // The comment right above, if what comes now follows it without a blank line.
    let comment = -1;
    let commentEnd = -1;
    do {
      const type = cursor.nodeType;
      const line = lineAt[cursor.startPosition.row] ?? -1;
      const end = lastLineOf(cursor);
      if (type === 'ERROR') errors += cursor.endIndex - cursor.startIndex;
      if (line < 0) continue;
      if (SIGNATURE.test(type)) {
        if (end > line)
          within(cursor, { ...around, inner: Math.max(0, around.inner) + 2, depth: around.depth + 1 }, false);
        continue;
      }
      if (TRANSPARENT.test(type)) {
        if (end > line) first = within(cursor, { ...around, depth: around.depth + 1 }, first);
        continue;
      }
      if (said[line] === 1 || lines.first[line] !== cursor.startIndex) {
        if (end > line) first = inside(cursor, around, { begin: line, end, begins: false, first });
        continue;
      }
      said[line] = 1;
      const begin = comment >= 0 && line === commentEnd + 1 && (lines.blanks[line] ?? 0) === 0 ? comment : line;
      if (begin < line || !cursor.nodeIsNamed) strength[line] = GLUED;
      if (!cursor.nodeIsNamed) continue;
      if (COMMENT.test(type)) {
        if (begin === line) strength[line] = first ? GLUED : firmnessOf(line, false, around);
        comment = begin;
        commentEnd = end;
        continue;
      }
      comment = -1;
      if (first) strength[begin] = GLUED;
      else if (/_clause$/.test(type)) strength[begin] = 1;
      else strength[begin] = firmnessOf(begin, false, around);
      if (end > begin) inside(cursor, around, { begin, end, begins: true, first });
      first = false;
    } while (cursor.gotoNextSibling());
    cursor.gotoParent();
    return first;
  };

  interface Node {
    /** The line that it, or the comment above it, begins with or in. */
    readonly begin: number;
    readonly end: number;
    readonly begins: boolean;
    readonly first: boolean;
  }

  /** A node of several lines. */
  const inside = (cursor: TreeCursor, around: Around, { begin, end, begins, first }: Node): boolean => {
    const found = definitionOf(cursor.currentNode);
    // What exports or decorates a definition has been taken for it already.
    const definition = found?.at === around.defined ? undefined : found;
    const depth = around.depth + 1;
    if (!definition) {
      const inner = begins ? Math.max(0, around.inner + 1) : around.inner;
      return within(cursor, { ...around, inner, depth }, first || begins);
    }
    if (begins && !first) strength[begin] = firmnessOf(begin, true, around);
    const own = sections.push({ title: definition.title, parent: around.section, line: begin, end }) - 1;
    section.fill(own, begin, end + 1);
    const holdsDefinitions = around.inner < 0 && definition.container;
    const inner = holdsDefinitions ? -1 : around.inner < 0 ? 0 : around.inner + 1;
    return within(
      cursor,
      { definitions: around.definitions + 1, inner, section: own, defined: definition.at, depth },
      true,
    );
  };

  const cursor = tree.walk();
  within(cursor, { definitions: 0, inner: -1, section: -1, defined: -1, depth: 0 }, false);
  cursor.delete();
  return errors > content.length * MAX_ERRORS ? undefined : { strength, sections, section };
};
