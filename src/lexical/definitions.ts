/**
 * The names that a piece of code defines, told line by line and without a parser: what a re-rank needs of any language,
 * also of such as no grammar is there for. A name too many costs little, since only names that were asked for count.
 */

const MODIFIERS =
  '(?:(?:export|default|declare|public|private|protected|internal|static|final|abstract|sealed|async|override|virtual|' +
  'readonly|inline|extern|unsafe|open|data|pub(?:\\([^)]*\\))?|local|partial|const(?=\\s+(?:fn|enum|class)))\\s+)*';
const KEYWORDS =
  'class|interface|trait|struct|enum|union|type|typealias|record|protocol|object|module|namespace|' +
  'def|fn|func|fun|function\\*?|sub|proc|procedure|macro|const|let|var|val|macro_rules!|#define';
const NAME = '([\\p{L}_$][\\p{L}\\p{N}_$]*)';

/** `export const name`, `class name`, `func (r *Receiver) name`, `def self.name`. */
const KEYWORD = new RegExp(`^\\s*${MODIFIERS}(?:${KEYWORDS})\\s+(?:\\([^)]*\\)\\s*|self\\.|mut\\s+)?${NAME}`, 'u');
/** A method of a class or an object literal: `async name(args) {`, `name: (args) =>`, `name = function`. */
const METHOD = new RegExp(
  `^\\s*${MODIFIERS}(?:get\\s+|set\\s+|\\*\\s*)?#?${NAME}\\s*(?:(?:<[^>]*>)?\\([^;]*\\)[^;=]*\\{\\s*$|[:=]\\s*(?:async\\s*)?(?:\\([^)]*\\)|\\w+)\\s*=>|[:=]\\s*(?:async\\s+)?function\\b)`,
  'u',
);
/** With the type before the name: `public List<String> name(args) {`, `static int name(void)`. */
const TYPED = new RegExp(`^\\s*${MODIFIERS}[\\p{L}_][\\p{L}\\p{N}_<>,.:&*\\[\\]? ]*[\\s*&]${NAME}\\s*\\([^;]*$`, 'u');
/** At the left margin: `NAME = value` in Python, a shell's `name() {`. */
const ASSIGNED = new RegExp(`^${NAME}\\s*(?:(?::[^=]+)?=[^=>]|\\(\\)\\s*\\{)`, 'u');

/** A variable inside of something. */
const LOCAL = /^\s+(?:const|let|var|val)\s/;

const NO_NAMES = new Set(
  'if for while switch catch return else elif do with when match case new await yield throw function not and or in is'.split(
    ' ',
  ),
);
/** Encoded data and minified code define nothing that anybody asks for. */
const MAX_LINE = 500;

export const definedNames = (text: string): string[] => {
  const names = new Set<string>();
  for (const line of text.split('\n')) {
    if (line.length > MAX_LINE) continue;
    const name = nameOf(line);
    if (name !== undefined) names.add(name);
  }
  return [...names];
};

const nameOf = (line: string): string | undefined => {
  const keyword = KEYWORD.exec(line)?.[1];
  if (keyword !== undefined) return LOCAL.test(line) ? undefined : keyword;
  if (!/[(=]/.test(line) || /^\s*(?:return|throw|await|yield|else|case)\b/.test(line)) return undefined;
  const other = METHOD.exec(line)?.[1] ?? ASSIGNED.exec(line)?.[1] ?? TYPED.exec(line)?.[1];
  return other === undefined || NO_NAMES.has(other) ? undefined : other;
};
